"""Rejected lines, offered again: what was kept of them, or where that is not all, what their file still holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.event import empty_events
from eventsource.sources._csv import Feed, csv_rows, header_of
from eventsource.sources._decode import Decoder, Line
from eventsource.sources._packed import DAMAGED, open_at
from eventsource.sources._place import UnreadableError
from eventsource.sources._streams import BEYOND, BLOCK, Block, blocks

__all__ = ["Again"]

_UNREADABLE: Final = (*DAMAGED, UnreadableError, pl.exceptions.PolarsError)
_ABOUT_FILE: Final = pl.col("raw").bin.size() == 0
_CUT: Final = pl.col("reason").str.contains(BEYOND, literal=True)

_Pair = tuple[pl.DataFrame, pl.DataFrame]


class Again:
    """Takes rejected lines of one file again.

    Args:
        path: the file; it may be gone.
        format: its format.
        decoder: takes the lines, with today's mapping.
        limit: the most bytes of a line, today.
    """

    def __init__(self, path: Path, format: str, decoder: Decoder, limit: int) -> None:  # noqa: A002 - as in `source`
        self._path, self._format, self._decoder, self._limit = path, format, decoder, limit

    def take(self, rejected: pl.DataFrame) -> _Pair:
        """Return the events of rejected lines, and what is still rejected.

        An entry about the file itself goes when the file can be read: the next pull does that. A line of which
        only the begin was kept is looked for in the file.
        """
        files, lines = rejected.filter(_ABOUT_FILE), rejected.filter(~_ABOUT_FILE)
        cut = lines.filter(_CUT)
        try:
            whole = self._whole(_raw(cut)) if cut.height else {}
            events, left = self._decoded({**_raw(lines.filter(~_CUT)), **whole})
        except _UNREADABLE as error:
            return empty_events(), rejected.with_columns(
                pl.lit(f"the file cannot be read: {error}").alias("reason")
            )
        missing = cut.filter(~pl.col("line").is_in(list(whole)))
        return events, pl.concat([left, missing, self._still_damaged(files)]).sort("line", maintain_order=True)

    def _decoded(self, lines: Mapping[int, bytes]) -> _Pair:
        found = [Line(str(self._path), number, raw) for number, raw in sorted(lines.items())]
        if self._format != "csv" or not found:
            return self._decoder.lines(found)
        names = header_of(self._path, limit=self._limit)
        feeds = [(line, Feed([_block(line.number, line.raw)], self._limit)) for line in found]
        rows = [next(csv_rows(feed, names, file=line.file)) for line, feed in feeds]
        return self._decoder.rows((row.line, row.members) for row in rows)

    def _whole(self, begins: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return the lines that begin so and are within today's limit, as their file holds them."""
        found = {number: raw for number, raw in self._lines() if number in begins}
        return {number: raw for number, raw in found.items() if raw.startswith(begins[number])}

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield all lines of the file that are within the limit; of CSV, all rows."""
        if self._format == "parquet" or not self._path.exists():
            return
        reader, _ = open_at(self._path, 0)
        with reader:
            some = blocks(reader, line=1, limit=self._limit)
            if self._format == "csv":
                rows = csv_rows(Feed(some, self._limit), [], file=str(self._path))
                yield from ((row.line.number, row.line.raw) for row in rows if not any(p[2] for p in row.physical))
                return
            for block in some:
                yield from ((number, line.rstrip(b"\r\n")) for number, line, long in block.each() if long is None)

    def _still_damaged(self, entries: pl.DataFrame) -> pl.DataFrame:
        """Return entries about the file under the reason of today; none if it can be read to its end."""
        try:
            if entries.height:
                self._read_through()
        except _UNREADABLE as error:
            return entries.with_columns(pl.lit(f"the file cannot be read: {error}").alias("reason"))
        return entries.clear()

    def _read_through(self) -> None:
        if self._format == "parquet":
            pl.scan_parquet(self._path, glob=False).select(pl.all().count()).collect(engine="streaming")
            return
        if self._format == "csv":
            header_of(self._path, limit=self._limit)
        reader, _ = open_at(self._path, 0)
        with reader:
            while reader.read(BLOCK):
                pass


def _raw(rejected: pl.DataFrame) -> dict[int, bytes]:
    return dict(rejected.select("line", "raw").iter_rows())


def _block(number: int, raw: bytes) -> Block:
    data = raw + b"\n"
    return Block(data, number, data.count(b"\n"))
