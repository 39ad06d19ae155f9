"""Lines into files, each of which appears under its name when it is whole, and the count of them."""

import gzip
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import IO, Final

import numpy as np
import polars as pl

from eventsource.demo._arrivals import BROKEN, CONFLICTING, REPEATED
from eventsource.demo._block import Period
from eventsource.demo._calendar import DAY
from eventsource.demo._draws import Ints
from eventsource.demo._lines import lines
from eventsource.demo._order import in_order
from eventsource.errors import SourceError

__all__ = ["Manifest", "pour", "write_lines"]

PART: Final = 500_000
"""Lines of one part, where the events are written to a folder."""

_AT_ONCE = 50_000
"""Lines that are text at the same time."""

_LEVEL = 3
"""Of gzip: the highest that costs no time to speak of."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was written.

    Args:
        customers: how many signed up.
        events: different events.
        duplicates: lines that repeat an earlier one word by word.
        conflicts: lines that repeat an ``event_id`` with another payload.
        broken: lines that no reader can take.
        late: events recorded a day or more after they occurred.
        bytes: size on disk.
        seconds: time it took.
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


def write_lines(
    path: Path, customers: int, seed: int, period: Period, progress: Callable[[float], None]
) -> Manifest:
    """Write all lines to a file or, where ``path`` has no suffix, to the parts of a folder."""
    begun, counts = perf_counter(), np.zeros(5, np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=path.parent) as spill:
        frames = in_order(customers, seed, period, Path(spill), progress)
        size = pour(_texts(frames, seed, counts), path)
    events, duplicates, conflicts, broken, late = counts.tolist()
    seconds = perf_counter() - begun
    return Manifest(customers, events, duplicates, conflicts, broken, late, size, seconds)


def _targets(path: Path) -> tuple[Iterator[Path], int]:
    """Return the files to write, one after the other, and how many lines go into each."""
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return iter([path]), sys.maxsize
    if path.suffix or path.is_file():
        raise SourceError(
            f"{path} is no name for JSON Lines",
            hint="name a file that ends in .jsonl or .jsonl.gz, or a folder",
        )
    path.mkdir(parents=True, exist_ok=True)
    return (path / f"events-{number:04}.jsonl.gz" for number in count(1)), PART


def _texts(frames: Iterator[pl.DataFrame], seed: int, counts: Ints) -> Iterator[list[bytes]]:
    """Yield the lines of the frames, and add up in ``counts`` what they are."""
    for frame in frames:
        counts += _counts(frame)
        for piece in frame.iter_slices(_AT_ONCE):
            yield lines(piece, seed)


def _counts(frame: pl.DataFrame) -> Ints:
    copy = frame["copy"]
    late = (copy == 0) & (frame["recorded"] - frame["occurred"] >= DAY)
    flags = (copy == 0, copy == REPEATED, copy == CONFLICTING, copy == BROKEN, late)
    return np.array([flag.sum() for flag in flags], np.int64)


def pour(pieces: Iterator[list[bytes]], path: Path) -> int:
    """Write lines to a file or to the parts of a folder; return the bytes on disk.

    What is there under those names is replaced; later parts of an earlier run go.

    Raises:
        SourceError: ``path`` has another suffix than JSON Lines have.
    """
    paths, room = _targets(path)
    size, rest = 0, next(pieces, [])
    for part in paths:
        with _whole(part) as out:
            rest = _fill(out, room, rest, pieces)
        size += part.stat().st_size
        if not rest:
            break
    while (stale := next(paths, None)) and stale.exists():
        stale.unlink()
    return size


def _fill(
    out: IO[bytes] | gzip.GzipFile, room: int, rest: list[bytes], pieces: Iterator[list[bytes]]
) -> list[bytes]:
    """Write ``rest`` and then ``pieces`` while there is room; return what did not fit."""
    while rest and room:
        now, rest = rest[:room], rest[room:]
        out.write(b"\n".join(now) + b"\n")
        room -= len(now)
        rest = rest or next(pieces, [])
    return rest


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a draft for writing that becomes ``path`` at the end, and nothing after an error."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("wb") as raw, _zipped(raw) if path.suffix == ".gz" else nullcontext(raw) as out:
            yield out
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _zipped(raw: IO[bytes]) -> gzip.GzipFile:
    return gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0)
