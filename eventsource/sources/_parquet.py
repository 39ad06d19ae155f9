"""Files of Parquet, part by part: columns are members."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from eventsource.moment import null_outside_calendar, time_unit
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
            for number, cells in enumerate(_rows(some), row + 1)
        )
        events, rejected = decoder.rows(lines)
        row += some.height
        rows = max(1, min(_ROWS, some.height * _BYTES // max(1, int(some.estimated_size()))))
        yield Part(events, rejected, place.size * row // total, place.at_row(row))


def _rows(some: pl.DataFrame) -> Iterator[Mapping[str, Any]]:
    columns = [_cells(column) for column in some]
    return (dict(zip(some.columns, cells, strict=True)) for cells in zip(*columns, strict=True))


def _cells(column: pl.Series) -> list[Any]:
    """Return the values of a column; times outside of the calendar, which Python has not, as texts.

    No text like that is a time: as an event's own it makes the row rejected, elsewhere it stays for who knows it.
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Struct):
        inner = _rows(column.struct.unnest())
        return [None if gone else cells for gone, cells in zip(column.is_null(), inner, strict=True)]
    if isinstance(dtype, pl.List | pl.Array) and (dtype.inner.is_nested() or dtype.inner.is_temporal()):
        return [None if inner is None else _cells(inner) for inner in column]
    if dtype != pl.Date and not isinstance(dtype, pl.Datetime):
        return column.to_list()
    times = null_outside_calendar(column)
    cells: list[Any] = _in_a_zone(times).to_list()
    for row in (times.is_null() & column.is_not_null()).arg_true():
        cells[row] = f"{column.to_physical()[row]} {time_unit(column)} since 1970"
    return cells


def _in_a_zone(times: pl.Series) -> pl.Series:
    """Return times in a zone in which Python has them: their own, or at the ends of the calendar UTC."""
    if not getattr(times.dtype, "time_zone", None):
        return times
    local = times.dt.replace_time_zone(None)
    return (
        times
        if null_outside_calendar(local).null_count() == local.null_count()
        else times.dt.convert_time_zone("UTC")
    )


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as error:
        raise UnreadableError(str(error)) from error
