"""The index: a plan's events decoded once, clustered by (entity, at, position).

The order of the data is the speed: on clustered columns every question is a sequential pass. An index follows its
log by itself: a question first takes in the tail that it lacks. It is derived and disposable; deleting it changes
no answer, only the time it takes. Small logs are decoded in memory.

`runs` hold all events by position and time, as they came; `parts` hold them clustered, a range of entities each.
Events that are in a run but not yet in their part are merged into it when a question reads it.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from eventsource.caches import folder_of, mark_used, retire
from eventsource.errors import IndexFileError
from eventsource.event import TIMESTAMP
from eventsource.fold.clustered import Clustered
from eventsource.fold.engine import Events
from eventsource.fold.payload import Members, member_columns, present, resolve
from eventsource.index._cluster import Sizes, clustered_part, followed, pending_events
from eventsource.index._decode import CLOCKS, EventLog, Told, decoded, no_events, settled
from eventsource.index._store import Manifest, Run, Store, scanned
from eventsource.moment import microseconds
from eventsource.plan import Plan

__all__ = ["EventLog", "Index", "Sizes", "Told", "View"]

_ATTEMPTS: Final = 5
_WORKERS: Final = 2  # each part is read and folded by all of Polars' threads; a second one hides the gaps

T = TypeVar("T")


class Index:
    """The decoded, clustered events of one plan on one log, following the log by itself.

    Args:
        log: the log.
        plan: what to decode.
        sizes: how many rows go where.
        progress: called, while the index takes in events, with what is done, how much of it, and of how much.
    """

    def __init__(
        self, log: EventLog, plan: Plan, *, sizes: Sizes | None = None, progress: Told | None = None
    ) -> None:
        self.log, self.members = log, Members(plan)
        self.sizes = (sizes or Sizes()).of_width(self.members.width)
        self._progress = progress or _untold
        self._memory: _InMemory | None = None
        self._pending: tuple[Manifest, Clustered | None] | None = None

    @property
    def folder(self) -> Path:
        """Where the files of this index are: in the log's folder, or in the user's cache for a remote log."""
        layout = json.dumps([self.log.identity, self.members.layout], sort_keys=True)
        return folder_of(self.log.path, "index", layout)

    @property
    def store(self) -> Store:
        """The files of this index."""
        return Store(self.folder)

    def ask(
        self, question: Callable[["View"], T], *, upto: int | None = None, known_at: datetime | None = None
    ) -> T:
        """Return what a question finds in the events that it may see.

        Files that go away while they are read, since somebody deleted the index, are made anew.

        Args:
            question: asks a view; it may be called again.
            upto: only events with position < ``upto``; None: all there are now.
            known_at: only events with ``recorded_at`` <= ``known_at``.
        """
        head = self.log.head
        limit = head if upto is None else min(upto, head)
        stored = bool(self.log.path) and head > self.sizes.memory
        for attempt in range(_ATTEMPTS):
            try:
                parts = self._stored(limit) if stored else self._in_memory(limit)
                return question(View(parts, limit, known_at))
            except FileNotFoundError as error:
                if attempt + 1 == _ATTEMPTS or not stored:
                    raise IndexFileError(f"the files of the index in {self.folder} go away: {error}") from error
        raise AssertionError

    def _stored(self, limit: int) -> "_Stored":
        store = self.store
        manifest = store.manifest()
        mark_used(store.folder)
        if not manifest.head:
            retire(store.folder)
        if manifest.head < limit:
            with store.locked():
                manifest = followed(store, self.log, self.members, self.sizes, self._progress)
        if self._pending is None or self._pending[0] != manifest:
            self._pending = manifest, pending_events(store, manifest)
        return _Stored(self.log, self.members, store, manifest, self._pending[1])

    def _in_memory(self, limit: int) -> "_InMemory":
        kept = self._memory or _InMemory.empty(self.log, self.members)
        self._memory = kept if kept.head >= limit else kept.followed()
        return self._memory


def _untold(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class _InMemory:
    """One part, in memory."""

    log: EventLog
    members: Members
    head: int
    events: Clustered
    clocks: pl.DataFrame

    @classmethod
    def empty(cls, log: EventLog, members: Members) -> "_InMemory":
        return cls(log, members, 0, Clustered.of(no_events(members)), pl.DataFrame(schema=CLOCKS))

    def followed(self) -> "_InMemory":
        """Return it with the log's tail."""
        head, events, clocks = self.log.head, self.events, self.clocks
        for tail in decoded(self.log, self.members, self.head, head, clocks, _untold):
            events, clocks = events.merged(Clustered.of(tail.events)), tail.clocks
        held = Clustered(events.frame.collect().lazy(), events.entities, events.starts)
        return _InMemory(self.log, self.members, head, held, clocks)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.events.frame.collect_schema() if name.startswith("="))

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(self.events.frame.select(pl.col("type").cast(pl.String).unique()).collect().to_series())

    @property
    def firsts(self) -> list[str]:
        return [""]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        first, last = self.events.frame.select(pl.col("at").min().alias("a"), pl.col("at").max()).collect().row(0)
        return None if first is None else (first, last)

    def since(self, position: int, moment: datetime | None = None) -> pl.LazyFrame:
        behind = pl.col("position") >= position
        rows = self.events.where(behind if moment is None else behind | (pl.col("at") > moment))
        return rows.with_entity(rows.frame.collect()).lazy()

    def expected(self, *_: object) -> float:
        return 0.0

    def load(self, _: int, entities: pl.Series | None) -> Clustered:
        return self.events if entities is None else self.events.only(entities, block=len(self.events))


@dataclass(frozen=True)
class _Stored:
    """The parts of a manifest."""

    log: EventLog
    members: Members
    store: Store
    manifest: Manifest
    pending: Clustered | None

    @property
    def head(self) -> int:
        return self.manifest.head

    @property
    def columns(self) -> tuple[str, ...]:
        return self.manifest.columns

    @property
    def types(self) -> tuple[str, ...]:
        return self.manifest.types

    @property
    def firsts(self) -> list[str]:
        return [part.first for part in self.manifest.parts] or [""]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment of all events."""
        runs = [run for run in self.manifest.runs if run.rows]
        ends = pl.DataFrame(runs, schema_overrides={"earliest": pl.Int64, "latest": pl.Int64})
        if ends.is_empty():
            return None
        first, last = ends.select(
            pl.col("earliest").min().cast(TIMESTAMP), pl.col("latest").max().cast(TIMESTAMP)
        ).row(0)
        return first, last

    def since(self, position: int, moment: datetime | None = None) -> pl.LazyFrame:
        """Return events from a position on, and those before it that happened after a moment."""
        runs = [run for run in self.manifest.runs if run.rows]
        behind, before = pl.col("position") >= position, pl.col("position") < position
        late = [run.file for run in runs if run.stop > position]
        parts = [scanned(self.store, late).filter(behind)] if late else []
        if moment is not None:
            after = [run.file for run in runs if run.start < position and (run.latest or 0) > microseconds(moment)]
            parts += [scanned(self.store, after).filter(pl.col("at") > moment, before)] if after else []
        return pl.concat([no_events(self.members).lazy(), *parts], how="diagonal")

    def expected(self, position: int, moment: datetime, until: datetime | None) -> float:
        """Return about which share of all events `since` gives up to a moment, by what the manifest says."""
        total = sum(run.rows for run in self.manifest.runs)
        return sum(_expected(run, position, moment, until) for run in self.manifest.runs) / max(total, 1)

    def load(self, number: int, entities: pl.Series | None) -> Clustered:
        if not self.manifest.parts:
            return Clustered.of(no_events(self.members))
        return clustered_part(self.store, self.manifest, number, self.pending, entities)


_Parts = _InMemory | _Stored


def _expected(run: Run, position: int, moment: datetime, until: datetime | None) -> float:
    """Return about how many events of a run stand behind a position or between two moments."""
    if not run.rows or run.earliest is None or run.latest is None:
        return 0.0
    behind = max(run.stop - max(position, run.start), 0) / max(run.stop - run.start, 1)
    low = max(microseconds(moment), run.earliest)
    high = run.latest if until is None else min(microseconds(until), run.latest)
    between = max(high - low, 0) / max(run.latest - run.earliest, 1)
    return run.rows * max(behind, between)


@dataclass(frozen=True)
class View:
    """The events that a question may see.

    Args:
        parts: where they are.
        limit: only events with position < ``limit``.
        known_at: only events with ``recorded_at`` <= ``known_at``.
    """

    parts: _Parts
    limit: int
    known_at: datetime | None

    def map(self, question: Callable[[Events], T], plan: Plan, entities: pl.Series | None = None) -> list[T]:
        """Return a question's answers for ranges of entities, in the order of entities.

        Args:
            question: asked from several threads at once.
            plan: the index's plan, or one with fewer of its fields.
            entities: only theirs.
        """
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
        return events.select("entity").unique().sort("entity").collect().to_series()

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
            tail = tail.filter(pl.col("known") <= self.known_at)
        return self._resolved(Clustered.of(tail.collect()), plan)

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns of payload members that any of the events has: they decide dtypes."""
        names = list(self.parts.columns)
        if self._is_whole:
            return member_columns(names)
        found: set[str] = set()
        for number in range(len(self.parts.firsts)):
            found |= set(present(self._visible(number).frame, [name for name in names if name not in found]))
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
        return Events(rows.on(lambda frame: resolve(frame, members, columns)), members, plan)

    def _visible(self, number: int, entities: pl.Series | None = None) -> Clustered:
        rows = self.parts.load(number, entities)
        if self.limit < self.parts.head:
            rows = rows.where(pl.col("position") < self.limit)
        return rows if self.known_at is None else self._known(rows, self.known_at)

    def _known(self, rows: Clustered, known_at: datetime) -> Clustered:
        """Return what was recorded by ``known_at``, in its fold order.

        What was recorded later must not count, not even by the stream's clock that it put forward.
        """
        rows = rows.where(pl.col("known") <= known_at)
        if self.parts.members.plan.order == "occurred_at":
            return rows
        events = rows.frame.collect()
        if not (events["at"] > known_at).any():
            return rows
        moments = self._settled
        return Clustered.of(
            rows.with_entity(events).drop("at").join(moments, on="position", how="left", maintain_order="left")
        )

    @cached_property
    def _settled(self) -> pl.DataFrame:
        assert self.known_at is not None  # noqa: S101 - asked for only then
        return settled(self.parts.log, self.limit, self.known_at)
