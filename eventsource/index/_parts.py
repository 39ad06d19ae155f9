"""Where a view reads events from: a frame in memory, or the files that a manifest names.

Both hold all relevant events of a log up to a position, `Parts.head`, in parts by ranges of entities. The numbers
of parts ascend with their entities, so that answers for the parts, one behind the other, are sorted by entity.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Protocol

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode import (
    Clustered,
    ColumnFacts,
    Members,
    column_facts,
    join_facts,
    merge_events,
    nothing_decoded,
)
from eventsource.event import TIMESTAMP, EventLog
from eventsource.index._corrections import NO_CORRECTIONS, DecodedCorrections, Readings
from eventsource.index._decode import CLOCKS, decode_window, types_left_out, windows
from eventsource.index._decode_corrections import decode_corrections
from eventsource.index._files import IndexFiles
from eventsource.index._log import last_event_id
from eventsource.index._manifest import LeftOut, Manifest, Run
from eventsource.index._read import PartCache, read_part
from eventsource.moment import epoch_microseconds

__all__ = ["InMemory", "Parts", "Stored"]


class Parts(Protocol):
    """Decoded events in parts. What they hold never changes."""

    @property
    def log(self) -> EventLog:
        """The log that the events come from."""

    @property
    def members(self) -> Members:
        """The members that are decoded."""

    @property
    def head(self) -> int:
        """The parts hold all relevant events with a smaller position."""

    @property
    def columns(self) -> Mapping[str, ColumnFacts]:
        """The columns of payload members that any event has, in any reading, and what is known of their values."""

    @property
    def rows(self) -> int:
        """The number of events."""

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that any event has."""

    @property
    def left_out(self) -> dict[str, LeftOut]:
        """The event types that the plan does not name."""

    @property
    def corrections(self) -> DecodedCorrections:
        """The corrections, and the readings of the events that they name; other rows are as they arrived."""

    @property
    def first_ids(self) -> list[str]:
        """Per part, the lowest entity id that belongs to it; at least one part."""

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment of all events; None: there are no events."""

    def last_event_id(self, position: int) -> str:
        """Return the id of the event before a position; empty at position 0."""

    def events_since(self, position: int, after: datetime | None = None) -> pl.LazyFrame:
        """Return events from a position on, and earlier ones that are later than a moment, in any order."""

    def expected_share(self, position: int, after: datetime, until: datetime | None) -> float:
        """Estimate which share of all events lies behind a position or between two moments."""

    def load(self, number: int, entities: pl.Series | None, readings: Readings | None) -> Clustered:
        """Return the events of a part, of all its entities or of some, as the question reads them."""

    def first_damaged(self) -> FileNotFoundError | None:
        """Return the error of the first file that is missing or damaged; None: all are sound."""


class InMemory(Struct, frozen=True, dict=True):
    """One part, in memory.

    Args:
        log: the log.
        members: what is decoded.
        head: all relevant events before this position are decoded.
        events: these events.
        clocks: the latest ``recorded_at`` of each stream, for ``order="recorded_at"``.
        columns: the columns of payload members that any event has, in any reading, and what is known of them.
        corrections: those before this position.
    """

    log: EventLog
    members: Members
    head: int
    events: Clustered
    clocks: pl.DataFrame
    columns: Mapping[str, ColumnFacts]
    corrections: DecodedCorrections = NO_CORRECTIONS

    @classmethod
    def empty(cls, log: EventLog, members: Members) -> "InMemory":
        """Return a part without events, of a log that has not been read yet."""
        events = Clustered.from_events(nothing_decoded(members))
        return cls(log, members, 0, events, pl.DataFrame(schema=CLOCKS), {})

    def extended(self, head: int) -> "InMemory":
        """Return a part that also has the later events of the log, up to a position."""
        events, clocks, corrections = self.events, self.clocks, self.corrections
        columns = self.columns
        decoders = self.members.decoders()
        for window in windows(self.log, self.members, start=self.head, head=head, clocks=clocks):
            tail = decode_window(window, self.members, decoders)
            mine = decode_corrections(self.log, self.members, decoders, tail.corrections)
            events, clocks = merge_events(events, Clustered.from_events(tail.events)), window.clocks
            corrections = corrections.extended(mine)
            columns = join_facts(join_facts(columns, column_facts(tail.events)), mine.columns)
        rows = events.fetch(events.in_order).lazy()
        collected = Clustered(rows, events.entities, events.starts, is_in_memory=True)
        return InMemory(self.log, self.members, head, collected, clocks, columns, corrections)

    @property
    def rows(self) -> int:
        return len(self.events)

    @property
    def types(self) -> tuple[str, ...]:
        mine = self.events.collect("type").to_series().unique().cast(pl.String)
        return tuple(sorted({*mine} | self.corrections.types))

    @property
    def left_out(self) -> dict[str, LeftOut]:
        return types_left_out(self.log, self.members, 0, self.head)

    @property
    def first_ids(self) -> list[str]:
        return [""]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        at = pl.col("at")
        ends = self.events.in_order.select(at.min().alias("first"), at.max().alias("last"))
        first, last = ends.collect().row(0)
        return None if first is None else (first, last)

    def last_event_id(self, position: int) -> str:
        return last_event_id(self.log, position)

    def events_since(self, position: int, after: datetime | None = None) -> pl.LazyFrame:
        behind = pl.col("position") >= position
        return self.events.table.lazy().filter(behind if after is None else behind | (pl.col("at") > after))

    def expected_share(self, position: int, after: datetime, until: datetime | None) -> float:  # noqa: ARG002 - a protocol
        return 0.0  # reading few events costs next to nothing

    def load(self, number: int, entities: pl.Series | None, readings: Readings | None) -> Clustered:  # noqa: ARG002 - there is only one part
        if entities is None and readings is not None and readings.is_latest:
            return replace(self._corrected)
        events, instead = self.events, None if readings is None else readings.instead_of(0)
        if entities is not None:
            events = events.of_entities(entities, max_gap=len(events))
            instead = None if instead is None else instead.of_entities(entities)
        return events if instead is None else instead.merge(events, None)

    @cached_property
    def _corrected(self) -> Clustered:
        """The events with all corrections; a question gets a copy, so that what it computes is freed with it."""
        instead = self.corrections.latest.instead_of(0)
        return self.events if instead is None else instead.merge(self.events, None)

    def first_damaged(self) -> FileNotFoundError | None:
        return None


class Stored(Struct, frozen=True):
    """The parts that a manifest names.

    Args:
        log: the log.
        members: what is decoded.
        files: the files of the index.
        manifest: which of them count.
        pending: events that are in a run, but not yet in their part; None: all are in their parts.
        corrections: what the files hold of corrections.
        cache: what is known of the parts from earlier questions.
    """

    log: EventLog
    members: Members
    files: IndexFiles
    manifest: Manifest
    pending: Clustered | None
    corrections: DecodedCorrections
    cache: PartCache

    @property
    def head(self) -> int:
        return self.manifest.head

    @property
    def columns(self) -> Mapping[str, ColumnFacts]:
        return self.manifest.columns

    @property
    def rows(self) -> int:
        return sum(run.rows for run in self.manifest.runs)

    @property
    def types(self) -> tuple[str, ...]:
        return self.manifest.types

    @property
    def left_out(self) -> dict[str, LeftOut]:
        return self.manifest.left_out

    @property
    def first_ids(self) -> list[str]:
        return [part.first for part in self.manifest.parts] or [""]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        runs = [run for run in self.manifest.runs if run.rows]
        first = min((run.earliest for run in runs if run.earliest is not None), default=None)
        last = max((run.latest for run in runs if run.latest is not None), default=None)
        if first is None or last is None:
            return None
        begin, end = pl.Series([first, last], dtype=pl.Int64).cast(TIMESTAMP)
        return begin, end

    def last_event_id(self, position: int) -> str:
        return self.manifest.last if position == self.head else last_event_id(self.log, position)

    def events_since(self, position: int, after: datetime | None = None) -> pl.LazyFrame:
        frames = [*self._behind(position)]
        if after is not None:
            runs = [run for run in self.manifest.runs if run.rows and run.start < position]
            later = [run.file for run in runs if (run.latest or 0) > epoch_microseconds(after)]
            before = pl.col("position") < position
            frames += [self.files.scan(later).filter(pl.col("at") > after, before)] if later else []
        return pl.concat(frames or [nothing_decoded(self.members).lazy()], how="diagonal")

    def _behind(self, position: int) -> Iterator[pl.LazyFrame]:
        """Yield the events from a position on: from memory where all of them are pending, else from the runs."""
        behind = pl.col("position") >= position
        if position >= self.manifest.parts_head:
            if self.pending is not None:
                # Filtered at once, not lazily: conditions that follow then see few rows.
                yield self.pending.table.filter(behind).lazy()
        elif newer := [run.file for run in self.manifest.runs if run.rows and run.stop > position]:
            yield self.files.scan(newer).filter(behind)

    def expected_share(self, position: int, after: datetime, until: datetime | None) -> float:
        total = sum(run.rows for run in self.manifest.runs)
        return sum(_expected_rows(run, position, after, until) for run in self.manifest.runs) / max(total, 1)

    def load(self, number: int, entities: pl.Series | None, readings: Readings | None) -> Clustered:
        if not self.manifest.parts:
            nothing = Clustered.from_events(nothing_decoded(self.members))
            instead = None if readings is None else readings.instead_of(0)
            if entities is not None and instead is not None:
                instead = instead.of_entities(entities)
            return nothing if instead is None else instead.merge(nothing, None)
        return read_part(
            self.files, self.manifest, number, self.pending, entities, readings=readings, cache=self.cache
        )

    def first_damaged(self) -> FileNotFoundError | None:
        return self.files.first_damaged(self.manifest)


def _expected_rows(run: Run, position: int, after: datetime, until: datetime | None) -> float:
    """Estimate how many events of a run are behind a position or between two moments.

    Both are taken as evenly spread over the positions and the time of the run. The larger estimate counts: most
    events that are later are also behind.
    """
    if not run.rows or run.earliest is None or run.latest is None:
        return 0.0
    behind = max(run.stop - max(position, run.start), 0) / max(run.stop - run.start, 1)
    low = max(epoch_microseconds(after), run.earliest)
    high = run.latest if until is None else min(epoch_microseconds(until), run.latest)
    between = max(high - low, 0) / max(run.latest - run.earliest, 1)
    return run.rows * max(behind, between)
