"""Frames as tables on a terminal; a line below the table names the rows and columns that do not fit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eventsource.cli._formats import has_instants, short
from eventsource.cli._terminal import harmless
from eventsource.formats import formatted
from eventsource.messages import counted
from eventsource.moment import time_zone
from eventsource.presentation import PLAIN, Look

__all__ = ["print_table"]

_WIDEST: Final = 60
_NARROWEST: Final = 18
_SENTENCE: Final = 50
_GAP: Final = 2
_NO_LOOKS: Final[Mapping[str, Look]] = {}
_OF_FIELDS: Final = ("value", "before", "after")
"""Columns whose values belong to the field that the column ``field`` names."""


class _Column(Struct, frozen=True):
    """One column of a table.

    Args:
        name: its heading.
        cells: its values as text.
        right: whether cells are aligned to the right.
        keeps_width: whether it is never shortened: half a number is a wrong number.
        least: cells up to this width are never shortened.
    """

    name: str
    cells: list[str]
    right: bool
    keeps_width: bool
    least: int = 0

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.name, *self.cells))

    def capped(self, cap: int) -> int:
        """Return its width, at most ``cap`` for a column of texts."""
        return self.width if self.keeps_width else max(min(self.width, max(cap, self.least)), cell_len(self.name))


def print_table(
    console: Console,
    frame: pl.DataFrame,
    *,
    tz: str,
    title: str = "",
    limit: int = 0,
    readable: str = "",
    looks: Mapping[str, Look] = _NO_LOOKS,
) -> None:
    """Print the first rows of a frame, as many columns as fit, and a line about the others.

    A single row that does not fit is printed upright, one line per column.

    Args:
        console: where to print.
        frame: any frame.
        tz: the zone that times are shown in.
        title: a line above the table.
        limit: the number of rows; 0: all.
        readable: a column of sentences, which is shortened after the others.
        looks: field → its label and format. A column ``field`` says which field the values beside it are of.
    """
    rows = frame.head(limit) if limit else frame
    columns = [
        _column(series, _texts(series, rows, looks, tz), least=_SENTENCE if series.name == readable else 0)
        for series in rows
    ]
    columns = [replace(column, name=_heading(column.name, looks)) for column in columns]
    widths = _widths(columns, console.width)
    if title:
        console.print(Text(harmless(title), style="bold"))
    if rows.height > 1 and len(widths) < len(columns):
        columns, constant = _constant_apart(columns, frame, looks)
        widths = _widths(columns, console.width)
        if constant:
            console.print(Text(f"in every row: {', '.join(constant)}", style="dim"))
    if rows.height == 1 and len(widths) < len(columns):
        console.print(_upright(columns))
        return
    console.print(_table(columns[: len(widths)], widths))
    for line in _footer(frame, tz, shown=rows.height, unseen=[column.name for column in columns[len(widths) :]]):
        console.print(Text(line, style="dim"))


def _heading(name: str, looks: Mapping[str, Look]) -> str:
    return harmless(looks.get(name, PLAIN).label or name)


def _texts(series: pl.Series, rows: pl.DataFrame, looks: Mapping[str, Look], tz: str) -> list[str]:
    """Return the values of a column as texts, in the formats of their fields."""
    values = series.to_list()
    if "field" not in rows.columns:
        return [_cell(value, looks.get(series.name, PLAIN).format, tz) for value in values]
    if series.name == "field":
        return [_heading(value, looks) if value is not None else _cell(None, "", tz) for value in values]
    fields = rows["field"].to_list() if series.name in _OF_FIELDS else [series.name] * len(values)
    pairs = zip(values, fields, strict=True)
    return [_cell(value, looks.get(str(field), PLAIN).format, tz) for value, field in pairs]


def _cell(value: Any, form: str, tz: str) -> str:
    """Return a value in a format; as it is, where the format does not fit it."""
    if not form or value is None or isinstance(value, str | bool):
        return short(value, tz)
    local = value.astimezone(time_zone(tz)) if isinstance(value, datetime) and value.tzinfo else value
    try:
        return harmless(formatted(local, form))
    except (TypeError, ValueError, AttributeError):
        return short(value, tz)


def _column(series: pl.Series, cells: list[str], *, least: int = 0) -> _Column:
    dtype = series.dtype
    keeps_width = dtype.is_numeric() or dtype.is_temporal()
    return _Column(harmless(series.name), cells, right=dtype.is_numeric(), keeps_width=keeps_width, least=least)


def _constant_apart(
    columns: list[_Column], frame: pl.DataFrame, looks: Mapping[str, Look]
) -> tuple[list[_Column], list[str]]:
    """Return the columns whose values differ, and ``name value`` of the others; the first column always remains.

    A table that is too wide needs no room for a value that every row repeats.
    """
    same = {name for name in frame.columns[1:] if _is_constant(frame[name])}
    names = {_heading(name, looks) for name in same}
    apart = [f"{column.name} {column.cells[0]}" for column in columns if column.name in names]
    return [column for column in columns if column.name not in names], apart


def _is_constant(series: pl.Series) -> bool:
    """Return whether a column repeats one value; columns whose values cannot be compared do not count."""
    if series.dtype == pl.Object or series.dtype.is_nested():
        return False
    return series.n_unique() == 1


def _upright(columns: list[_Column]) -> Table:
    """Return one row as a table of two columns: name and value."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_row(Text(column.name, style="bold"), Text(column.cells[0]))
    return table


def _widths(columns: list[_Column], room: int) -> list[int]:
    """Return the widths of as many columns as fit, from the left, but of at least one."""
    for count in range(len(columns), 0, -1):
        for cap in range(_WIDEST, _NARROWEST - 1, -1):
            widths = [column.capped(cap) for column in columns[:count]]
            if sum(widths) + _GAP * (count - 1) <= room:
                return widths
    return [column.capped(room) for column in columns[:1]]


def _table(columns: list[_Column], widths: list[int]) -> Table:
    """Return columns as a table of these widths."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        justify = "right" if column.right else "left"
        table.add_column(Text(column.name), justify=justify, max_width=width, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]  # one of two literals
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell, style="dim" if cell == "–" else "") for cell in row))
    return table


def _footer(frame: pl.DataFrame, tz: str, *, shown: int, unseen: list[str]) -> list[str]:
    """Return the lines below a table: the number of rows, and the columns that do not fit."""
    rows = counted(frame.height, "row")
    lines = [
        rows if shown == frame.height else f"{rows}, of which these are the first {shown:,}; --limit 0 shows all"
    ]
    if has_instants(frame):
        lines[0] += f"; times are {tz}"
    if unseen:
        lines.append(
            f"no room for: {', '.join(unseen)}; choose with --columns, widen the window, or use --format json"
        )
    return lines
