"""Frames as tables on a terminal: what does not fit is said, not silently lost."""

from dataclasses import dataclass
from typing import Final

import polars as pl
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eventsource.cli._values import harmless, short
from eventsource.messages import counted

__all__ = ["print_table"]

_WIDEST: Final = 60
_NARROWEST: Final = 18
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as it is shown."""

    name: str
    cells: list[str]
    right: bool
    firm: bool

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.name, *self.cells))

    def capped(self, cap: int) -> int:
        """Return its width; only texts give way."""
        return self.width if self.firm else max(min(self.width, cap), cell_len(self.name))


def print_table(console: Console, frame: pl.DataFrame, *, title: str = "", limit: int = 0) -> None:
    """Print the first rows of a frame, and as many columns as fit, and say what is missing.

    Args:
        console: where to.
        frame: any frame.
        title: a line above it.
        limit: how many rows; 0: all.
    """
    rows = frame.head(limit) if limit else frame
    columns = [_column(series) for series in rows]
    widths = _widths(columns, console.width)
    if title:
        console.print(Text(harmless(title), style="bold"))
    if rows.height == 1 and len(widths) < len(columns):
        console.print(_upright(columns))
        return
    console.print(_table(columns[: len(widths)], widths))
    for line in _footer(frame, rows.height, [column.name for column in columns[len(widths) :]]):
        console.print(Text(line, style="dim"))


def _column(series: pl.Series) -> _Column:
    dtype = series.dtype
    cells = [short(value) for value in series.to_list()]
    firm = dtype.is_numeric() or dtype.is_temporal()
    return _Column(harmless(series.name), cells, right=dtype.is_numeric(), firm=firm)


def _upright(columns: list[_Column]) -> Table:
    """Return the columns of one row as rows: name and value."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_row(Text(column.name, style="bold"), Text(column.cells[0]))
    return table


def _widths(columns: list[_Column], room: int) -> list[int]:
    """Return the widths of as many columns as fit, from the left; one does, whatever its width."""
    for count in range(len(columns), 0, -1):
        for cap in range(_WIDEST, _NARROWEST - 1, -1):
            widths = [column.capped(cap) for column in columns[:count]]
            if sum(widths) + _GAP * (count - 1) <= room:
                return widths
    return [column.capped(room) for column in columns[:1]]


def _table(columns: list[_Column], widths: list[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        justify = "right" if column.right else "left"
        table.add_column(Text(column.name), justify=justify, max_width=width, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]  # one of two literals
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell, style="dim" if cell == "–" else "") for cell in row))
    return table


def _footer(frame: pl.DataFrame, shown: int, unseen: list[str]) -> list[str]:
    rows = counted(frame.height, "row")
    lines = [rows if shown == frame.height else f"{rows}, the first {shown:,} are shown; --limit 0 shows all"]
    if any(isinstance(dtype, pl.Datetime) for dtype in frame.dtypes):
        lines[0] += "; times are UTC"
    if unseen:
        lines.append(
            f"no room for: {', '.join(unseen)}; --columns picks, a wider window or another --format has all"
        )
    return lines
