"""The states at a moment, from a snapshot and the events that it lacks.

::

    snapshot   position 1200, moment 31 January        partial states of 50,000 entities
    tail       positions from 1200 on, and earlier     folded into partial states of the 300 entities that it
               events after 31 January                 touches, while the snapshot's file is read
    late       5 of the 300 have an event before the   folded again from all of their events
               last one in the snapshot
    corrected  2 more entities have an event that was  folded again, too: what the snapshot holds of them
               corrected from position 1200 on         may not even exist any more
    answer     49,698 states of the snapshot, 295 merged and 7 folded again
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
        snapshot: a usable one; see `unusable`.
        moment: the states after all events up to this instant; None: after all events.
        max_share: the snapshot does not help if more than this share of its states must be folded again.
        entities: only states of these ids; None: of all.
    """
    corrected = view.entities_corrected_since(snapshot.position)
    if entities is not None:
        corrected = corrected.filter(corrected.is_in(entities.implode()))
    with ThreadPoolExecutor(1) as pool:  # the file is read while the tail is folded
        reading = pool.submit(store.states, snapshot, entities)
        tail = view.tail(
            snapshot.position, after=snapshot.moment, until=moment, entities=entities, without=corrected
        )
        later, earlier = partial_states(tail), reading.result()
    if earlier is None:
        return Unusable("its file cannot be read")
    if isinstance(later, Unusable):
        return later
    if len(corrected):
        earlier = earlier.filter(~pl.col("entity").is_in(corrected.implode()))
    merge = Merge.of(earlier, later)
    is_late = merge.must_refold(tail)
    refolded = int(is_late.sum()) + len(corrected)
    if refolded > max_share * earlier.height:
        return Unusable(f"{refolded:,} of its {earlier.height:,} states would have to be folded again")
    newer = merge.merged(view.plan)
    if is_late.any():
        folded = _folded_again(view, moment, later["entity"].filter(is_late))
        if isinstance(folded, Unusable):
            return folded
        newer = pl.concat([newer.filter(~is_late), folded]).sort("entity")
    states = merge.replaced(newer, view.plan)
    if len(corrected):
        folded = _folded_again(view, moment, corrected)
        if isinstance(folded, Unusable):
            return folded
        states = states.merge_sorted(folded.select(states.columns), key="entity")
    return finish_states(states, tail)


def _folded_again(view: View, moment: datetime | None, entities: pl.Series) -> pl.DataFrame | Unusable:
    """Return the partial states of some entities, folded from all of their events."""
    folded = view.map(lambda events: partial_states(events.until(moment)), entities, until=moment)
    complete = [states for states in folded if not isinstance(states, Unusable)]
    if len(complete) < len(folded):
        return next(states for states in folded if isinstance(states, Unusable))
    return pl.concat(complete)


def lost_events(log: EventLog, snapshot: Snapshot) -> Unusable | None:
    """Return the reason if the log no longer contains the events of a snapshot; None: it contains them."""
    if still_contains(log, snapshot.log_mark, head=snapshot.position, last_id=snapshot.last_event_id):
        return None
    return Unusable("the log was restored from a backup, and no longer contains its events")
