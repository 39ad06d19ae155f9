"""Frames as CSV, JSON, Markdown and Parquet: whole, exact, and no danger to what reads them."""

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import polars as pl

from eventsource.cli._values import guarded, json, marked_down, text

__all__ = ["as_csv", "as_json", "as_markdown", "as_parquet"]

_ROWS: Final = 50_000
_TIMES: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
_FORMULA: Final = r"^[=+\-@\t\r\n]"


def as_csv(frame: pl.DataFrame, *, guard: bool) -> Iterator[bytes]:
    """Yield a frame as CSV: a header, times with ``Z``, null empty, an empty text in quotes.

    Lists, objects and mixed values stand as JSON, but texts among the latter for themselves.

    Args:
        frame: any frame.
        guard: put an apostrophe before texts that a spreadsheet would take for a formula.
    """
    columns = [_plain(column, guard=guard) for column in frame]
    whole = pl.DataFrame(columns)
    for number, rows in enumerate(whole.iter_slices(_ROWS) if whole.height else [whole]):
        yield rows.write_csv(include_header=number == 0, datetime_format=_TIMES).encode()


def as_json(frame: pl.DataFrame) -> Iterator[bytes]:
    """Yield a frame as an array of objects, one a line."""
    yield b"["
    for number, row in enumerate(frame.iter_rows(named=True)):
        yield (b",\n" if number else b"\n") + json(row)
    yield b"\n]\n"


def as_markdown(frame: pl.DataFrame) -> Iterator[bytes]:
    """Yield a frame as a Markdown table, numbers to the right, null as –; markup in texts is escaped."""
    rules = ("---:" if dtype.is_numeric() else "---" for dtype in frame.dtypes)
    yield f"| {' | '.join(map(marked_down, frame.columns))} |\n| {' | '.join(rules)} |\n".encode()
    for row in frame.iter_rows():
        cells = ("–" if value is None else marked_down(text(value)) for value in row)
        yield f"| {' | '.join(cells)} |\n".encode()


def as_parquet(frame: pl.DataFrame) -> Iterator[bytes]:
    """Yield a frame as Parquet; columns of mixed values as `as_csv` has them."""
    out = BytesIO()
    columns = [_texts(column) if column.dtype in (pl.Object, pl.Null) else column for column in frame]
    pl.DataFrame(columns).write_parquet(out)
    yield out.getvalue()


def _plain(column: pl.Series, *, guard: bool) -> pl.Series:
    """Return a column that CSV can hold."""
    dtype = column.dtype
    if dtype == pl.Object:
        return _texts(column, guard=guard)
    if dtype.is_nested() or dtype in (pl.Duration, pl.Binary):
        return _texts(column)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        text_of = column.cast(pl.String).alias("text").to_frame()
        risky = pl.col("text").str.contains(_FORMULA)
        safe = pl.when(risky).then(pl.concat_str(pl.lit("'"), "text")).otherwise("text")
        return text_of.select(safe if guard else "text").to_series().alias(column.name)
    return column


def _texts(column: pl.Series, *, guard: bool = False) -> pl.Series:
    values = [
        None if value is None else guarded(value) if guard and isinstance(value, str) else text(value)
        for value in column.to_list()
    ]
    return pl.Series(column.name, values, pl.String)
