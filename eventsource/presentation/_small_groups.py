"""Small groups: rows that are about too few entities to be shown.

A column that says of how many entities a row is, `counts`, makes a row small. The integers to the left of it name
the group; all other numbers are hidden::

    smallest_group = 5     country  customers  premium        country  customers  premium
                           PL             120       40        PL             120       40
                           CZ               3        1   ->   CZ             < 5      •••
                           SK               9        2        SK             •••      •••
                           DE               0        0        DE               0        0

One hidden row alone could be computed from a total: then the smallest of the others, SK, is hidden too.
"""

from collections.abc import Iterable

import polars as pl

from eventsource.presentation._readers import MASK

__all__ = ["hidden_rows", "small", "with_small_groups", "without_small_groups"]


def small(number: int) -> str:
    """Return what is shown in place of a number of entities that is smaller than this one."""
    return f"< {number}"


def hidden_rows(frame: pl.DataFrame, counts: Iterable[str], smallest: int) -> pl.Series:
    """Return which rows are about too few entities, or would give away the only one that is."""
    hidden = pl.repeat(value=False, n=frame.height, eager=True)
    if smallest <= 1:
        return hidden
    for name in counts:
        if name not in frame.columns or not frame.schema[name].is_numeric():
            continue
        values = frame[name].cast(pl.Float64)
        found = ((values > 0) & (values < smallest)).fill_null(value=False)
        if found.sum() == 1:
            others = values.to_frame("n").with_row_index("row").filter(~found, pl.col("n") > 0).sort("n", "row")
            found = found | pl.int_range(frame.height, eager=True).is_in(others["row"].head(1).implode())
        hidden = hidden | found
    return hidden


def _numbers(frame: pl.DataFrame, counts: Iterable[str]) -> list[str]:
    """Return the columns of numbers, without integers to the left of the first column of counts."""
    first = min((frame.columns.index(name) for name in counts if name in frame.columns), default=frame.width)
    numbers = [name for name in frame.columns if frame.schema[name].is_numeric()]
    return [name for name in numbers if not frame.schema[name].is_integer() or name in frame.columns[first:]]


def with_small_groups(frame: pl.DataFrame, counts: Iterable[str], smallest: int) -> pl.DataFrame:
    """Return a frame for a table, with texts in place of the numbers of small groups."""
    named = list(counts)
    hidden = hidden_rows(frame, named, smallest)
    if not hidden.any():
        return frame
    shown = []
    for name in _numbers(frame, named):
        number = pl.col(name)
        is_small = number.is_between(0, smallest, closed="none") if name in named else pl.lit(value=False)
        text = pl.when(is_small).then(pl.lit(small(smallest))).otherwise(pl.lit(MASK))
        shown.append(pl.when(hidden).then(text).otherwise(number.cast(pl.String)).alias(name))
    return frame.with_columns(shown)


def without_small_groups(frame: pl.DataFrame, counts: Iterable[str], smallest: int) -> pl.DataFrame:
    """Return a frame for a chart, with null in place of the numbers of small groups."""
    named = list(counts)
    hidden = hidden_rows(frame, named, smallest)
    if not hidden.any():
        return frame
    return frame.with_columns(pl.when(~hidden).then(name).alias(name) for name in _numbers(frame, named))
