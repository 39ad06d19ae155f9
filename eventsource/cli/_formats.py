"""Values and frames as text and bytes: JSON, CSV, Markdown, Parquet, and short text for a terminal."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from io import BytesIO
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.cli._terminal import harmless
from eventsource.moment import readable_time, time_zone

__all__ = ["as_csv", "as_json", "as_markdown", "as_parquet", "has_instants", "json", "short"]

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode

_ROWS: Final = 50_000
"""Rows of CSV that are encoded at a time."""
_TIMES: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
_FORMULA: Final = r"^[=+\-@\t\r\n]"
"""How a text begins that a spreadsheet may run as a formula."""
_MARKDOWN: Final = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_DECIMALS: Final = 4
_WHOLE: Final = 2.0**53
"""Floats from here on have no decimals."""


def as_csv(frame: pl.DataFrame, *, guard: bool) -> Iterator[bytes]:
    """Yield a frame as CSV: a header, times with ``Z``, null as nothing, an empty text in quotes.

    Lists and structs are written as JSON. So are mixed values, except for texts, which are written as they are.

    Args:
        frame: any frame.
        guard: put an apostrophe before texts that a spreadsheet would run as a formula.
    """
    columns = [_for_csv(column, guard=guard) for column in frame]
    whole = pl.DataFrame(columns)
    for number, rows in enumerate(whole.iter_slices(_ROWS) if whole.height else [whole]):
        yield rows.write_csv(include_header=number == 0, datetime_format=_TIMES).encode()


def as_json(frame: pl.DataFrame) -> Iterator[bytes]:
    """Yield a frame as a JSON array of objects, one per line."""
    yield b"["
    for number, row in enumerate(frame.iter_rows(named=True)):
        yield (b",\n" if number else b"\n") + json(row)
    yield b"\n]\n"


def as_markdown(frame: pl.DataFrame, *, tz: str = "UTC") -> Iterator[bytes]:
    """Yield a frame as a Markdown table: numbers to the right, null as –, markup in texts escaped.

    Args:
        frame: any frame.
        tz: the zone that instants are shown in; a line below the table names it.
    """
    zone = time_zone(tz)
    rules = ("---:" if dtype.is_numeric() else "---" for dtype in frame.dtypes)
    yield f"| {' | '.join(map(_escape_markdown, frame.columns))} |\n| {' | '.join(rules)} |\n".encode()
    for row in frame.iter_rows():
        cells = ("–" if value is None else _escape_markdown(_local_text(value, zone)) for value in row)
        yield f"| {' | '.join(cells)} |\n".encode()
    if has_instants(frame):
        yield f"\nTimes are {_escape_markdown(tz)}.\n".encode()


def has_instants(frame: pl.DataFrame) -> bool:
    """Return whether a column holds times that are shown in a zone."""
    return any(isinstance(dtype, pl.Datetime) and dtype.time_zone is not None for dtype in frame.dtypes)


def as_parquet(frame: pl.DataFrame) -> Iterator[bytes]:
    """Yield a frame as Parquet; mixed values are texts as in `as_csv`."""
    out = BytesIO()
    columns = [_texts(column) if column.dtype in (pl.Object, pl.Null) else column for column in frame]
    pl.DataFrame(columns).write_parquet(out)
    yield out.getvalue()


def _for_csv(column: pl.Series, *, guard: bool) -> pl.Series:
    """Return a column of a dtype that CSV can hold."""
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
        None if value is None else _guarded(value) if guard and isinstance(value, str) else _text(value)
        for value in column.to_list()
    ]
    return pl.Series(column.name, values, pl.String)


def json(value: Any) -> bytes:
    """Return a value as JSON.

    Times and durations are ISO 8601, times in UTC (``Z``). Decimals are texts of their digits, bytes are base64.
    NaN and infinite floats become null.
    """
    return _encode(value)


def _text(value: Any) -> str:
    """Return a text as it is, and any other value as its JSON text without quotes."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(value)
    encoded = json(value).decode()
    return encoded[1:-1] if encoded.startswith('"') else encoded


def _local_text(value: Any, zone: tzinfo) -> str:
    """Return a value as `_text`; an instant as the date and the clock of a zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return readable_time(value.astimezone(zone), "auto")
    return _text(value)


def _guarded(value: str) -> str:
    """Return a text that spreadsheets do not run as a formula."""
    return f"'{value}" if re.match(_FORMULA, value) else value


def _escape_markdown(value: str) -> str:
    """Return a text that Markdown shows literally, in one cell of a table."""
    escaped = re.sub("[&<>]", lambda found: _ENTITIES[found[0]], harmless(value))
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", escaped)


def short(value: Any, tz: str = "UTC") -> str:
    """Return a value as one line for a terminal: null as –, times to the second, floats to four decimals.

    Args:
        value: any value.
        tz: the zone that times are shown in; those without a zone stay as they are.
    """
    if value is None:
        return "–"
    if isinstance(value, datetime):
        local = value if value.tzinfo is None else value.astimezone(time_zone(tz))
        return readable_time(local)
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, float) and abs(value) < _WHOLE:
        return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return harmless(", ".join(value))
    return harmless(_text(value))


def _duration(value: timedelta) -> str:
    """Return a duration as days, hours, minutes and seconds, such as ``3d 04:00:09``."""
    sign, rest = ("-", -value) if value < timedelta() else ("", value)
    minutes, seconds = divmod(rest.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return f"{sign}{rest.days}d {clock}" if rest.days else f"{sign}{clock}"
