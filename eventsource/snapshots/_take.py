"""Taking snapshots: all events up to a moment are folded, and their partial states stored."""

import contextlib
from collections.abc import Sequence
from datetime import datetime

import polars as pl
from msgspec import Struct

from eventsource.errors import FoldError
from eventsource.fold import Events, concat_answers
from eventsource.index import View
from eventsource.snapshots._choose import Unusable
from eventsource.snapshots._partial import can_hold_states, partial_states
from eventsource.snapshots._policy import SnapshotPolicy, due_moments
from eventsource.snapshots._store import Snapshot, SnapshotStore

__all__ = ["take_due_snapshots", "take_snapshot"]


def take_snapshot(view: View, store: SnapshotStore, moment: datetime | None) -> Snapshot:
    """Fold all events up to a moment and store their states.

    Args:
        view: all events up to the head of the log, which was refreshed for it: the log's mark is then not older.
        store: where to store them.
        moment: up to this instant, inclusive; None: up to the latest of all events.

    Raises:
        FoldError: there are no events, or the states of this plan cannot be stored.
        IndexFileError: the file cannot be written.
    """
    plan, span = view.plan, view.span
    if span is None:
        raise FoldError(f"{plan.name}: there are no events to take a snapshot of", hint="eventsource pull")
    if not can_hold_states(plan):
        raise FoldError(
            f"{plan.name}: the states of a reduce field without dtype cannot be stored",
            hint="dtype=… on the reduce",
        )
    moment = moment or span[1]
    parts = view.map(lambda events: _folded(events.until(moment)), until=moment)
    for part in parts:
        if isinstance(part.states, Unusable):
            raise FoldError(
                f"{plan.name}: the states cannot be stored: {part.states.reason}",
                hint="Timeline.faults() lists what cannot be folded; dtype=pl.Decimal(18, 2) needs fewer digits",
            )
    recorded = [view.parts.corrections.last_recorded_at(view.upto), *(part.last for part in parts)]
    all_states = concat_answers([part.states for part in parts if not isinstance(part.states, Unusable)])
    return store.write(
        all_states,
        Snapshot(
            position=view.upto,
            moment=moment,
            is_complete=moment >= span[1],
            last_recorded_at=max((moment for moment in recorded if moment is not None), default=None),
            columns=view.seen_columns(moment),
            entities=all_states.height,
            last_event_id=view.parts.last_event_id(view.upto),
            log_mark=view.log.mark,
            file="",
        ),
    )


def take_due_snapshots(
    view: View, store: SnapshotStore, policy: SnapshotPolicy, existing: Sequence[Snapshot], tz: str
) -> list[Snapshot]:
    """Take the snapshots that a policy asks for, and remove those that it does not keep; return the new ones.

    Args:
        view: all events up to the head of the log, which was refreshed for it: the log's mark is then not older.
        store: where to store them.
        policy: the policy.
        existing: the snapshots that are there, without damaged ones and those of events that the log lost.
        tz: the zone of calendar steps.
    """
    if view.span is None or not can_hold_states(view.plan):
        return []
    # The events up to the moment of a snapshot may have fewer columns than all events.
    useful = [snapshot for snapshot in existing if snapshot.columns == view.seen_columns(snapshot.moment)]
    new = []
    for moment in due_moments(policy, useful, view.span, view.upto, tz):
        # A question that finds a snapshot due must not fail because a total cannot be stored.
        with contextlib.suppress(FoldError):
            new.append(take_snapshot(view, store, moment))
    if new or len(existing) > policy.keep:
        store.prune(policy.keep, useful, new)
    return new


class _Folded(Struct, frozen=True):
    """The partial states of a part, and the latest ``recorded_at`` of its events; see `partial_states`."""

    states: pl.DataFrame | Unusable
    last: datetime | None


def _folded(events: Events) -> _Folded:
    last = events.clustered.in_order.select(pl.col("recorded_at").max()).collect().item()
    return _Folded(partial_states(events), last)
