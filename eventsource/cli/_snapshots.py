"""Snapshots: folded states kept for later questions to go on from."""

from collections.abc import Iterable
from typing import Annotated

import typer

from eventsource.cli._failures import FAILED, UsageError
from eventsource.cli._options import Asked, grouped
from eventsource.cli._output import Shown, say
from eventsource.messages import counted
from eventsource.snapshots import Snapshot, SnapshotPolicy

__all__ = ["snapshot"]


@grouped
def snapshot(
    asked: Asked,
    shown: Shown,
    when: Annotated[
        list[str] | None, typer.Argument(metavar="[WHEN]...", help="Moments; default: the latest event's.")
    ] = None,
    *,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="STEP", help="At the ends of the newest steps, such as 1mo, that lack one."
        ),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=0, help="Remove all but so many, the newest moments first.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Take none; show those that are there.")] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Compare answers with and without each; 1 where one differs, or is damaged."
        ),
    ] = False,
) -> None:
    """Keep the folded states at a moment, for later questions to go on from; answers do not change."""
    if asked.known_at is not None or asked.upto is not None:
        raise UsageError("a snapshot holds all events up to its moment", hint="leave --known-at and --upto out")
    if every is not None and when:
        raise UsageError("--every takes snapshots at the ends of steps", hint="leave the moments out, or --every")
    timeline = asked.timeline()
    if every is not None:
        policy = SnapshotPolicy(every=every) if keep is None else SnapshotPolicy(every=every, keep=keep)
        _told(timeline.take_due(policy))
    elif not (listed or verify or (keep is not None and when is None)):
        moments: list[str | None] = list(when) if when else [None]
        _told(map(timeline.snapshot, moments))
    if keep is not None and every is None:
        say(f"{timeline.prune(keep)} removed")
    if verify:
        found = timeline.verify()
        shown.show(found, f"Snapshots of {timeline.plan.name}")
        if not found["same"].all():
            raise typer.Exit(FAILED)
    elif listed:
        shown.show(timeline.snapshots(), f"Snapshots of {timeline.plan.name}")


def _told(taken: Iterable[Snapshot]) -> None:
    """Tell of each snapshot once it is taken."""
    none = True
    for each in taken:
        none = False
        say(f"{counted(each.entities, 'state')} at {each.moment:%Y-%m-%d %H:%M:%S} kept")
    if none:
        say("no snapshot was due")
