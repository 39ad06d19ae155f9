"""Views: the one consistent set of events that a question sees.

A view never changes. It names parts (files that are never rewritten, or frames in memory) and two limits: a
position and a moment of recording. A question takes one view and asks it for everything that it needs, so that all
its steps see the same events, whatever other processes append meanwhile.

Files of an index may be deleted at any time, also while a question reads them. Therefore views are retried, as
with the library tenacity: if a file is missing, the attempt ends without an error, and the loop tries again with
an index that has been rebuilt::

    for attempt in index.views(known_at=moment):
        with attempt as view:
            counts = view.map(lambda events: len(events.clustered))
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Final, TypeVar

import polars as pl

from eventsource import allocation
from eventsource.decode import Clustered, kind_columns, non_empty_columns, unify_kinds
from eventsource.errors import EventsourceError
from eventsource.event import TIMESTAMP, EventLog
from eventsource.fold import Events
from eventsource.index._corrections import Readings
from eventsource.index._decode import settled_moments
from eventsource.index._log import reading
from eventsource.index._parts import Parts
from eventsource.plan import Plan

__all__ = ["Attempt", "View"]

_WORKERS: Final = 2  # each part is read and folded by all threads of Polars; a second worker fills the gaps

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """The events that a question sees.

    Args:
        parts: where they are.
        upto: only events with position < ``upto``.
        known_at: only events with ``recorded_at`` <= ``known_at``; None: all.
    """

    parts: Parts
    upto: int
    known_at: datetime | None

    @property
    def log(self) -> EventLog:
        """The log that the events come from."""
        return self.parts.log

    @property
    def plan(self) -> Plan:
        """The plan that the events are decoded for."""
        return self.parts.members.plan

    @property
    def _is_whole(self) -> bool:
        """Whether the view has all events of its parts, corrected or not."""
        return self.known_at is None and self.upto >= self.parts.head

    @cached_property
    def readings(self) -> Readings | None:
        """What is read instead of corrected events; None: the view sees no correction."""
        return self.parts.corrections.seen(self.upto, self.known_at)

    def entities_corrected_since(self, position: int) -> pl.Series:
        """Return the ids of entities that corrections from a position on may have touched, sorted."""
        return self.parts.corrections.entities_since(position, self.upto, self.known_at)

    def without_known_at(self) -> "View":
        """Return the view of the same events and those that were recorded after ``known_at``."""
        return self if self.known_at is None else replace(self, known_at=None)

    def map(self, fold: Callable[[Events], T], entities: pl.Series | None = None) -> list[T]:
        """Call a function with the events of each range of entities; return the results in the order of entities.

        Args:
            fold: called by several threads at once, at least once.
            entities: only events of these ids.
        """
        allocation.keep_freed_memory()
        numbers, _ = self._part_numbers(entities), self.columns

        def fold_part(number: int) -> T:
            return fold(self._resolved(self._visible(number, entities)))

        if len(numbers) == 1:
            return [fold_part(numbers[0])]
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(fold_part, numbers))

    def tail(
        self,
        position: int,
        *,
        after: datetime,
        until: datetime | None,
        entities: pl.Series | None = None,
        without: pl.Series | None = None,
    ) -> Events:
        """Return what a snapshot lacks: events from its position on, and earlier ones after its moment.

        Args:
            position: all events from this position on count.
            after: events before that position count where they are later than this moment.
            until: only events up to this moment, inclusive; None: no end.
            entities: only events of these ids.
            without: no events of these ids.
        """
        tail = self.parts.events_since(position, after)
        if self.readings is not None:
            lacks = (pl.col("position") >= position) | (pl.col("at") > after)
            tail = self.readings.apply_to_rows(tail, lacks)
        tail = tail.filter(pl.col("position") < self.upto)
        if entities is not None:
            tail = tail.filter(pl.col("entity").is_in(entities.implode()))
        if without is not None:
            tail = tail.filter(~pl.col("entity").is_in(without.implode()))
        if until is not None:
            tail = tail.filter(pl.col("at") <= until)
        if self.known_at is not None:
            tail = tail.filter(pl.col("recorded_at") <= self.known_at)
        return self._resolved(Clustered.from_events(tail.collect()))

    def touched_entities(self, start: int) -> pl.Series:
        """Return the ids of entities with events at ``start`` <= position, or corrected there, sorted."""
        events = self.parts.events_since(start).filter(pl.col("position") < self.upto)
        ids = events.select("entity").collect().to_series()
        return pl.concat([ids, self.entities_corrected_since(start)]).unique().sort()

    @cached_property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment of the events; None: there are no events."""
        if self._is_whole and (ends := self._span_of_whole) is not None:
            return ends
        found = pl.DataFrame(self.map(_ends), schema={"first": TIMESTAMP, "last": TIMESTAMP}, orient="row")
        first, last = found.select(pl.col("first").min(), pl.col("last").max()).row(0)
        return None if first is None else (first, last)

    @property
    def _span_of_whole(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment of a view without limits; None: all events must be looked at.

        What is read instead of corrected events may be earlier or later than all others. Where a corrected event
        was the first or the last one, only a look at the others tells which of them is now.
        """
        ends = self.parts.span
        if ends is None or self.readings is None:
            return ends
        at = pl.col("at")
        gone = self.readings.originals.select(at.min().alias("first"), at.max().alias("last")).row(0)
        come = self.readings.rows.select(at.min().alias("first"), at.max().alias("last")).row(0)
        if gone[0] is not None and (gone[0] <= ends[0] or gone[1] >= ends[1]):
            return None
        return ends if come[0] is None else (min(ends[0], come[0]), max(ends[1], come[1]))

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns of payload members that any of the events has. They decide the dtypes of fields."""
        names = list(self.parts.columns)
        # Only a corrected event can take the last value of a column away from a view without limits.
        uncertain = self.parts.corrections.columns if self.readings is not None else set()
        found = {name for name in names if name not in uncertain} if self._is_whole else set[str]()
        for number in range(len(self.parts.first_ids)):
            if len(found) == len(names):
                break
            missing = [name for name in names if name not in found]
            found |= set(non_empty_columns(self._visible(number).in_order, missing))
        return kind_columns([name for name in names if name in found])

    def _part_numbers(self, entities: pl.Series | None) -> list[int]:
        """Return the numbers of the parts that may hold some entities, at least one part."""
        first_ids = pl.Series(self.parts.first_ids)
        if entities is None or len(first_ids) == 1:
            return list(range(len(first_ids)))
        numbers = first_ids.search_sorted(entities.drop_nulls().unique(), side="right")
        return sorted({max(int(number) - 1, 0) for number in numbers}) or [0]

    def _resolved(self, events: Clustered) -> Events:
        """Return events with one column per member, as the fold takes them."""
        columns, members = self.columns, self.parts.members
        return Events(
            events.map_columns(lambda frame: unify_kinds(frame, members, columns)), members, members.plan
        )

    def _visible(self, number: int, entities: pl.Series | None = None) -> Clustered:
        events = self.parts.load(number, entities)
        if self.readings is not None:
            events = self._readings_of(number, entities, self.readings).apply(events)
        if self.upto < self.parts.head:
            events = events.where(pl.col("position") < self.upto)
        return events if self.known_at is None else self._recorded_by(events, self.known_at)

    def _readings_of(self, number: int, entities: pl.Series | None, readings: Readings) -> Readings:
        first_ids = self.parts.first_ids
        below = first_ids[number + 1] if number + 1 < len(first_ids) else None
        mine = readings.between(first_ids[number], below)
        return mine if entities is None else mine.of_entities(entities)

    def _recorded_by(self, events: Clustered, known_at: datetime) -> Clustered:
        """Return the events recorded by ``known_at``, in the fold order that they had then.

        With ``order="recorded_at"`` a stream's clock never runs backwards, so that an event recorded later may
        have moved the moments of the events behind it. Such moments are computed again, without the later event.
        """
        events = events.where(pl.col("recorded_at") <= known_at)
        if self.plan.order == "occurred_at":
            return events
        rows = events.in_order.collect()
        if not (rows["at"] > known_at).any():
            return events
        rows = events.with_entity(rows).drop("at")
        return Clustered.from_events(rows.join(self._settled, on="position", how="left", maintain_order="left"))

    @cached_property
    def _settled(self) -> pl.DataFrame:
        assert self.known_at is not None  # noqa: S101 - only used where it is given
        with reading(self.parts.log):
            return settled_moments(self.parts.log, self.upto, self.known_at)


class Attempt:
    """One attempt to answer a question from a view, as a context manager.

    A missing or damaged file ends the ``with`` block without an error: `missing` then holds the error, and the
    index tries again. An error of Polars or of the operating system may be the effect of such a file: then all
    files are checked. All other errors pass.

    Args:
        view: what the question sees in this attempt.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self.missing: FileNotFoundError | None = None

    def __enter__(self) -> View:
        return self._view

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, FileNotFoundError):
            self.missing = error
        elif isinstance(error, pl.exceptions.PolarsError | OSError) and not isinstance(error, EventsourceError):
            self.missing = self._view.parts.first_damaged()
        return self.missing is not None


def _ends(events: Events) -> tuple[datetime | None, datetime | None]:
    at = pl.col("at")
    return events.clustered.in_order.select(at.min().alias("first"), at.max().alias("last")).collect().row(0)
