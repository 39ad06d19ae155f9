"""Snapshots: folded states kept for later questions to go on from."""

from typing import Annotated

import typer

from eventsource.cli._failures import FAILED, UsageError
from eventsource.cli._options import Asked, grouped
from eventsource.cli._output import Shown, say
from eventsource.snapshots import SnapshotPolicy
from eventsource.wording import counted

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
        bool, typer.Option("--verify", help="Compare answers with and without each; 1 where one differs.")
    ] = False,
) -> None:
    """Keep the folded states at a moment, for later questions to go on from; answers do not change."""
    if asked.known_at is not None or asked.upto is not None:
        raise UsageError("a snapshot holds all events up to its moment", hint="leave --known-at and --upto out")
    timeline = asked.timeline()
    if every is not None:
        for taken in timeline.take_due(
            SnapshotPolicy(every=every) if keep is None else SnapshotPolicy(every=every, keep=keep)
        ):
            say(f"{counted(taken.entities, 'state')} at {taken.moment:%Y-%m-%d %H:%M:%S} kept")
    elif not (listed or verify or (keep is not None and when is None)):
        moments: list[str | None] = list(when) if when else [None]
        for taken in map(timeline.snapshot, moments):
            say(f"{counted(taken.entities, 'state')} at {taken.moment:%Y-%m-%d %H:%M:%S} kept")
    if keep is not None and every is None:
        say(f"{timeline.prune(keep)} removed")
    if verify:
        found = timeline.verify()
        shown.show(found, f"Snapshots of {timeline.plan.name}")
        if not found["same"].all():
            raise typer.Exit(FAILED)
    elif listed:
        shown.show(timeline.snapshots(), f"Snapshots of {timeline.plan.name}")
