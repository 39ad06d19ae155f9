"""Views: the one consistent set of events that a question sees.

A view never changes. It names parts (files that are never rewritten, or frames in memory) and two limits: a
position and a moment of recording. A question takes one view and asks it for everything that it needs, so that all
its steps see the same events, whatever other processes append meanwhile.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, TypeVar

import polars as pl
from msgspec import Struct, field

from eventsource.allocation import keep_freed_memory
from eventsource.decode import Clustered, kind_columns, non_empty_columns
from eventsource.event import TIMESTAMP, EventLog
from eventsource.fold import Bounds, Events, Held, held_values
from eventsource.index._corrections import Readings
from eventsource.index._decode import settled_moments, settled_then
from eventsource.index._log import reading
from eventsource.index._parts import Parts
from eventsource.index._seen import Seen, look
from eventsource.index._threads import in_threads
from eventsource.moment import epoch_microseconds
from eventsource.plan import Plan, Rule

__all__ = ["View"]

_GLANCE: Final = 5_000
"""Events of a part that are looked at first: most columns have a value in one of them."""

T = TypeVar("T")


class View(Struct, frozen=True, dict=True):
    """The events that a question sees.

    Args:
        parts: where they are.
        upto: only events with position < ``upto``.
        known_at: only events with ``recorded_at`` <= ``known_at``; None: all.
        has_all_readings: whether corrected events have a row for each reading that was known at some time, with
            the columns `KNOWN_FROM` and `KNOWN_UNTIL`; otherwise only for the one that is known at ``known_at``.
    """

    parts: Parts
    upto: int
    known_at: datetime | None
    has_all_readings: bool = False
    _seen: dict[datetime | None, Seen] = field(default_factory=dict)

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
        """The corrections that the view sees; None: the log has none."""
        corrections = self.parts.corrections
        return (corrections.over_time if self.has_all_readings else corrections.seen)(self.upto, self.known_at)

    def over_time(self) -> "View":
        """Return a view for rows that each see what was known at a moment of their own, up to ``known_at``."""
        return View(self.parts, self.upto, self.known_at, has_all_readings=True)

    def entities_corrected_since(self, position: int) -> pl.Series:
        """Return the ids of entities that corrections from a position on may have touched, sorted."""
        return self.parts.corrections.entities_since(position, self.upto, self.known_at)

    def without_known_at(self) -> "View":
        """Return the view of the same events and those that were recorded after ``known_at``."""
        return self if self.known_at is None else View(self.parts, self.upto, None)

    def map(
        self,
        fold: Callable[[Events], T],
        entities: pl.Series | None = None,
        *,
        until: datetime | None = None,
        found: list[pl.DataFrame] | None = None,
    ) -> list[T]:
        """Call a function with the events of each range of entities; return the results in the order of entities.

        Args:
            fold: called by several threads at once, at least once.
            entities: only events of these ids.
            until: the last moment of the question, which decides the dtypes; None: it has none. Later events are
                there nevertheless.
            found: gets the faults that ``fold`` meets, a frame for each answer.
        """
        keep_freed_memory()
        seen, faults = self.seen(until), [] if found is None else found

        def fold_part(number: int) -> T:
            return fold(self._resolved(self._visible(number, entities), seen, faults))

        return in_threads(fold_part, self._part_numbers(entities))

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
            tail = self.readings.of_originals.apply_to_rows(tail, lacks)
        tail = tail.filter(pl.col("position") < self.upto)
        if entities is not None:
            tail = tail.filter(pl.col("entity").is_in(entities.implode()))
        if without is not None:
            tail = tail.filter(~pl.col("entity").is_in(without.implode()))
        if until is not None:
            tail = tail.filter(pl.col("at") <= until)
        if self.known_at is not None:
            tail = tail.filter(pl.col("recorded_at") <= self.known_at)
        return self._resolved(Clustered.from_events(tail.collect()), self.seen(until), [])

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

        A corrected event may now be earlier or later than all others. Where it was the first or the last one, only
        a look at all events says which one is first or last now.
        """
        ends = self.parts.span
        if ends is None or self.readings is None:
            return ends
        at = pl.col("at")
        gone = self.readings.of_originals.removed.select(at.min().alias("first"), at.max().alias("last")).row(0)
        come = self.readings.of_originals.rows.select(at.min().alias("first"), at.max().alias("last")).row(0)
        if gone[0] is not None and (gone[0] <= ends[0] or gone[1] >= ends[1]):
            return None
        return ends if come[0] is None else (min(ends[0], come[0]), max(ends[1], come[1]))

    def seen(self, until: datetime | None) -> Seen:
        """Return what a question up to a moment sees of the payload members; it decides the dtypes of fields."""
        if until not in self._seen:
            self._seen[until] = self._look(until)
        return self._seen[until]

    def seen_columns(self, until: datetime | None) -> tuple[str, ...]:
        """Return the payload columns that the events up to a moment have, sorted; None: all events."""
        return tuple(sorted(kind_columns(self._columns(until), self.parts.members)))

    def _look(self, until: datetime | None) -> Seen:
        columns = kind_columns(self._columns(until), self.parts.members)
        bounds = Bounds({name: self.parts.columns[name].top for name in columns}, self.parts.rows)
        return look(columns, bounds, self.parts.members, until, self._held)

    def _held(self, seen: Seen, rules: Sequence[Rule]) -> list[dict[str, Held]]:
        """Return what some fields hold in each part."""

        def held_in(number: int) -> dict[str, Held]:
            return held_values(self._resolved(self._visible(number), seen, []), rules)

        return in_threads(held_in, self._part_numbers())

    def _columns(self, until: datetime | None) -> list[str]:
        """Return the columns of payload members that any of the events up to a moment has."""
        columns = self.parts.columns
        found: set[str] = set()
        if self._is_whole:
            last = None if until is None else epoch_microseconds(until)
            uncertain = self._uncertain_columns(last)
            known = {name: facts for name, facts in columns.items() if name not in uncertain}
            found = {name for name, facts in known.items() if last is None or facts.first <= last}
            columns = {name: facts for name, facts in columns.items() if name in uncertain}
        for number in self._part_numbers() if columns else ():
            events = self._visible(number).in_order
            for some in (events.head(_GLANCE), events):
                missing = [name for name in columns if name not in found]
                if missing:
                    asked = some if until is None else some.filter(pl.col("at") <= until)
                    found |= set(non_empty_columns(asked, missing))
        return [name for name in self.parts.columns if name in found]

    def _uncertain_columns(self, last: int | None) -> set[str]:
        """Return the columns for which the facts do not say whether an event up to ``last`` has a value in them.

        The facts of a column give the first moment at which an event has a value in it. Without corrections that
        is the answer. Where events with this column were corrected, it is still the answer if no reading that this
        view leaves out has that moment, and the moment is not after ``last``: the value is then still read.
        """
        if self.readings is None:
            return set()
        corrected = set(self.readings.unread["at"].to_physical())
        return {
            name
            for name, facts in self.parts.columns.items()
            if name in self.parts.corrections.columns
            and (facts.first in corrected or (last is not None and facts.first > last))
        }

    def _part_numbers(self, entities: pl.Series | None = None) -> list[int]:
        """Return the numbers of the parts that may hold some entities, at least one part."""
        first_ids = pl.Series(self.parts.first_ids)
        if entities is None or len(first_ids) == 1:
            return list(range(len(first_ids)))
        numbers = first_ids.search_sorted(entities.drop_nulls().unique(), side="right")
        return sorted({max(int(number) - 1, 0) for number in numbers}) or [0]

    def _resolved(self, events: Clustered, seen: Seen, found: list[pl.DataFrame]) -> Events:
        """Return events as the fold takes them: with a column for each kind that the question sees."""
        members = self.parts.members

        def fill(frame: pl.LazyFrame) -> pl.LazyFrame:
            names = frame.collect_schema().names()
            absent = [pl.lit(None, dtype).alias(name) for name, dtype in seen.columns.items() if name not in names]
            return frame.with_columns(absent) if absent else frame

        return Events(
            events.map_columns(fill),
            members,
            members.plan,
            columns=seen.columns,
            dtypes=seen.dtypes,
            undecided=seen.undecided,
            bounds=seen.bounds,
            moment=seen.until,
            found=found,
        )

    def _visible(self, number: int, entities: pl.Series | None = None) -> Clustered:
        events = self.parts.load(number, entities, self.readings)
        if self.upto < self.parts.head:
            events = events.where(pl.col("position") < self.upto)
        return events if self.known_at is None else self._recorded_by(events, self.known_at)

    def _recorded_by(self, events: Clustered, known_at: datetime) -> Clustered:
        """Return the events recorded by ``known_at``, in the fold order that they had then.

        With ``order="recorded_at"`` a stream's clock never runs backwards, so that an event recorded later may
        have moved the moments of the events behind it. Such moments are computed again, without the later event.
        """
        events = events.where(pl.col("recorded_at") <= known_at)
        if self.plan.order == "occurred_at":
            return events
        rows = events.fetch(events.in_order)
        if not (rows["at"] > known_at).any():
            return events
        rows = events.with_entity(rows).drop("at")
        return Clustered.from_events(rows.join(self._settled, on="position", how="left", maintain_order="left"))

    def settled(self, events: pl.DataFrame) -> pl.Series:
        """Return the ``settled_at`` of events, by ``position``, that each had at a ``known_at`` of its own."""
        with reading(self.parts.log):
            return settled_then(self.parts.log, events)

    @cached_property
    def _settled(self) -> pl.DataFrame:
        assert self.known_at is not None  # noqa: S101 - only used where it is given
        with reading(self.parts.log):
            return settled_moments(self.parts.log, self.upto, self.known_at)


def _ends(events: Events) -> tuple[datetime | None, datetime | None]:
    rows, at = events.clustered, pl.col("at")
    return rows.fetch(rows.in_order.select(at.min().alias("first"), at.max().alias("last"))).row(0)
