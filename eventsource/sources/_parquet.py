"""Parquet, chunk by chunk: columns are members."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from eventsource.moment import null_outside_calendar, time_unit
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint, UnreadableError
from eventsource.sources._decoder import Decoder, Line
from eventsource.sources._dotted_columns import DottedColumns

__all__ = ["parquet_chunks"]

_FIRST_ROWS: Final = 1_000
"""Rows of the first chunk; their size says how many rows have about 16 MB."""

_CHUNK_ROWS: Final = 50_000
_CHUNK_BYTES: Final = 16 * 1024 * 1024
_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


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
            for number, cells in enumerate(_rows(some), row + 1)
        )
        events, rejected = decoder.rows(lines)
        row += some.height
        rows = max(1, min(_CHUNK_ROWS, some.height * _CHUNK_BYTES // max(1, int(some.estimated_size()))))
        yield Chunk(events, rejected, file.size * row // total, Consumed(row, None, file.content))


def _rows(some: pl.DataFrame) -> Iterator[Mapping[str, Any]]:
    columns = [_cells(column) for column in some]
    return (dict(zip(some.columns, cells, strict=True)) for cells in zip(*columns, strict=True))


def _cells(column: pl.Series) -> list[Any]:
    """Return the values of a column; as texts those that JSON or Python cannot represent.

    These are NaN and infinities, and times outside the calendar. Such a text is neither a number nor a time: if it
    is the event's own time, the row is rejected. In a payload it stays as it is, and a field that sums it names
    it.
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Struct):
        inner = _rows(column.struct.unnest())
        return [None if is_null else cells for is_null, cells in zip(column.is_null(), inner, strict=True)]
    if isinstance(dtype, pl.List | pl.Array) and not _is_plain(dtype.inner):
        return [None if inner is None else _cells(inner) for inner in column]
    if dtype.is_float():
        return _floats(column)
    if dtype != pl.Date and not isinstance(dtype, pl.Datetime):
        return column.to_list()
    times = null_outside_calendar(column)
    cells: list[Any] = _in_representable_zone(times).to_list()
    for row in (times.is_null() & column.is_not_null()).arg_true():
        cells[row] = f"{column.to_physical()[row]} {time_unit(column)} since 1970"
    return cells


def _is_plain(dtype: Any) -> bool:
    """Return whether Python and JSON represent all values of a dtype."""
    return not (dtype.is_nested() or dtype.is_temporal() or dtype.is_float())


def _floats(column: pl.Series) -> list[Any]:
    """Return floats; NaN and infinities, which JSON does not have, as texts."""
    cells: list[Any] = column.to_list()
    for row in (~column.is_finite()).fill_null(value=False).arg_true():
        cells[row] = _NOT_FINITE[str(cells[row])]
    return cells


def _in_representable_zone(times: pl.Series) -> pl.Series:
    """Return times in their own zone; in UTC if a local time would be outside the calendar."""
    if not getattr(times.dtype, "time_zone", None):
        return times
    local = times.dt.replace_time_zone(None)
    is_inside = null_outside_calendar(local).null_count() == local.null_count()
    return times if is_inside else times.dt.convert_time_zone("UTC")


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as error:
        raise UnreadableError(str(error)) from error
