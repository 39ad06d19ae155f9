"""Reading parts: the rows of a part, merged with its pending events.

Six events of one part. Four are in its file, two came later and are pending in a run::

    part file          entity  a  a  b  b          part.head = 40: positions up to 39
                       at     09 12 09 13
    pending            entity  a  c                positions from 40 on
                       at     11 09
    read_part          entity  a  a  a  b  b  c    merged in memory by `merge_events`
                       at     09 11 12 09 13 09

A merge is cheap, since only the places of pending events are computed; but it needs the entities of the part. They
are kept between questions, with the places, in a `PartCache`.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from eventsource.decode import Clustered, RowNumbers, merge_events
from eventsource.index._corrections import NO_CORRECTIONS, DecodedCorrections, Readings, Replacement
from eventsource.index._files import IndexFiles
from eventsource.index._manifest import Manifest, Part

__all__ = ["PartCache", "pending_events", "pending_of_part", "read_corrections", "read_part"]

_MAX_GAP: Final = 20_000
"""Gaps of at most this many rows are read, not skipped."""
_MAX_IDS: Final = 1_000_000
"""At most this many ids are kept in memory: about 40 MB."""


def pending_events(files: IndexFiles, manifest: Manifest) -> Clustered | None:
    """Return the events that some part lacks, in fold order; None: the parts have all events."""
    names = [run.file for run in manifest.pending_runs]
    if not names:
        return None
    events = files.scan(names).filter(pl.col("position") >= manifest.parts_head).collect()
    return Clustered.from_events(events) if events.height else None


def pending_of_part(manifest: Manifest, number: int, pending: Clustered) -> Clustered:
    """Return those pending events that a part lacks."""
    of_part = pending.between(*manifest.entity_range(number))
    head = manifest.parts[number].head
    return of_part.where(pl.col("position") >= head) if head > manifest.parts_head else of_part


def read_corrections(files: IndexFiles, manifest: Manifest) -> DecodedCorrections:
    """Return what the files hold of corrections."""
    if manifest.corrections is None or manifest.readings is None:
        return NO_CORRECTIONS
    return DecodedCorrections(files.read(manifest.corrections), files.read(manifest.readings))


def read_part(
    files: IndexFiles,
    manifest: Manifest,
    number: int,
    pending: Clustered | None,
    entities: pl.Series | None = None,
    *,
    readings: Readings | None = None,
    cache: "PartCache | None" = None,
) -> Clustered:
    """Return the events of a part, pending ones included.

    Args:
        files: the files of the index.
        manifest: names the parts.
        number: which part.
        pending: what `pending_events` returned for the manifest.
        entities: only events of these ids; None: of all.
        readings: the corrections that the question sees; None: the log has none.
        cache: what is known of the part from earlier questions.
    """
    part, cache = manifest.parts[number], cache or PartCache()
    stored = Clustered(files.scan([part.file]), *cache.entities(files, part))
    instead = None if readings is None else readings.instead_of(part.corrected)

    def merged() -> Clustered:
        newer = None if pending is None else pending_of_part(manifest, number, pending)
        mine = None if instead is None else instead.between(*manifest.entity_range(number))
        return _merged(stored, newer, mine)

    if entities is not None:
        some = None if pending is None else pending_of_part(manifest, number, pending)
        some = None if some is None else some.of_entities(entities, max_gap=len(some))
        mine = None if instead is None else instead.of_entities(entities).between(*manifest.entity_range(number))
        return _merged(stored.of_entities(entities, max_gap=_MAX_GAP), some, mine)
    if pending is None and instead is None:
        return stored
    if readings is not None and not readings.is_latest:
        return merged()
    return cache.merged((part.file, manifest.head, readings is not None), merged)


def _merged(stored: Clustered, newer: Clustered | None, instead: Replacement | None) -> Clustered:
    """Return the events of a part with its pending events, and with other readings of corrected events."""
    if instead is not None and (instead.rows.height or instead.removed.height):
        return instead.merge(stored, newer)
    return stored if newer is None else merge_events(stored, newer)


class PartCache:
    """What is known of parts beside their rows: entities, first rows, the places of what is merged.

    The files of parts never change, so nothing here becomes stale. Several threads may use it at once; at worst
    two of them read the same entities.
    """

    def __init__(self) -> None:
        self._entities: dict[str, tuple[pl.Series, RowNumbers]] = {}
        self._merged: dict[tuple[str, int, bool], Clustered] = {}

    def retain(self, manifest: Manifest) -> None:
        """Drop what a new manifest no longer needs."""
        names = {part.file for part in manifest.parts}
        self._entities = {file: found for file, found in self._entities.items() if file in names}
        self._merged = {}

    def entities(self, files: IndexFiles, part: Part) -> tuple[pl.Series, RowNumbers]:
        """Return the entities of a part, and the first row of each, and at last its number of rows."""
        if part.file in self._entities:
            return self._entities[part.file]
        frame = files.read(part.entities)
        found = frame["entity"], np.append(frame["start"].to_numpy(), part.rows).astype(np.int64)
        if self._ids + frame.height <= _MAX_IDS:
            self._entities[part.file] = found
        return found

    def merged(self, key: tuple[str, int, bool], merge: Callable[[], Clustered]) -> Clustered:
        """Return a part merged with its pending events and with corrections; ``merge`` is called the first time.

        Args:
            key: the file of the part, the head of the index, and whether all corrections are seen, or none.
            merge: merges them.
        """
        events = self._merged.get(key)
        if events is None:
            events = merge()
            if self._ids + len(events.entities) <= _MAX_IDS:
                self._merged[key] = events
        # A copy: what a question computes from it, such as the order of all rows, must not stay in memory.
        return replace(events)

    @property
    def _ids(self) -> int:
        """How many ids are kept. A merge without new entities shares the ids of its part."""
        # Copies: other threads add entries.
        alone, merged = list(self._entities.values()), list(self._merged.values())
        kept = [entities for entities, _ in alone] + [events.entities for events in merged]
        return sum({id(entities): len(entities) for entities in kept}.values())
