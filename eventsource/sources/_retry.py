"""Decoding rejected lines again, from the bytes that the log kept or from their file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.event import no_events
from eventsource.sources._blocks import BEYOND_LIMIT, BLOCK_BYTES, Block, blocks
from eventsource.sources._checkpoint import UnreadableError
from eventsource.sources._compressed import DAMAGED, open_at
from eventsource.sources._csv import csv_rows
from eventsource.sources._csv_header import Header, read_header
from eventsource.sources._csv_lines import CsvLines
from eventsource.sources._decoder import Decoder, Line
from eventsource.sources._options import FileOptions

__all__ = ["FileRetry"]

_UNREADABLE: Final = (*DAMAGED, UnreadableError, pl.exceptions.PolarsError)
_ABOUT_FILE: Final = pl.col("raw").bin.size() == 0
_IS_CUT: Final = pl.col("reason").str.contains(BEYOND_LIMIT, literal=True)

_EventsAndRejected = tuple[pl.DataFrame, pl.DataFrame]


class FileRetry:
    """Decodes the rejected lines of one file again.

    There are three kinds of entries::

        reason                                 raw                     decoded from
        occurred_at is missing                 the line                raw
        the line has … beyond the limit of …   its first 64 KiB        the file, if the limit is higher now
        the file cannot be read …              empty                   nothing; dropped if the file can be read now

    Args:
        path: the file; it may be gone.
        format: its format.
        decoder: decodes the lines, with the mapping that the source has now.
        options: how files are written, now.
    """

    def __init__(self, path: Path, format: str, decoder: Decoder, options: FileOptions) -> None:  # noqa: A002 - as in `source`
        self._path, self._format, self._decoder = path, format, decoder
        self._limit, self._dialect, self._encoding = options.max_line, options.dialect, options.encoding

    def decode(self, rejected: pl.DataFrame) -> _EventsAndRejected:
        """Return the events of rejected lines, and the lines that are still rejected."""
        files, lines = rejected.filter(_ABOUT_FILE), rejected.filter(~_ABOUT_FILE)
        cut = lines.filter(_IS_CUT)
        try:
            long = self._long_lines(_raw(cut)) if cut.height else {}
            events, left = self._decode_lines({**_raw(lines.filter(~_IS_CUT)), **long})
        except _UNREADABLE as error:
            return no_events(), _with_reason(rejected, error)
        missing = cut.filter(~pl.col("line").is_in(list(long)))
        return events, pl.concat([left, missing, self._still_damaged(files)]).sort("line", maintain_order=True)

    def _decode_lines(self, lines: Mapping[int, bytes]) -> _EventsAndRejected:
        found = [Line(str(self._path), number, raw) for number, raw in sorted(lines.items())]
        if self._format != "csv" or not found:
            return self._decoder.lines(found)
        header = self._header()
        feeds = [(line, CsvLines([_block(line.number, line.raw)], self._limit)) for line in found]
        rows = [next(csv_rows(feed, header, file=line.file)) for line, feed in feeds]
        return self._decoder.rows((row.line, row.members) for row in rows)

    def _long_lines(self, begins: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return the lines of the file that have these numbers, begin like this, and are within the limit now."""
        found = {number: raw for number, raw in self._lines_within_limit() if number in begins}
        return {number: raw for number, raw in found.items() if raw.startswith(begins[number])}

    def _lines_within_limit(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of the file that are within the limit; the rows if it is CSV."""
        if self._format == "parquet" or not self._path.exists():
            return
        reader, _ = open_at(self._path, 0, encoding=self._encoding)
        with reader:
            some = blocks(reader, line=1, limit=self._limit)
            if self._format == "csv":
                rows = csv_rows(CsvLines(some, self._limit), self._header(), file=str(self._path))
                yield from ((row.line.number, row.line.raw) for row in rows if not any(p[2] for p in row.physical))
                return
            for block in some:
                yield from ((number, line.rstrip(b"\r\n")) for number, line, long in block.each() if long is None)

    def _header(self) -> Header:
        return read_header(self._path, self._dialect, self._encoding, limit=self._limit)

    def _still_damaged(self, entries: pl.DataFrame) -> pl.DataFrame:
        """Return entries about the file with their new reason; none if the file can be read to its end."""
        try:
            if entries.height:
                self._read_to_end()
        except _UNREADABLE as error:
            return _with_reason(entries, error)
        return entries.clear()

    def _read_to_end(self) -> None:
        if self._format == "parquet":
            pl.scan_parquet(self._path, glob=False).select(pl.all().count()).collect(engine="streaming")
            return
        if self._format == "csv":
            self._header()
        reader, _ = open_at(self._path, 0, encoding=self._encoding)
        with reader:
            while reader.read(BLOCK_BYTES):
                pass


def _with_reason(rejected: pl.DataFrame, error: Exception) -> pl.DataFrame:
    return rejected.with_columns(pl.lit(f"the file cannot be read: {error}").alias("reason"))


def _raw(rejected: pl.DataFrame) -> dict[int, bytes]:
    return dict(rejected.select("line", "raw").iter_rows())


def _block(number: int, raw: bytes) -> Block:
    data = raw + b"\n"
    return Block(data, number, data.count(b"\n"))
