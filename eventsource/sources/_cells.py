"""Values of columns as Python and JSON have them: Parquet files and databases hold some that neither has.

```text
column              cells
1.5  NaN  -inf      1.5  "NaN"  "-Infinity"
2024-01-01  12000   datetime(2024, 1, 1)  "316516896000000000 us since 1970"
```
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from eventsource.moment import null_outside_calendar, time_unit

__all__ = ["cells", "cells_of_rows"]

_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def cells_of_rows(some: pl.DataFrame) -> Iterator[Mapping[str, Any]]:
    """Yield the members of each row; see `cells`."""
    columns = [cells(column) for column in some]
    return (dict(zip(some.columns, row, strict=True)) for row in zip(*columns, strict=True))


def cells(column: pl.Series) -> list[Any]:
    """Return the values of a column; as texts those that JSON or Python cannot represent.

    These are NaN and infinities, and times outside the calendar. Such a text is neither a number nor a time: if it
    is the event's own time, the row is rejected. In a payload it stays as it is, and is a fault of a field that
    sums it.
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Struct):
        inner = cells_of_rows(column.struct.unnest())
        return [None if is_null else each for is_null, each in zip(column.is_null(), inner, strict=True)]
    if isinstance(dtype, pl.List | pl.Array) and not _is_plain(dtype.inner):
        return [None if inner is None else cells(inner) for inner in column]
    if dtype.is_float():
        return _floats(column)
    if dtype == pl.Object:
        return [_NOT_FINITE.get(str(each), each) if isinstance(each, float) else each for each in column]
    if dtype != pl.Date and not isinstance(dtype, pl.Datetime):
        return column.to_list()
    times = null_outside_calendar(column)
    found: list[Any] = _in_representable_zone(times).to_list()
    for row in (times.is_null() & column.is_not_null()).arg_true():
        found[row] = f"{column.to_physical()[row]} {time_unit(column)} since 1970"
    return found


def _is_plain(dtype: Any) -> bool:
    """Return whether Python and JSON represent all values of a dtype."""
    return not (dtype.is_nested() or dtype.is_temporal() or dtype.is_float())


def _floats(column: pl.Series) -> list[Any]:
    """Return floats; NaN and infinities, which JSON does not have, as texts."""
    found: list[Any] = column.to_list()
    for row in (~column.is_finite()).fill_null(value=False).arg_true():
        found[row] = _NOT_FINITE[str(found[row])]
    return found


def _in_representable_zone(times: pl.Series) -> pl.Series:
    """Return times in their own zone; in UTC if a local time would be outside the calendar."""
    if not getattr(times.dtype, "time_zone", None):
        return times
    local = times.dt.replace_time_zone(None)
    is_inside = null_outside_calendar(local).null_count() == local.null_count()
    return times if is_inside else times.dt.convert_time_zone("UTC")
