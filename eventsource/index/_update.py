"""Updating the index: an LSM tree (log-structured merge tree) of decoded events.

What an update does::

    the log         0 ······················ head        append-only, payloads as text
                                     └──┬──┘
                                        │ decode the events that the index lacks        `write_runs`
                                        ▼
    runs            [ 0–800 ][ 800–1000 ][ 1000–1090 ]   all events, by position; sorted by (at, position)
                                     └───── merge ─────┘ newest first, while sizes are alike  `runs_to_merge`
                                        │
                                        │ pending events: in a run, not yet in their part
                                        ▼
    parts           [ "" – f ][ f – m ][ m – ]           all events but pending ones, by entity, in fold order
                                                         rewrite, split, or build all again  `parts_to_rewrite`

    manifest.json   names the runs and parts that count; replaced in one step

Events are stored twice, for two kinds of questions. Parts serve those that fold whole entities. Runs serve those
that need the newest events only: a snapshot and the events after it, or the pending events of a part.

Invariants, of every published manifest:

1. The runs hold every event of the plan's types with position < ``head``, each in exactly one run.
2. A part holds the events of the entities ``first`` <= id < ``first`` of the next part, with position
   < ``Part.head``, as they are read with the corrections at positions < ``Part.corrected`` <= ``Part.head``. Their
   later events are pending: in the runs, at positions from ``Part.head`` on, as they arrived.
3. A file never changes once it is written. Rows of a part are in fold order, and all of an entity are in one part.
4. What is pending is always newer than what is merged. So merging only inserts newer events, see `WithTail`.

Where a process may die, and what is then true:

- While it writes files: the old manifest counts. The new files are named by none; the next update removes them.
- While it replaces the manifest: a rename is atomic, so the old or the new manifest counts.
- After that, before it removes the files that are no longer needed: the next update removes them.
- While it holds the lock: the operating system releases the lock.

Readers take no lock. They read a manifest, and the files that it names; those stay for one update longer. Where a
file is gone nevertheless, since two updates ran meanwhile or the folder was deleted, the question starts again.
The index is derived data. A file whose content differs from its checksum counts as absent, and the next question
builds the index again; so it does after the folder was deleted.

Every step bounds its memory: decoding works in windows of positions, a merge of runs is bounded by
``Sizes.max_run``, and parts are built a range of entities at a time. What an update rewrites is proportional to
what it adds.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode import Clustered, Members, join_facts, sort_in_fold_order
from eventsource.event import EventLog
from eventsource.index._corrections import Readings
from eventsource.index._decode import CLOCKS, types_left_out, windows, with_later
from eventsource.index._decode_corrections import decode_corrections
from eventsource.index._files import IndexFiles
from eventsource.index._log import last_event_id, still_contains
from eventsource.index._manifest import Manifest, Part
from eventsource.index._policy import (
    Sizes,
    first_entities,
    is_rebuild_cheaper,
    parts_to_rewrite,
    runs_to_merge,
    sampling_interval,
    split_entity,
)
from eventsource.index._read import pending_events, pending_of_part, read_corrections, read_part
from eventsource.index._runs import write_run, write_runs
from eventsource.index._threads import in_threads
from eventsource.progress import Progress

__all__ = ["is_index_of", "update_index"]


def is_index_of(log: EventLog, manifest: Manifest) -> bool:
    """Return whether the log still contains the events of an index; after a restore it may not."""
    return still_contains(log, manifest.mark, head=manifest.head, last_id=manifest.last)


def update_index(
    files: IndexFiles, log: EventLog, members: Members, *, sizes: Sizes, progress: Progress
) -> Manifest:
    """Add the events that the index lacks, tidy its files, and publish the manifest; the caller holds the lock.

    Args:
        files: the files of the index.
        log: the log.
        members: what to decode.
        sizes: bounds for the files.
        progress: called with the phase (``decoding``, ``clustering``), what is done, and how much there is.

    Returns:
        The manifest that counts now.
    """
    manifest = files.manifest()
    if not is_index_of(log, manifest):
        manifest = Manifest()
    head = log.head
    if manifest.head >= head:
        return manifest
    update = _Update(files, members, sizes, progress)
    extended = update.add_runs(manifest, log, head)
    added = sum(run.rows for run in extended.runs) - sum(run.rows for run in manifest.runs)
    added += update.added_by_corrections(manifest, extended)
    if manifest.runs:  # those of a first update are large already
        extended = update.merge_runs(extended)
    merged = update.merge_into_parts(extended, added)
    published = replace(merged, mark=log.mark)
    files.publish(published)
    return published


class _Update(Struct, frozen=True):
    """The steps of an update. Each writes new files, and returns a manifest that names them."""

    files: IndexFiles
    members: Members
    sizes: Sizes
    progress: Progress

    def add_runs(self, manifest: Manifest, log: EventLog, head: int) -> Manifest:
        """Decode the events up to a position, and write them as runs, one per window of positions."""
        clocks = pl.DataFrame(schema=CLOCKS)
        if manifest.clocks is not None:
            clocks = self.files.read(manifest.clocks)
        runs, columns, types = list(manifest.runs), manifest.columns, set(manifest.types)
        before = corrections = read_corrections(self.files, manifest)
        decoders, start = self.members.decoders(), manifest.head

        def progress(position: int) -> None:
            self.progress("decoding", position - start, head - start)

        found = windows(log, self.members, start=start, head=head, clocks=clocks)
        for window, written in write_runs(self.files, self.members, found, head - start, progress):
            mine = decode_corrections(log, self.members, decoders, written.corrections)
            corrections = corrections.extended(mine)
            columns = join_facts(join_facts(columns, written.columns), mine.columns)
            types.update(written.types, corrections.types)
            clocks = window.clocks
            runs.append(written.run)
        if corrections is not before:
            manifest = replace(
                manifest,
                corrections=self.files.write(corrections.table, "corrections"),
                readings=self.files.write(corrections.rows, "readings"),
            )
        return replace(
            manifest,
            head=head,
            last=last_event_id(log, head),
            runs=tuple(runs),
            columns=dict(sorted(columns.items())),
            types=tuple(sorted(types)),
            left_out=with_later(manifest.left_out, types_left_out(log, self.members, manifest.head, head)),
            clocks=self.files.write(clocks, "clocks") if self.members.plan.order == "recorded_at" else None,
        )

    def added_by_corrections(self, before: Manifest, after: Manifest) -> int:
        """Return as how many added events the new corrections count."""
        if after.corrections == before.corrections:
            return 0
        tables = (read_corrections(self.files, manifest).table for manifest in (before, after))
        old, new = (table.height for table in tables)
        return (new - old) * self.sizes.correction

    def merge_runs(self, manifest: Manifest) -> Manifest:
        """Merge the newest runs into one, as the policy says."""
        count = runs_to_merge([run.rows for run in manifest.runs], self.sizes.max_run)
        if count == 1:
            return manifest
        older, newest = manifest.runs[:-count], manifest.runs[-count:]
        start, stop = newest[0].start, newest[-1].stop
        names = [run.file for run in newest if run.rows]
        if names:
            merged = write_run(self.files, self.files.scan(names).collect(), start, stop)
        else:
            merged = replace(newest[-1], start=start, stop=stop)
        return replace(manifest, runs=(*older, merged))

    def merge_into_parts(self, manifest: Manifest, added: int) -> Manifest:
        """Bring pending events into the parts: all parts are built again, or those with most pending events."""
        pending_rows = sum(run.rows for run in manifest.pending_runs)
        if not manifest.parts or is_rebuild_cheaper(sum(part.rows for part in manifest.parts), pending_rows):
            return replace(manifest, parts=tuple(self._build_parts(manifest)))
        rewritten = self._rewrite_parts(manifest, pending_events(self.files, manifest), added)
        return replace(manifest, parts=tuple(self._split_parts(rewritten)))

    def _build_parts(self, manifest: Manifest) -> Iterator[Part]:
        """Sort the events of all runs and write them as parts, a range of entities at a time."""
        names = [run.file for run in manifest.runs if run.rows]
        if not names:
            return
        events, latest = self.files.scan(names), read_corrections(self.files, manifest).seen(manifest.head, None)
        if latest is not None:
            events = latest.of_originals.apply_to_rows(events, pl.lit(value=True))
        firsts = self._first_entities(events, sum(run.rows for run in manifest.runs))
        step = max(self.sizes.max_sort // self.sizes.part, 1)
        for low in range(0, len(firsts), step):
            mine = firsts[low : low + step]
            below = firsts[low + step] if low + step < len(firsts) else None
            rows = sort_in_fold_order(_entity_range(events, mine[0], below).collect())
            yield from self._write_parts(rows, mine, manifest.head)
            del rows  # not in memory while the next range is sorted
            self.progress("clustering", min(low + step, len(firsts)), len(firsts))

    def _first_entities(self, events: pl.LazyFrame, rows: int) -> list[str]:
        if rows <= self.sizes.part:
            return [""]
        sample = events.select("entity").gather_every(sampling_interval(rows)).collect().to_series().sort()
        return first_entities(sample, rows, self.sizes.part)

    def _rewrite_parts(self, manifest: Manifest, pending: Clustered | None, added: int) -> Iterator[Part]:
        """Yield the parts of a manifest; some of them are written again, with what they lack."""
        latest = read_corrections(self.files, manifest).seen(manifest.head, None)
        numbers, head = range(len(manifest.parts)), manifest.head
        pending_rows = [0 if pending is None else len(pending_of_part(manifest, n, pending)) for n in numbers]
        corrected_rows = [0 if latest is None else _rows_to_correct(manifest, n, latest) for n in numbers]
        urgent = [
            count + more * self.sizes.correction for count, more in zip(pending_rows, corrected_rows, strict=True)
        ]
        part_rows = [part.rows for part in manifest.parts]
        chosen = parts_to_rewrite(part_rows, urgent, added=added, rewrite_share=self.sizes.rewrite_share)
        for number, part in enumerate(manifest.parts):
            if number in chosen:
                events = read_part(self.files, manifest, number, pending, readings=latest)
                yield self._write_part(events, part.first, head, corrected=head)
                continue
            # Rows of a part never have corrections from its head on: pending events are read as they arrived.
            if pending_rows[number]:
                yield part
            elif corrected_rows[number]:
                yield replace(part, head=head)
            else:
                yield replace(part, head=head, corrected=head)

    def _split_parts(self, parts: Iterator[Part]) -> Iterator[Part]:
        """Halve the parts that have become too large, between two entities."""
        for part in parts:
            if part.rows <= 2 * self.sizes.part:  # decided without reading its entities
                yield part
                continue
            entities = self.files.read(part.entities)
            starts = np.append(entities["start"].to_numpy(), part.rows).astype(np.int64)
            middle = split_entity(starts, self.sizes.part)
            if middle is None:
                yield part
                continue
            events = Clustered(self.files.scan([part.file]), entities["entity"], starts)
            first = entities["entity"][middle]
            yield self._write_part(
                events.between(part.first, first), part.first, part.head, corrected=part.corrected
            )
            yield self._write_part(events.between(first, None), first, part.head, corrected=part.corrected)

    def _write_parts(self, events: pl.DataFrame, firsts: Sequence[str], head: int) -> Iterator[Part]:
        """Write events in fold order as one part for each lowest entity."""
        begins = events["entity"].search_sorted(pl.Series(firsts[1:], dtype=pl.String), side="left")
        cuts = [0, *begins, events.height]

        def write(number: int) -> Part:
            part = Clustered.from_sorted(events[cuts[number] : cuts[number + 1]])
            return self._write_part(part, firsts[number], head, corrected=head)

        yield from in_threads(write, range(len(firsts)))

    def _write_part(self, events: Clustered, first: str, head: int, *, corrected: int) -> Part:
        # Parts are read whole, or by row numbers: no reader asks for the least and greatest values of columns.
        file = self.files.write(events.in_order.collect(), "part", statistics=False)
        entities = pl.DataFrame({"entity": events.entities, "start": events.starts[:-1]})
        return Part(
            file, self.files.write(entities, "part", suffix=".entities"), first, len(events), head, corrected
        )


def _rows_to_correct(manifest: Manifest, number: int, latest: Readings) -> int:
    """Return how many rows of a part are read in another way than it holds them."""
    instead = latest.instead_of(manifest.parts[number].corrected)
    if instead is None:
        return 0
    mine = instead.between(*manifest.entity_range(number))
    return mine.removed.height + mine.rows.height


def _entity_range(events: pl.LazyFrame, first: str, below: str | None) -> pl.LazyFrame:
    if first:
        events = events.filter(pl.col("entity") >= first)
    return events if below is None else events.filter(pl.col("entity") < below)
