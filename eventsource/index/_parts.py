"""Where a question finds its events: one part in memory, or the parts that a manifest names."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from eventsource.decode import Clustered, Members
from eventsource.event import TIMESTAMP, EventLog
from eventsource.index._cluster import Directories, clustered_part
from eventsource.index._decode import CLOCKS, decoded, no_events
from eventsource.index._log import last_event_id
from eventsource.index._store import Manifest, Run, Store, scanned
from eventsource.moment import epoch_microseconds
from eventsource.progress import no_progress

__all__ = ["InMemory", "Parts", "Stored"]


@dataclass(frozen=True)
class InMemory:
    """One part, in memory."""

    log: EventLog
    members: Members
    head: int
    events: Clustered
    clocks: pl.DataFrame

    @classmethod
    def empty(cls, log: EventLog, members: Members) -> "InMemory":
        return cls(log, members, 0, Clustered.from_events(no_events(members)), pl.DataFrame(schema=CLOCKS))

    def followed(self) -> "InMemory":
        """Return it with the log's tail."""
        head, events, clocks = self.log.head, self.events, self.clocks
        for tail in decoded(self.log, self.members, self.head, head, clocks, no_progress):
            events, clocks = events.merge(Clustered.from_events(tail.events)), tail.clocks
        held = Clustered(events.in_order.collect().lazy(), events.entities, events.starts)
        return InMemory(self.log, self.members, head, held, clocks)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.events.in_order.collect_schema() if name.startswith("="))

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(self.events.in_order.select(pl.col("type").cast(pl.String).unique()).collect().to_series())

    @property
    def firsts(self) -> list[str]:
        return [""]

    def last_id(self, position: int) -> str:
        return last_event_id(self.log, position)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        first, last = (
            self.events.in_order.select(pl.col("at").min().alias("a"), pl.col("at").max()).collect().row(0)
        )
        return None if first is None else (first, last)

    def since(self, position: int, moment: datetime | None = None) -> pl.LazyFrame:
        behind = pl.col("position") >= position
        return self.events.table.lazy().filter(behind if moment is None else behind | (pl.col("at") > moment))

    def expected(self, *_: object) -> float:
        return 0.0

    def load(self, _: int, entities: pl.Series | None) -> Clustered:
        return self.events if entities is None else self.events.of_entities(entities, max_gap=len(self.events))


@dataclass(frozen=True)
class Stored:
    """The parts of a manifest."""

    log: EventLog
    members: Members
    store: Store
    manifest: Manifest
    pending: Clustered | None
    directories: Directories

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

    def last_id(self, position: int) -> str:
        """Return the id of the event before a position; empty where there is none."""
        return self.manifest.last if position == self.head else last_event_id(self.log, position)

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
        parts = [*self._behind(position)]
        if moment is not None:
            runs = [run for run in self.manifest.runs if run.rows and run.start < position]
            after = [run.file for run in runs if (run.latest or 0) > epoch_microseconds(moment)]
            before = pl.col("position") < position
            parts += [scanned(self.store, after).filter(pl.col("at") > moment, before)] if after else []
        return pl.concat(parts or [no_events(self.members).lazy()], how="diagonal")

    def _behind(self, position: int) -> Iterator[pl.LazyFrame]:
        """Yield the events from a position on: from memory, if they all wait there for their parts."""
        behind = pl.col("position") >= position
        if position >= self.manifest.clustered:
            if self.pending is not None:
                yield self.pending.table.filter(behind).lazy()  # at once: other conditions then see few rows
        elif late := [run.file for run in self.manifest.runs if run.rows and run.stop > position]:
            yield scanned(self.store, late).filter(behind)

    def expected(self, position: int, moment: datetime, until: datetime | None) -> float:
        """Return about which share of all events `since` gives up to a moment, by what the manifest says."""
        total = sum(run.rows for run in self.manifest.runs)
        return sum(_expected(run, position, moment, until) for run in self.manifest.runs) / max(total, 1)

    def load(self, number: int, entities: pl.Series | None) -> Clustered:
        if not self.manifest.parts:
            return Clustered.from_events(no_events(self.members))
        return clustered_part(
            self.store, self.manifest, number, self.pending, entities, directories=self.directories
        )


Parts = InMemory | Stored


def _expected(run: Run, position: int, moment: datetime, until: datetime | None) -> float:
    """Return about how many events of a run stand behind a position or between two moments."""
    if not run.rows or run.earliest is None or run.latest is None:
        return 0.0
    behind = max(run.stop - max(position, run.start), 0) / max(run.stop - run.start, 1)
    low = max(epoch_microseconds(moment), run.earliest)
    high = run.latest if until is None else min(epoch_microseconds(until), run.latest)
    between = max(high - low, 0) / max(run.latest - run.earliest, 1)
    return run.rows * max(behind, between)
