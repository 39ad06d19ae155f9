"""The states at a moment, from a snapshot and the events that it lacks.

::

    snapshot   position 1200, moment 31 January        partial states of 50,000 entities
    tail       positions from 1200 on, and earlier     folded into partial states of the 300 entities that it
               events after 31 January                 touches, while the snapshot's file is read
    late       5 of the 300 have an event before the   folded again from all of their events
               last one in the snapshot
    answer     49,700 states of the snapshot, 295 merged and 5 folded again
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import polars as pl

from eventsource.event import EventLog
from eventsource.index import View, still_contains
from eventsource.snapshots._choose import Unusable
from eventsource.snapshots._partial import Merge, finish_states, partial_states
from eventsource.snapshots._store import Snapshot, SnapshotStore

__all__ = ["lost_events", "states_from_snapshot"]


def states_from_snapshot(
    view: View,
    store: SnapshotStore,
    snapshot: Snapshot,
    moment: datetime | None,
    *,
    max_share: float,
    entities: pl.Series | None = None,
) -> pl.DataFrame | Unusable:
    """Return the states at a moment, as a fold of all events would.

    Args:
        view: the events that the question sees.
        store: where the snapshot is.
        snapshot: one that `unusable` has nothing against.
        moment: the states after all events up to this instant; None: after all events.
        max_share: the snapshot does not help if more than this share of its states must be folded again.
        entities: only states of these ids; None: of all.
    """
    with ThreadPoolExecutor(1) as pool:  # the file is read while the tail is folded
        reading = pool.submit(store.states, snapshot, entities)
        tail = view.tail(snapshot.position, after=snapshot.moment, until=moment, entities=entities)
        later, earlier = partial_states(tail), reading.result()
    if earlier is None:
        return Unusable("its file cannot be read")
    if isinstance(later, Unusable):
        return later
    merge = Merge.of(earlier, later)
    is_late = merge.must_refold(tail)
    if is_late.sum() > max_share * earlier.height:
        return Unusable(f"{is_late.sum():,} of its {earlier.height:,} states would have to be folded again")
    newer = merge.merged(view.plan)
    if is_late.any():
        folded = view.map(lambda events: partial_states(events.until(moment)), later["entity"].filter(is_late))
        complete = [states for states in folded if not isinstance(states, Unusable)]
        if len(complete) < len(folded):
            return next(states for states in folded if isinstance(states, Unusable))
        newer = pl.concat([newer.filter(~is_late), *complete]).sort("entity")
    return finish_states(merge.replaced(newer, view.plan), tail)


def lost_events(log: EventLog, snapshot: Snapshot) -> Unusable | None:
    """Return that the log no longer contains the events of a snapshot; None: it contains them."""
    if still_contains(log, snapshot.log_mark, head=snapshot.position, last_id=snapshot.last_event_id):
        return None
    return Unusable("the log was restored from a backup, and no longer contains its events")
