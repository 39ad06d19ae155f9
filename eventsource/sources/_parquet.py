"""Files of Parquet, part by part: columns are members."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from eventsource.sources._decode import Decoder, Line
from eventsource.sources._dotted import Columns
from eventsource.sources._place import Part, Place, UnreadableError

__all__ = ["parquet_parts"]

_FIRST: Final = 1_000
_ROWS: Final = 50_000
_BYTES: Final = 16 * 1024 * 1024


def parquet_parts(place: Place, decoder: Decoder) -> Iterator[Part]:
    """Yield what is new in a file of Parquet, about 16 MB at a time.

    Such a file does not grow: one that changed is read again from its start.

    Args:
        place: the file, and where the last pull stood in it.
        decoder: takes the rows.

    Raises:
        UnreadableError: the file is damaged.
    """
    row, notes = place.row()
    yield place.begin(row, place.at_row(row), notes)
    frame = pl.scan_parquet(place.path, glob=False)
    total = _collected(frame.select(pl.len())).item()
    rows, columns = _FIRST, Columns(frame.collect_schema().names())
    while row < total:
        some = _collected(frame.slice(row, rows))
        lines = (
            (Line(str(place.path), number), columns.members(cells))
            for number, cells in enumerate(some.iter_rows(named=True), row + 1)
        )
        events, rejected = decoder.rows(lines)
        row += some.height
        rows = max(1, min(_ROWS, some.height * _BYTES // max(1, int(some.estimated_size()))))
        yield Part(events, rejected, place.size * row // total, place.at_row(row))


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as error:
        raise UnreadableError(str(error)) from error
