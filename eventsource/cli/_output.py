"""Where an answer goes, and in which form: a table on a terminal, CSV elsewhere, or what the options say."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import polars as pl
import typer
from rich.console import Console
from rich.text import Text

from eventsource.atomic_write import atomic_write
from eventsource.cli._failures import UsageError, note
from eventsource.cli._formats import as_csv, as_json, as_markdown, as_parquet
from eventsource.cli._table import print_table
from eventsource.cli._values import harmless

__all__ = ["Format", "OutputOption", "Shown", "console", "deliver", "say"]

Format = Literal["table", "csv", "json", "parquet", "md"]

_ROWS: Final = 25
_UNBOUNDED: Final = 10_000
_PANEL: Final = "Output"

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write into a file.", rich_help_panel=_PANEL),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """How an answer is shown."""

    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="Default: by the ending of --output; else table on a terminal, csv in a pipe.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    output: OutputOption = None
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=0,
            metavar="ROWS",
            help=f"At most so many rows; 0: all. Default: {_ROWS} in a table, else all.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", "-c", metavar="A,B,…", help="Only these columns, in this order.", rich_help_panel=_PANEL
        ),
    ] = None
    no_guard: Annotated[
        bool,
        typer.Option(
            "--no-guard",
            help="CSV: leave texts that begin with = + - @ as they are; spreadsheets may run them.",
            rich_help_panel=_PANEL,
        ),
    ] = False

    @property
    def form(self) -> Format:
        """The format asked for, or the one that fits where the answer goes."""
        if self.format is not None:
            return self.format
        if self.output is not None:
            return _by_ending(self.output)
        return "table" if sys.stdout.isatty() else "csv"

    def ranked(
        self, frame: pl.DataFrame, first: Sequence[str], *, known: Sequence[str | None] = ()
    ) -> pl.DataFrame:
        """Return an answer for a table, where room is scarce: what matters most to the left.

        Args:
            frame: an answer; for all other formats it stays as it is.
            first: columns that go to the left.
            known: columns to leave out, since the title says what is in them.
        """
        if self.form != "table" or self.columns:
            return frame
        rest = [name for name in frame.columns if name not in first]
        return frame.select(name for name in (*first, *rest) if name not in known)

    def show(self, frame: pl.DataFrame, title: str = "") -> None:
        """Show a frame.

        Raises:
            UsageError: a column that it does not have.
        """
        form, frame = self.form, self._picked(frame)
        if form == "table":
            limit = _ROWS if self.limit is None else self.limit
            if self.output is None:
                print_table(console(), frame, title=title, limit=limit)
                return
            with self.output.open("w", encoding="utf-8") as file:
                print_table(_plain_console(file), frame, title=title, limit=limit)
            return
        deliver(self._encoded(self._cut(frame), form), self.output, binary=form == "parquet")

    def _picked(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = [name.strip() for name in (self.columns or "").split(",") if name.strip()]
        for name in names:
            if name not in frame.columns:
                raise UsageError(f"the answer has no column {name!r}", hint=f"it has {', '.join(frame.columns)}")
        return frame.select(list(dict.fromkeys(names))) if names else frame

    def _cut(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self.limit or frame.height <= self.limit:
            return frame
        note(f"the first {self.limit:,} of {frame.height:,} rows; --limit 0 gives all")
        return frame.head(self.limit)

    def _encoded(self, frame: pl.DataFrame, form: Format) -> Iterable[bytes]:
        if form == "csv":
            return as_csv(frame, guard=not self.no_guard)
        return {"json": as_json, "md": as_markdown, "parquet": as_parquet}[form](frame)


def deliver(pieces: Iterable[bytes], output: Path | None, *, binary: bool = False) -> None:
    """Write bytes to a file, as a whole or not at all, or to stdout; a terminal gets no control characters."""
    if output is not None:
        _write(pieces, output)
    elif not sys.stdout.isatty():
        sys.stdout.flush()
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    elif binary:
        raise UsageError("Parquet is nothing for a terminal", hint="--output answer.parquet")
    else:
        for piece in pieces:
            sys.stdout.write(harmless(piece.decode("utf-8", "backslashreplace"), keep="\n\t"))


def say(text: str, style: str = "") -> None:
    """Print a text that may come from anywhere on stdout; line breaks in it are kept."""
    console().print(Text(harmless(text, keep="\n"), style=style))


def console() -> Console:
    """Return stdout for tables: as wide as its window; in a pipe as wide as $COLUMNS, else without bounds."""
    return (
        Console(markup=False, highlight=False, emoji=False) if sys.stdout.isatty() else _plain_console(sys.stdout)
    )


def _plain_console(file: Any) -> Console:
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and file is sys.stdout else _UNBOUNDED
    return Console(file=file, markup=False, highlight=False, emoji=False, width=width)


def _by_ending(path: Path) -> Format:
    endings: dict[str, Format] = {
        ".csv": "csv",
        ".json": "json",
        ".parquet": "parquet",
        ".md": "md",
        ".txt": "table",
    }
    if path.suffix not in endings:
        raise UsageError(f"{path.name}: the format is not known by its ending", hint="--format csv says it")
    return endings[path.suffix]


def _write(pieces: Iterable[bytes], path: Path) -> None:
    with atomic_write(path) as draft, draft.open("wb") as file:
        file.writelines(pieces)
