"""Views: the events that a question may see, in parts, asked side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, TypeVar

import polars as pl

from eventsource import allocation
from eventsource.decode import Clustered, member_columns, present, resolve
from eventsource.fold import Events
from eventsource.index._decode import settled
from eventsource.index._parts import Parts
from eventsource.plan import Plan

__all__ = ["View"]

_WORKERS: Final = 2  # each part is read and folded by all of Polars' threads; a second one hides the gaps

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """The events that a question may see.

    Args:
        parts: where they are.
        limit: only events with position < ``limit``.
        known_at: only events with ``recorded_at`` <= ``known_at``.
    """

    parts: Parts
    limit: int
    known_at: datetime | None

    def map(self, question: Callable[[Events], T], plan: Plan, entities: pl.Series | None = None) -> list[T]:
        """Return a question's answers for ranges of entities, in the order of entities.

        Args:
            question: asked from several threads at once.
            plan: the index's plan, or one with fewer of its fields.
            entities: only theirs.
        """
        allocation.keep_freed_memory()
        numbers, _ = self._numbers(entities), self.columns

        def answer(number: int) -> T:
            return question(self._events(number, plan, entities))

        if len(numbers) == 1:
            return [answer(numbers[0])]
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(answer, numbers))

    def touched(self, start: int) -> pl.Series:
        """Return the ids of entities with events at ``start`` <= position, sorted."""
        events = self.parts.since(start).filter(pl.col("position") < self.limit)
        return events.select("entity").collect().to_series().unique().sort()

    def tail(
        self,
        plan: Plan,
        position: int,
        moment: datetime,
        until: datetime | None,
        entities: pl.Series | None = None,
    ) -> Events:
        """Return the events from a position on, and those before it that happened after a moment.

        Args:
            plan: the index's plan.
            position: where they begin.
            moment: events before that position count if they are after this instant.
            until: the last instant, inclusive; None: no end.
            entities: only theirs.
        """
        tail = self.parts.since(position, moment).filter(pl.col("position") < self.limit)
        if entities is not None:
            tail = tail.filter(pl.col("entity").is_in(entities.implode()))
        if until is not None:
            tail = tail.filter(pl.col("at") <= until)
        if self.known_at is not None:
            tail = tail.filter(pl.col("recorded_at") <= self.known_at)
        return self._resolved(Clustered.from_events(tail.collect()), plan)

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns of payload members that any of the events has: they decide dtypes."""
        names = list(self.parts.columns)
        if self._is_whole:
            return member_columns(names)
        found: set[str] = set()
        for number in range(len(self.parts.firsts)):
            found |= set(present(self._visible(number).in_order, [name for name in names if name not in found]))
            if len(found) == len(names):
                break
        return member_columns([name for name in names if name in found])

    @property
    def _is_whole(self) -> bool:
        return self.known_at is None and self.limit >= self.parts.head

    def _numbers(self, entities: pl.Series | None) -> list[int]:
        """Return the parts that hold any of some entities; the first where none does."""
        firsts = pl.Series(self.parts.firsts)
        if entities is None or len(firsts) == 1:
            return list(range(len(firsts)))
        places = firsts.search_sorted(entities.drop_nulls().unique(), side="right")
        return sorted({max(int(place) - 1, 0) for place in places}) or [0]

    def _events(self, number: int, plan: Plan, entities: pl.Series | None) -> Events:
        return self._resolved(self._visible(number, entities), plan)

    def _resolved(self, rows: Clustered, plan: Plan) -> Events:
        columns, members = self.columns, self.parts.members
        return Events(rows.map_columns(lambda frame: resolve(frame, members, columns)), members, plan)

    def _visible(self, number: int, entities: pl.Series | None = None) -> Clustered:
        rows = self.parts.load(number, entities)
        if self.limit < self.parts.head:
            rows = rows.where(pl.col("position") < self.limit)
        return rows if self.known_at is None else self._known(rows, self.known_at)

    def _known(self, rows: Clustered, known_at: datetime) -> Clustered:
        """Return what was recorded by ``known_at``, in its fold order.

        What was recorded later must not count, not even by the stream's clock that it put forward.
        """
        rows = rows.where(pl.col("recorded_at") <= known_at)
        if self.parts.members.plan.order == "occurred_at":
            return rows
        events = rows.in_order.collect()
        if not (events["at"] > known_at).any():
            return rows
        moments = self._settled
        return Clustered.from_events(
            rows.with_entity(events).drop("at").join(moments, on="position", how="left", maintain_order="left")
        )

    @cached_property
    def _settled(self) -> pl.DataFrame:
        assert self.known_at is not None  # noqa: S101 - asked for only then
        return settled(self.parts.log, self.limit, self.known_at)
