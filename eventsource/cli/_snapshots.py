"""The command `snapshot`: store folded states, list, prune and verify them."""

from collections.abc import Iterable
from typing import Annotated

from click.exceptions import Exit

from eventsource.cli._errors import FAILED, UsageError
from eventsource.cli._options import QuestionOptions
from eventsource.cli._output import OutputOptions
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._terminal import say
from eventsource.messages import counted
from eventsource.moment import readable_time
from eventsource.snapshots import Snapshot, SnapshotPolicy

__all__ = ["snapshot"]


def snapshot(
    asked: QuestionOptions,
    shown: OutputOptions,
    when: Annotated[
        list[str] | None,
        Argument(metavar="WHEN", help="Moments to store states of. Default: the latest event's."),
    ] = None,
    *,
    every: Annotated[
        str | None,
        Option("--every", metavar="STEP", help="Take missing snapshots at the ends of periods, such as 1mo."),
    ] = None,
    keep: Annotated[
        int | None,
        Option(
            "--keep", metavar="COUNT", min=0, help="Keep this many of the newest snapshots, and remove the others."
        ),
    ] = None,
    listed: Annotated[bool, Option("--list", help="List the stored snapshots; take none.")] = False,
    verify: Annotated[
        bool,
        Option(
            "--verify",
            help="Compare answers with and without each snapshot; exit code 1 if one differs or is damaged.",
        ),
    ] = False,
) -> None:
    """Store folded states, so that later questions are faster; answers do not change."""
    _check_usage(asked, has_moments=bool(when), has_every=every is not None)
    timeline = asked.timeline()
    has_deleted = bool(timeline.plan.deleted)
    if every is not None:
        policy = SnapshotPolicy(every=every) if keep is None else SnapshotPolicy(every=every, keep=keep)
        _report(timeline.take_due(policy), has_deleted=has_deleted)
    elif not (listed or verify or (keep is not None and when is None)):
        moments: list[str | None] = list(when) if when else [None]
        _report(map(timeline.snapshot, moments), has_deleted=has_deleted)
    if keep is not None and every is None:
        say(f"{counted(timeline.prune(keep), 'snapshot')} removed")
    if verify:
        found = timeline.verify()
        shown.show(found, f"Snapshots of {timeline.plan.name}")
        if not found["same"].all():
            raise Exit(FAILED)
    elif listed:
        shown.show(timeline.snapshots(), f"Snapshots of {timeline.plan.name}")


def _check_usage(asked: QuestionOptions, *, has_moments: bool, has_every: bool) -> None:
    if asked.known_at is not None or asked.upto is not None:
        message = "--known-at and --upto do not apply to snapshots"
        raise UsageError(message, hint="remove --known-at and --upto")
    if has_every and has_moments:
        hint = "eventsource snapshot --every 1mo, or eventsource snapshot 2024-06-30"
        raise UsageError("expected --every or moments, got both", hint=hint)


def _report(snapshots: Iterable[Snapshot], *, has_deleted: bool) -> None:
    """Print a line for each snapshot as soon as it is taken."""
    is_empty = True
    more = ", those of deleted entities included" if has_deleted else ""
    for each in snapshots:
        is_empty = False
        say(f"{counted(each.entities, 'state')} at {readable_time(each.moment)} stored{more}")
    if is_empty:
        say("no snapshot was due")
