"""CSV and Parquet: rows that have members already."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import polars as pl

from eventsource.sources._decode import Line

__all__ = ["CsvRow", "csv_header", "csv_rows", "parquet_rows"]

_SLICE: Final = 50_000


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row of CSV.

    Args:
        line: where it began, and what stood there.
        members: its members, or a reason why it has none.
        raw: all bytes since the row before, blank lines and ends of lines too.
        lines: how many lines were read up to its end.
    """

    line: Line
    members: dict[str, Any] | str
    raw: bytes
    lines: int


@dataclass
class _Feed:
    """Lines of a stream as text, counted, and kept until a row is made of them."""

    stream: IO[bytes]
    consumed: int = 0
    lines: int = 0
    pending: list[bytes] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        for raw in self.stream:
            self.consumed += len(raw)
            self.lines += 1
            self.pending.append(raw)
            yield raw.decode("utf-8-sig" if self.consumed == len(raw) else "utf-8", "surrogateescape")

    def take(self) -> bytes:
        raw = b"".join(self.pending)
        self.pending.clear()
        return raw


def csv_header(stream: IO[bytes]) -> tuple[list[str], bytes]:
    """Return the names in the first row of a CSV stream, and the bytes of that row."""
    feed = _Feed(stream)
    names = next(csv.reader(iter(feed)), [])
    return names, feed.take()


def csv_rows(stream: IO[bytes], names: list[str], *, file: str, line: int, limit: int) -> Iterator[CsvRow]:
    """Yield the rows of a CSV stream after its header; an empty cell is an absent member.

    Args:
        stream: at the begin of a row.
        names: the members, from the header.
        file: the file's name, for rejected rows.
        line: the number of the stream's first line.
        limit: the most bytes that a cell may have.
    """
    csv.field_size_limit(limit)
    feed = _Feed(stream)
    reader = csv.reader(iter(feed))
    while True:
        first = line + feed.lines
        try:
            cells: list[str] | str | None = next(reader, None)
        except csv.Error as error:
            cells = f"not CSV: {error}"
        if cells is None:
            return
        if cells:  # a blank line is no row
            raw = feed.take()
            where = Line(file, first, raw.strip(b"\r\n"))
            yield CsvRow(where, _members(cells, names, raw), raw, feed.lines)


def parquet_rows(path: Path, *, start: int) -> Iterator[list[tuple[Line, dict[str, Any]]]]:
    """Yield the rows of a Parquet file from ``start`` on, some at a time."""
    frame = pl.scan_parquet(path)
    while rows := frame.slice(start, _SLICE).collect().to_dicts():
        yield [(Line(str(path), start + n, repr(row).encode()), row) for n, row in enumerate(rows, 1)]
        start += len(rows)


def _members(cells: list[str] | str, names: list[str], raw: bytes) -> dict[str, Any] | str:
    if isinstance(cells, str):
        return cells
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}"
    if len(cells) != len(names):
        return f"the row has {len(cells)} cells, the header {len(names)}"
    return {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
