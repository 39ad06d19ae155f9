"""Lines into files, in the order of arrival and in bounded memory."""

import gzip
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from time import perf_counter
from typing import IO, Final

import numpy as np
import polars as pl

from eventsource.atomic_write import atomic_write
from eventsource.demo import _customers
from eventsource.demo._customers import Customers, Settings
from eventsource.demo._draws import Ints
from eventsource.demo._lines import KINDS, arriving_lines
from eventsource.errors import SourceError

__all__ = ["Manifest", "all_customers", "write_business"]

LINES_PER_FILE: Final = 500_000  # where the lines are written to a folder
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


def all_customers(settings: Settings) -> Iterator[Customers]:
    """Yield all customers, some at a time, in the order of sign-up."""
    for first in range(1, settings.customers + 1, _customers.AT_ONCE):
        yield Customers(settings, first)


def write_business(path: Path, settings: Settings, progress: Callable[[float], None]) -> Manifest:
    """Write the whole log to a file or, where ``path`` has no suffix, to the files of a folder.

    A customer's life spans the whole period, and a file is ordered by time. So the lines of some customers at a
    time are cut into slices of time on disk, and then one slice after the other is sorted and written:

        customers      1 to 10,000     slice 1 | slice 2 | slice 3
        customers 10,001 to 20,000     slice 1 | slice 2 | slice 3
                                          |
                                       sorted: the first lines of the file
    """
    begun, counts = perf_counter(), Counter[str]()
    slices = 1 + settings.customers // _customers.AT_ONCE
    edges = np.linspace(settings.since, settings.until, slices + 1).astype(np.int64)[1:-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=path.parent) as name:
        for customers in all_customers(settings):
            lines = arriving_lines(customers)
            counts.update(dict(lines["kind"].value_counts().iter_rows()), late=int(lines["late"].sum()))
            _write_slices(lines, edges, Path(name, f"{customers.first:012}"))
            progress((customers.first + customers.size - 1) / settings.customers / 2)
        size = _write_files(_sorted_lines(Path(name), slices, progress), path)
    kinds = {kind: counts[kind] for kind in (*KINDS, "late")}
    return Manifest(settings.customers, **kinds, bytes=size, seconds=perf_counter() - begun)


def _write_slices(lines: pl.DataFrame, edges: Ints, folder: Path) -> None:
    """Write the lines of each slice of time to a file of its own."""
    folder.mkdir()
    ordered = lines.sort("arrived")
    cuts = [0, *np.searchsorted(ordered["arrived"].to_numpy(), edges).tolist(), ordered.height]
    for number, (start, end) in enumerate(pairwise(cuts)):
        ordered[start:end].write_ipc(folder / f"{number}.arrow", compression="uncompressed")


def _sorted_lines(folder: Path, slices: int, progress: Callable[[float], None]) -> Iterator[list[bytes]]:
    """Yield all lines in the order of the file."""
    for number in range(slices):
        paths = sorted(folder.glob(f"*/{number}.arrow"))
        lines = pl.concat([pl.read_ipc(path) for path in paths])
        for some in lines.sort("arrived", "customer", "version", "kind").iter_slices(_LINES_AT_ONCE):
            yield some["line"].to_list()
        for path in paths:
            path.unlink()
        progress(0.5 + (number + 1) / slices / 2)


def _write_files(pieces: Iterator[list[bytes]], path: Path) -> int:
    """Write lines to a file or to those of a folder, which replace those of an earlier run; return their bytes."""
    targets, most = _targets(path)
    size, lines = 0, next(pieces, [])
    for target in targets:
        room = most
        with atomic_write(target) as draft, draft.open("wb") as raw, _compressed(raw, target) as out:
            while lines and room:
                some, lines = lines[:room], lines[room:]
                out.write(b"\n".join(some) + b"\n")
                room -= len(some)
                lines = lines or next(pieces, [])
        size += target.stat().st_size
        if not lines:
            break
    while (stale := next(targets, None)) and stale.exists():
        stale.unlink()
    return size


def _targets(path: Path) -> tuple[Iterator[Path], int]:
    """Return the files to write, one after the other, and how many lines each holds."""
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return iter([path]), sys.maxsize
    if path.suffix or path.is_file():
        hint = "name a file that ends in .jsonl or .jsonl.gz, or a folder"
        raise SourceError(f"expected a name for JSON Lines, got {path}", hint=hint)
    path.mkdir(parents=True, exist_ok=True)
    return (path / f"events-{number:04}.jsonl.gz" for number in count(1)), LINES_PER_FILE


def _compressed(raw: IO[bytes], path: Path) -> AbstractContextManager[IO[bytes] | gzip.GzipFile]:
    return gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) if path.suffix == ".gz" else nullcontext(raw)
