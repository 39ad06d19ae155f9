"""Parquet, chunk by chunk: columns are members."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from eventsource.sources._cells import cells_of_rows
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint, UnreadableError
from eventsource.sources._decoder import Decoder, Line
from eventsource.sources._dotted_columns import DottedColumns

__all__ = ["parquet_chunks"]

_FIRST_ROWS: Final = 1_000
"""Rows of the first chunk; their size says how many rows have about 16 MB."""

_CHUNK_ROWS: Final = 50_000
_CHUNK_BYTES: Final = 16 * 1024 * 1024


def parquet_chunks(file: FileCheckpoint, decoder: Decoder, *, times: Sequence[str] = ()) -> Iterator[Chunk]:
    """Yield what is new in a file of Parquet, about 16 MB at a time.

    Such a file does not grow: one that changed is read again from its start.

    Args:
        file: the file, and where the last pull stopped.
        decoder: decodes the rows.
        times: columns that there must be; see `DottedColumns.check_times`.

    Raises:
        UnreadableError: the file is damaged, or lacks such a column.
    """
    row, notes = file.first_row()
    yield file.first_chunk(Consumed(row, None, file.content), notes)
    frame = pl.scan_parquet(file.path, glob=False)
    total = _collect(frame.select(pl.len())).item()
    rows, columns = _FIRST_ROWS, DottedColumns(frame.collect_schema().names())
    columns.check_times(times)
    while row < total:
        some = _collect(frame.slice(row, rows))
        lines = (
            (Line(str(file.path), number), columns.members(cells))
            for number, cells in enumerate(cells_of_rows(some), row + 1)
        )
        events, rejected = decoder.rows(lines)
        row += some.height
        rows = max(1, min(_CHUNK_ROWS, some.height * _CHUNK_BYTES // max(1, int(some.estimated_size()))))
        yield Chunk(events, rejected, file.size * row // total, Consumed(row, None, file.content))


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as error:
        raise UnreadableError(str(error)) from error
