"""Keeping the files of an index: taking in a tail, joining small runs, bringing runs into the clustered parts.

Every step bounds its memory: a run is written when enough events are decoded, parts are made a range of entities
at a time. What a call rewrites is proportional to what it takes in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from eventsource.decode import FOLD_ORDER, Clustered, Members, RowNumbers
from eventsource.event import EventLog
from eventsource.index._decode import CLOCKS, decoded
from eventsource.index._log import last_event_id, still_contains
from eventsource.index._store import Manifest, Part, Run, Store, scanned
from eventsource.progress import Progress

__all__ = ["Directories", "Sizes", "clustered_part", "followed", "is_of", "pending_events"]


_MAX_GAP: Final = 20_000
"""Gaps of at most this many rows are read, not skipped."""
_KEPT: Final = 1_000_000
"""Entities whose ids are kept in memory, at most: about 40 MB."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows go where.

    Args:
        memory: up to this many events of a log are decoded in memory, without files.
        run: runs are joined up to this size.
        part: about how many rows a part gets; an entity with more gets a part of its own.
        at_once: how many rows are sorted at once.
        share: a part is made anew when this share of its rows waits in runs.
    """

    memory: int = 20_000
    run: int = 2_000_000
    part: int = 500_000
    at_once: int = 3_000_000
    share: float = 1 / 16

    def of_width(self, width: int) -> "Sizes":
        """Return the sizes for rows that are so many times as wide as usual."""
        run, part, at_once = (max(size // width, 1) for size in (self.run, self.part, self.at_once))
        return replace(self, run=run, part=part, at_once=at_once)


def followed(store: Store, log: EventLog, members: Members, sizes: Sizes, progress: Progress) -> Manifest:
    """Take in what the log has and the index lacks; return the manifest that says so. Needs the lock."""
    manifest = store.manifest()
    if not is_of(log, manifest):
        manifest = Manifest()
    head = log.head
    if manifest.head >= head:
        return manifest
    keeper = _Keeper(store, members, sizes, progress)
    longer = keeper.taken_in(manifest, log, head)
    tail = sum(run.rows for run in longer.runs) - sum(run.rows for run in manifest.runs)
    longer = replace(keeper.clustered(keeper.runs_joined(longer), tail), mark=log.mark)
    store.publish(longer)
    return longer


def is_of(log: EventLog, manifest: Manifest) -> bool:
    """Say whether an index is of the log as it is."""
    return still_contains(log, manifest.mark, head=manifest.head, last_id=manifest.last)


def pending_events(store: Store, manifest: Manifest) -> Clustered | None:
    """Return the events that some part lacks, in fold order; None: the parts have all."""
    files = [run.file for run in manifest.runs if run.stop > manifest.clustered and run.rows]
    if not files:
        return None
    frame = scanned(store, files).filter(pl.col("position") >= manifest.clustered).collect()
    return Clustered.from_events(frame) if frame.height else None


class Directories:
    """What is known of parts beside their rows, kept in memory up to a bound: questions come again.

    That is the entities and where their events start, and among them the places of events that wait in runs.
    """

    def __init__(self) -> None:
        self._own: dict[str, tuple[pl.Series, RowNumbers]] = {}
        self._merged: dict[tuple[str, int], Clustered] = {}

    def keep(self, manifest: Manifest) -> None:
        """Forget all that is not so in a manifest that is new."""
        named = {part.file for part in manifest.parts}
        self._own = {file: found for file, found in self._own.items() if file in named}
        self._merged = {}

    def of(self, store: Store, part: Part) -> tuple[pl.Series, RowNumbers]:
        """Return the entities of a part, and where the events of each begin and the last one's end."""
        if part.file in self._own:
            return self._own[part.file]
        directory = store.entities(part)
        found = directory["entity"], np.append(directory["start"].to_numpy(), part.rows).astype(np.int64)
        if self._ids + directory.height <= _KEPT:
            self._own[part.file] = found
        return found

    def merged(self, part: Part, head: int, events: Callable[[], Clustered]) -> Clustered:
        """Return a part's events with those before ``head`` that wait, from ``events`` the first time."""
        if (kept := self._merged.get((part.file, head))) is not None:
            return replace(kept)  # what a question finds out of it is not kept
        found = events()
        if self._ids + len(found.entities) <= _KEPT:
            self._merged[part.file, head] = found
        return replace(found)

    @property
    def _ids(self) -> int:
        """How many ids are kept; parts without new entities share them with their merged ones."""
        own, merged = list(self._own.values()), list(self._merged.values())  # at once: other threads add to them
        kept = [entities for entities, _ in own] + [events.entities for events in merged]
        return sum({id(entities): len(entities) for entities in kept}.values())


def clustered_part(
    store: Store,
    manifest: Manifest,
    number: int,
    pending: Clustered | None,
    entities: pl.Series | None = None,
    *,
    directories: Directories | None = None,
) -> Clustered:
    """Return the events of a part's entities, those that wait in runs included; of all or of some of them."""
    part, directories = manifest.parts[number], directories or Directories()
    own = Clustered(pl.scan_parquet(store.path(part.file)), *directories.of(store, part))
    if pending is None:
        return own if entities is None else own.of_entities(entities, max_gap=_MAX_GAP)
    if entities is None:
        return directories.merged(part, manifest.head, lambda: own.merge(_waiting(manifest, number, pending)))
    waiting = _waiting(manifest, number, pending)
    return own.of_entities(entities, max_gap=_MAX_GAP).merge(waiting.of_entities(entities, max_gap=len(waiting)))


def _waiting(manifest: Manifest, number: int, pending: Clustered) -> Clustered:
    """Return the pending events that a part lacks."""
    part = manifest.parts[number]
    below = manifest.parts[number + 1].first if number + 1 < len(manifest.parts) else None
    waiting = pending.between(part.first, below)
    return waiting.where(pl.col("position") >= part.head) if part.head > manifest.clustered else waiting


@dataclass(frozen=True)
class _Keeper:
    store: Store
    members: Members
    sizes: Sizes
    progress: Progress

    def taken_in(self, manifest: Manifest, log: EventLog, head: int) -> Manifest:
        """Decode the tail and write it as runs."""
        store, clocks = self.store, pl.DataFrame(schema=CLOCKS)
        if manifest.clocks is not None:
            clocks = pl.read_parquet(store.path(manifest.clocks))
        runs, columns, types = list(manifest.runs), set(manifest.columns), set(manifest.types)
        for part in decoded(log, self.members, manifest.head, head, clocks, self.progress):
            runs.append(self._run(part.events, part.start, part.stop))
            columns |= {name for name in part.events.columns if name.startswith("=")}
            types |= set(part.events["type"].cast(pl.String).unique())
            clocks = part.clocks
        kept = store.write(clocks, "clocks") if self.members.plan.order == "recorded_at" else None
        named = replace(manifest, columns=tuple(sorted(columns)), types=tuple(sorted(types)))
        return replace(named, head=head, last=last_event_id(log, head), runs=tuple(runs), clocks=kept)

    def runs_joined(self, manifest: Manifest) -> Manifest:
        """Join the newest runs while the one before is not much larger: few runs, and rows that move rarely."""
        runs = list(manifest.runs)
        while len(runs) > 1 and self._join(runs[-2], runs[-1]):
            files = [run.file for run in runs[-2:] if run.rows]
            start, stop = runs[-2].start, runs[-1].stop
            events = scanned(self.store, files).collect() if files else None
            empty = replace(runs[-1], start=start, stop=stop)
            runs[-2:] = [empty if events is None else self._run(events, start, stop)]
        return replace(manifest, runs=tuple(runs))

    def clustered(self, manifest: Manifest, tail: int) -> Manifest:
        """Bring waiting events into the parts: all at once where there are many, else where they are most."""
        waiting = [run for run in manifest.runs if run.stop > manifest.clustered]
        total, new = sum(part.rows for part in manifest.parts), sum(run.rows for run in waiting)
        if not manifest.parts or new > total:
            return replace(manifest, parts=tuple(self._all_parts(manifest)))
        pending = pending_events(self.store, manifest)
        if pending is None:
            return replace(manifest, parts=tuple(replace(part, head=manifest.head) for part in manifest.parts))
        return self._grown(manifest, pending, tail)

    def _join(self, before: Run, last: Run) -> bool:
        return before.rows <= 2 * last.rows and before.rows + last.rows <= self.sizes.run

    def _run(self, events: pl.DataFrame, start: int, stop: int) -> Run:
        ordered = events.sort("at", "position")
        at = ordered["at"].to_physical()
        first, last = (at[0], at[-1]) if ordered.height else (None, None)
        return Run(self.store.write(ordered, "run"), start, stop, ordered.height, first, last)

    def _all_parts(self, manifest: Manifest) -> Iterator[Part]:
        """Sort all events, a range of entities at a time."""
        files = [run.file for run in manifest.runs if run.rows]
        if not files:
            return
        rows = sum(run.rows for run in manifest.runs)
        events = scanned(self.store, files)
        bounds = self._bounds(events, rows)
        step = max(self.sizes.at_once // self.sizes.part, 1)
        for low in range(0, len(bounds), step):
            firsts = bounds[low : low + step]
            mine = _between(events, firsts[0], bounds[low + step] if low + step < len(bounds) else None)
            yield from self._parts(mine.collect().sort(FOLD_ORDER), firsts, manifest.head)
            self.progress("clustering", min(low + step, len(bounds)), len(bounds))

    def _bounds(self, events: pl.LazyFrame, rows: int) -> list[str]:
        """Return the lowest entity of each part to be, from a sample of the events."""
        if rows <= self.sizes.part:
            return [""]
        every = max(rows // 100_000, 1)
        sample = events.select("entity").gather_every(every).collect().to_series().sort()
        count = -(-rows // self.sizes.part)
        places = [len(sample) * number // count for number in range(1, count)]
        return ["", *sample.gather(places).unique().sort().to_list()]

    def _parts(self, events: pl.DataFrame, firsts: Sequence[str], head: int) -> Iterator[Part]:
        """Write events in fold order as one part per lowest entity."""
        cuts = [
            0,
            *events["entity"].search_sorted(pl.Series(firsts[1:], dtype=pl.String), side="left"),
            events.height,
        ]
        for first, low, high in zip(firsts, cuts[:-1], cuts[1:], strict=True):
            yield self._part(Clustered.from_sorted(events.slice(low, high - low)), first, head)

    def _part(self, events: Clustered, first: str, head: int) -> Part:
        directory = pl.DataFrame({"entity": events.entities, "start": events.starts[:-1]})
        return Part(self.store.write_part(events.in_order.collect(), directory), first, len(events), head)

    def _grown(self, manifest: Manifest, pending: Clustered, tail: int) -> Manifest:
        """Make the parts anew for which most waits: as many as the tail is worth, and one part at least."""
        parts = list(manifest.parts)
        waits = [len(_waiting(manifest, number, pending)) for number in range(len(parts))]
        budget = 2 * tail / self.sizes.share
        for number in sorted(range(len(parts)), key=lambda n: -waits[n]):
            part = manifest.parts[number]
            if waits[number] > part.rows * self.sizes.share and budget > 0:
                budget -= part.rows
                grown = clustered_part(self.store, manifest, number, pending)
                parts[number] = self._part(grown, part.first, manifest.head)
            elif not waits[number]:
                parts[number] = replace(part, head=manifest.head)
        return replace(manifest, parts=tuple(self._split(parts)))

    def _split(self, parts: Sequence[Part]) -> Iterator[Part]:
        """Halve the parts that have grown large, between two entities."""
        for part in parts:
            directory = self.store.entities(part) if part.rows > 2 * self.sizes.part else None
            if directory is None or directory.height == 1:
                yield part
                continue
            starts = np.append(directory["start"].to_numpy(), part.rows).astype(np.int64)
            events = Clustered(pl.scan_parquet(self.store.path(part.file)), directory["entity"], starts)
            middle = min(max(int(np.searchsorted(starts, part.rows // 2)), 1), directory.height - 1)
            first = directory["entity"][middle]
            yield self._part(events.between(part.first, first), part.first, part.head)
            yield self._part(events.between(first, None), first, part.head)


def _between(events: pl.LazyFrame, low: str, high: str | None) -> pl.LazyFrame:
    if low:
        events = events.filter(pl.col("entity") >= low)
    return events if high is None else events.filter(pl.col("entity") < high)
