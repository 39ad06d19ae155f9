"""Answers from snapshots: the nearest one that helps, and the events after it."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final

import polars as pl

from eventsource.errors import FoldError
from eventsource.fold import Events, concat_answers
from eventsource.index import View
from eventsource.moment import day_of, first_days_back_from, first_instant
from eventsource.plan import Plan
from eventsource.snapshots._partial import Meeting, finished, is_mergeable, partial
from eventsource.snapshots._store import Shelf, Snapshot, SnapshotPolicy

__all__ = ["from_snapshot", "nearest", "taken", "taken_if_due"]

_WORTHWHILE: Final = 1 / 3


def taken(view: View, plan: Plan, shelf: Shelf, moment: datetime | None) -> Snapshot:
    """Fold all events up to a moment and keep their states.

    Args:
        view: all events.
        plan: the plan.
        shelf: where to keep them.
        moment: up to which instant, inclusive; None: the latest of all events.

    Raises:
        FoldError: there are no events, or the plan's states cannot be kept.
    """
    span = view.parts.span
    if span is None:
        raise FoldError(f"{plan.name} can keep no snapshot: the log has no events for it", hint="eventsource pull")
    if not is_mergeable(plan):
        raise FoldError(
            f"{plan.name} can keep no snapshot: a reduce field has no dtype", hint="dtype=… on the reduce"
        )
    moment = moment or span[1]
    parts = view.map(lambda events: _part(events.until(moment)), plan)
    states = [part.states for part in parts if part.states is not None]
    if len(states) < len(parts):
        raise FoldError(
            f"{plan.name} can keep no snapshot: a total of floats needs more digits than 128 bits hold",
            hint="dtype=pl.Decimal(18, 2) makes the total exact",
        )
    known = max((part.known for part in parts if part.known is not None), default=None)
    every = concat_answers(states)
    about = Snapshot(
        position=view.limit,
        moment=moment,
        whole=moment >= span[1],
        known=known,
        columns=tuple(sorted(view.columns)),
        entities=every.height,
        last=view.parts.last_id(view.limit),
        mark=view.parts.log.mark,
        file="",
    )
    return shelf.keep(every, about)


def taken_if_due(view: View, plan: Plan, shelf: Shelf, policy: SnapshotPolicy, tz: str) -> list[Snapshot]:
    """Take the snapshots that a policy asks for by now, and remove those that it does not keep."""
    columns, span, there = tuple(sorted(view.parts.columns)), view.parts.span, shelf.all()
    here = [snapshot for snapshot in there if snapshot.columns == columns]
    if span is None or not is_mergeable(plan):
        return []
    due: list[datetime | None] = []
    newest = max((snapshot.position for snapshot in here if snapshot.whole), default=0)
    if policy.events is not None and view.limit - newest >= policy.events:
        due.append(None)
    if policy.every is not None:
        moments = [snapshot.moment for snapshot in here]
        due += [
            end
            for end in _step_ends(span, policy, tz)
            if end not in moments and sum(moment > end for moment in moments) < policy.keep
        ]
    new = []
    for moment in due:
        with contextlib.suppress(FoldError):  # there may be states of the events asked for, but none of all
            new.append(taken(view, plan, shelf, moment))
    if new or len(there) > policy.keep:
        shelf.prune(policy.keep, columns, new)
    return new


def _step_ends(span: tuple[datetime, datetime], policy: SnapshotPolicy, tz: str) -> list[datetime]:
    """Return the last instants of the newest steps that are over, at most as many as are kept."""
    begins = (first_instant(day, tz) for day in first_days_back_from(day_of(span[1], tz), str(policy.every)))
    over = takewhile(lambda begin: begin > span[0], begins)
    return [begin - timedelta(microseconds=1) for begin in islice(over, policy.keep)]


def from_snapshot(
    view: View,
    shelf: Shelf,
    found: Snapshot,
    moment: datetime | None,
    entities: pl.Series | None = None,
) -> pl.DataFrame | None:
    """Return the states at a moment, of some entities or all, going on from a snapshot; None: it does not help."""
    plan = shelf.plan
    if not _is_usable(found, view, moment):
        return None
    with ThreadPoolExecutor(1) as pool:  # the file is read while the tail folds
        reading = pool.submit(shelf.states, found, entities)
        tail = view.tail(plan, found.position, found.moment, moment, entities)
        later, states = partial(tail), reading.result()
    if states is None or later is None:
        return None
    meeting = Meeting.of(states, later)
    late = meeting.unmergeable(tail)
    if late.sum() > _WORTHWHILE * states.height:
        return None
    newer = meeting.merged(plan)
    if late.any():
        ids = later["entity"].filter(late)
        fresh = view.map(lambda events: partial(events.until(moment)), plan, ids)
        whole = [part for part in fresh if part is not None]
        if len(whole) < len(fresh):
            return None
        newer = pl.concat([newer.filter(~late), *whole]).sort("entity")
    return finished(meeting.replaced(newer), plan, _summed(tail))


@dataclass(frozen=True)
class _Part:
    states: pl.DataFrame | None
    known: datetime | None


def _part(events: Events) -> _Part:
    known = events.clustered.in_order.select(pl.col("recorded_at").max()).collect().item()
    return _Part(partial(events), known)


def nearest(snapshots: Iterable[Snapshot], view: View, moment: datetime | None) -> Snapshot | None:
    """Return the snapshot that leaves the fewest events to fold, if that is worth it."""
    usable = [snapshot for snapshot in snapshots if _is_usable(snapshot, view, moment)]
    costs = {s: view.parts.expected(s.position, s.moment, moment) for s in usable}
    best = min(usable, key=lambda s: costs[s], default=None)
    return best if best is not None and costs[best] <= _WORTHWHILE else None


def _is_usable(snapshot: Snapshot, view: View, moment: datetime | None) -> bool:
    """Say whether all events of a snapshot may be seen, and its dtypes are those of today."""
    if snapshot.columns != tuple(sorted(view.parts.columns)):
        return False
    if snapshot.position > view.limit or (moment is not None and snapshot.moment > moment):
        return False
    if view.known_at is None:
        return True
    if view.parts.members.plan.order == "recorded_at":
        return False  # what was recorded later may have moved the streams' clocks
    if snapshot.known is not None and snapshot.known > view.known_at:
        return False
    return snapshot.columns == tuple(sorted(view.columns))  # a kind of value may have come with what is not known


def _summed(events: Events) -> pl.Schema:
    """Return the dtypes of what totals are taken of, by field."""
    schema = events.clustered.columns.collect_schema()
    totals = [rule for rule in events.plan.rules if rule.op == "total" and rule.of is not None]
    columns = {rule.name: events.members.of(rule).column for rule in totals}
    return pl.Schema({name: schema[column] for name, column in columns.items()})
