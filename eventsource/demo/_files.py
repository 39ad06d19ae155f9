"""Lines into files, in the order of arrival and in bounded memory."""

import gzip
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
import polars as pl

from eventsource.atomic_write import atomic_write
from eventsource.demo import _events
from eventsource.demo._business import Settings
from eventsource.demo._lines import KINDS, arriving_lines
from eventsource.errors import SourceError

__all__ = ["Manifest", "write_business"]

_LINES_AT_ONCE: Final = 50_000
_GZIP_LEVEL: Final = 3  # the highest that does not dominate the time


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was written: how many lines of each kind, the bytes on disk and the seconds it took.

    ``events`` are different events, ``late`` those of them that were recorded a day or more after they occurred.
    ``duplicates`` repeat an earlier line word by word, ``conflicts`` its ``event_id`` with another payload.
    ``broken`` lines cannot be read.
    """

    customers: int
    events: int
    duplicates: int
    conflicts: int
    broken: int
    late: int
    bytes: int
    seconds: float

    @property
    def lines(self) -> int:
        """All lines of the file."""
        return self.events + self.duplicates + self.conflicts + self.broken


def write_business(path: Path, settings: Settings, progress: Callable[[float], None]) -> Manifest:
    """Write the whole log to a file.

    A customer's life spans the whole period, and a file is ordered by time. So the lines of some customers at a
    time are written to disk in the order of time, and then one slice of time after the other is read from all:

        customers      1 to 10,000     slice 1 | slice 2 | slice 3
        customers 10,001 to 20,000     slice 1 | slice 2 | slice 3
                                          |
                                       sorted: the first lines of the file
    """
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        hint = "name a file that ends in .jsonl or .jsonl.gz"
        raise SourceError(f"expected a name for JSON Lines, got {path}", hint=hint)
    begun, counts = perf_counter(), Counter[str]()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=path.parent) as name:
        for last, events in _events.all_events(settings):
            lines = arriving_lines(events, settings)
            counts.update(dict(lines["kind"].value_counts().iter_rows()), late=int(lines["late"].sum()))
            ordered, part = lines.sort("arrived"), Path(name, f"{last:012}.parquet")
            ordered.write_parquet(part, compression="uncompressed", row_group_size=_LINES_AT_ONCE)
            progress(last / settings.customers / 2)
        size = _write_file(_sorted_lines(Path(name), settings, progress), path)
    kinds = {kind: counts[kind] for kind in (*KINDS, "late")}
    return Manifest(settings.customers, **kinds, bytes=size, seconds=perf_counter() - begun)


def _sorted_lines(folder: Path, settings: Settings, progress: Callable[[float], None]) -> Iterator[list[bytes]]:
    """Yield all lines in the order of the file."""
    lines, slices = pl.scan_parquet(folder), 1 + settings.customers // _events.AT_ONCE
    edges = np.linspace(settings.since, settings.until, slices + 1).astype(np.int64).tolist()
    for number, (start, end) in enumerate(pairwise(edges), 1):
        slice_ = lines.filter(pl.col("arrived").is_between(start, end, closed="left"))
        for some in slice_.sort("arrived", "customer", "version", "kind").collect().iter_slices(_LINES_AT_ONCE):
            yield some["line"].to_list()
        progress(0.5 + number / slices / 2)


def _write_file(pieces: Iterator[list[bytes]], path: Path) -> int:
    """Write lines to a file, which replaces that of an earlier run; return its bytes."""
    with atomic_write(path) as draft, draft.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) if path.suffix == ".gz" else nullcontext(raw)
        with packed as out:
            for lines in pieces:
                out.write(b"\n".join(lines) + b"\n")
    return path.stat().st_size
