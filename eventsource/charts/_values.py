"""Columns as a chart's data: values that JSON and JavaScript hold exactly, and the places where they are drawn.

A moment is a text for people, and a place on the axis. A closed day is drawn at its end::

    column              text                 place
    2024-01-31          2024-01-31           2024-02-01T00:00:00.000Z     the day is over
    17:30 New York      2024-07-04 17:30     2024-07-04T17:30:00.000Z     its own clock; the axis names the zone

Places have names that begin with ``|``: tables of a chart's data leave them out.
"""

from datetime import date, timedelta
from typing import Final

import polars as pl

from eventsource.charts._theme import SERIES
from eventsource.errors import ReportError
from eventsource.exact_numbers import EXACT_IN_FLOATS
from eventsource.formats import MISSING, OTHER
from eventsource.presentation import label, masked, with_event_words

__all__ = [
    "HIDDEN",
    "categories",
    "checked",
    "clock",
    "flag_names",
    "plain",
    "series",
    "spelt",
    "whole",
    "whole_range",
]

HIDDEN: Final = "|"
"""How names of columns begin that only place or label a mark."""
_MOST_ROWS: Final = 5_000
_MOST_FILLED: Final = 80
"""Categories up to which gaps between them are shown."""


def checked(frame: pl.DataFrame, *columns: str | None) -> pl.DataFrame:
    """Return the columns that a chart uses, each once, as the readers may see them.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    if frame.height > _MOST_ROWS:
        raise ReportError(
            f"a chart shows at most {_MOST_ROWS:,} rows, got {frame.height:,}", hint="aggregate the rows first"
        )
    used = [column for column in dict.fromkeys(columns) if column is not None]
    for column in used:
        if column not in frame.columns:
            raise ReportError(f"unknown column {column!r}", hint=f"the columns are {', '.join(frame.columns)}")
    return with_event_words(masked(frame)).select(used)


def plain(column: pl.Series) -> pl.Series:
    """Return values that JSON and JavaScript hold exactly: moments and integers beyond 2**53 as texts."""
    dtype = column.dtype
    if dtype.is_temporal():
        return spelt(column)
    if dtype.is_decimal() or dtype.is_float():
        values = column.cast(pl.Float64)
        return values.to_frame().select(pl.when(values.is_finite()).then(values).alias(column.name)).to_series()
    if dtype.is_integer() and int(column.abs().max() or 0) > EXACT_IN_FLOATS:  # type: ignore[arg-type]  # integers
        return column.cast(pl.String)
    return column if dtype.is_integer() or dtype == pl.Boolean else column.cast(pl.String)


def spelt(column: pl.Series) -> pl.Series:
    """Return moments as texts for people: as short as keeps them distinct, and with ``UTC`` where they are UTC."""
    if column.dtype == pl.Date:
        return column.dt.strftime("%Y-%m-%d")
    if not isinstance(column.dtype, pl.Datetime):
        return column.cast(pl.String)
    zone = " UTC" if column.dtype.time_zone == "UTC" else ""
    seconds = bool((column.dt.second() > 0).any())
    return column.dt.strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''}{zone}")


def clock(column: pl.Series) -> pl.Series:
    """Return where moments are drawn: a day at its end, an instant where the clock of its own zone is."""
    if column.dtype == pl.Date:
        column = column.dt.offset_by("1d").cast(pl.Datetime("ms"))
    elif isinstance(column.dtype, pl.Datetime):
        column = column.dt.replace_time_zone(None).cast(pl.Datetime("ms"))
    return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")


def categories(column: pl.Series) -> pl.Series:
    """Return values as names of categories: months where they suffice, days where they do."""
    if not column.dtype.is_temporal():
        return plain(column).cast(pl.String).fill_null(MISSING)
    days = column if column.dtype == pl.Date else column.dt.date()
    months = days.dt.strftime("%Y-%m")
    if months.n_unique() == column.n_unique():
        return months.fill_null(MISSING)
    texts = days.dt.strftime("%Y-%m-%d") if days.n_unique() == column.n_unique() else spelt(column)
    return texts.fill_null(MISSING)


def whole(value: float) -> float:
    """Return a number without decimals as an integer, which reads without a point."""
    return int(value) if value.is_integer() else value


def whole_range(column: pl.Series) -> list[str]:
    """Return the categories to show: integers, months and days without a gap, other values as they come."""
    shown = categories(column)
    present: list[str] = shown.unique(maintain_order=True).to_list()
    values = column.drop_nulls()
    if len(values) < len(column) or values.is_empty():
        return present
    low, high = values.min(), values.max()
    filled: list[str] = []
    if values.dtype.is_integer() and isinstance(low, int) and isinstance(high, int):
        filled = [str(number) for number in range(low, high + 1)] if high - low < _MOST_FILLED else []
    elif values.dtype == pl.Date and isinstance(low, date) and isinstance(high, date):
        by_month = all(len(name) == len("2024-01") for name in present)
        first = low.replace(day=1) if by_month else low
        if high - first < timedelta(days=_MOST_FILLED * (30 if by_month else 1)):
            days = pl.date_range(first, high, "1mo" if by_month else "1d", eager=True)
            filled = days.dt.strftime("%Y-%m" if by_month else "%Y-%m-%d").to_list()
    is_steady = len(filled) <= 3 * len(present)  # quarters are months with gaps that nothing is missing from
    return filled if is_steady and set(present) <= set(filled) and _has_step_of_one(values) else present


def _has_step_of_one(values: pl.Series) -> bool:
    """Say whether neighbours occur; without any, the steps are longer, and nothing is missing between them."""
    ordered = values.unique().sort()
    if ordered.dtype == pl.Date:
        by_month = ordered.dt.strftime("%Y-%m").n_unique() == len(ordered)
        ordered = ordered.dt.year() * 12 + ordered.dt.month() if by_month else ordered.to_physical()
    return bool((ordered.diff() == 1).any())


def flag_names(column: str) -> tuple[str, str]:
    """Return what the two values of a flag are called: ``premium`` and ``not premium``."""
    name = label(column)
    return name, f"not {name if name == column else name[:1].lower() + name[1:]}"


def series(frame: pl.DataFrame, column: str, size: str | None = None) -> tuple[pl.Series, list[str]]:
    """Return a column as names of series, and these in the order of their size.

    More than seven are too many colours: the smaller ones are called ``other``. A flag is called by its column's
    name: ``premium``, ``not premium``.

    Args:
        frame: the rows.
        column: the column whose values are series.
        size: a column of numbers; default: the number of rows is the size.
    """
    values = frame[column]
    if values.dtype == pl.Boolean:
        yes, no = flag_names(column)
        names = pl.select(
            pl.when(values).then(pl.lit(yes)).when(~values).then(pl.lit(no)).otherwise(None)
        ).to_series()
        return names.fill_null(MISSING), [name for name in (yes, no) if (names == name).any()]
    texts = plain(values).cast(pl.String).fill_null(MISSING)
    weights = frame[size].cast(pl.Float64).abs() if size else pl.repeat(1.0, frame.height, eager=True)
    sizes = pl.DataFrame({"name": texts, "size": weights}).group_by("name").agg(pl.col("size").sum())
    order = sizes.sort("size", "name", descending=[True, False])["name"].to_list()
    if len(order) <= SERIES:
        return texts, order
    large = order[:SERIES]
    return texts.to_frame("name").select(
        pl.when(pl.col("name").is_in(large)).then("name").otherwise(pl.lit(OTHER))
    ).to_series(), [*large, OTHER]
