"""Where an answer goes and in which format: a table on a terminal, CSV in a pipe, or what the options say."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import polars as pl
from msgspec import Struct

from eventsource.atomic_write import atomic_write
from eventsource.cli._config import Project
from eventsource.cli._errors import UsageError, writing
from eventsource.cli._formats import as_csv, as_json, as_markdown, as_parquet
from eventsource.cli._parameters import Option
from eventsource.cli._terminal import console, harmless, note, plain_console

if TYPE_CHECKING:
    from eventsource.plan import Plan

__all__ = ["Format", "OutputOption", "OutputOptions", "deliver"]

Format = Literal["table", "csv", "json", "parquet", "md"]

_ROWS: Final = 25
_PANEL: Final = "Output"

OutputOption = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to this file, as a whole or not at all.",
        panel=_PANEL,
    ),
]


class OutputOptions(Struct, frozen=True):
    """How an answer is shown: format, file, rows and columns."""

    format: Annotated[
        Format | None,
        Option(
            "--format",
            "-f",
            help="Default: by the ending of --output; else table on a terminal, csv in a pipe.",
            panel=_PANEL,
        ),
    ] = None
    output: OutputOption = None
    limit: Annotated[
        int | None,
        Option(
            "--limit",
            "-n",
            min=0,
            metavar="ROWS",
            help=f"Show at most this many rows; 0: all. Default: {_ROWS} in a table, else all.",
            panel=_PANEL,
        ),
    ] = None
    columns: Annotated[
        str | None,
        Option(
            "--columns",
            "-c",
            metavar="A,B,…",
            help="Show only these columns, in this order.",
            panel=_PANEL,
        ),
    ] = None
    no_guard: Annotated[
        bool,
        Option(
            "--no-guard",
            help="CSV: write texts that begin with = + - @ without an apostrophe; spreadsheets may run them.",
            panel=_PANEL,
        ),
    ] = False

    @property
    def form(self) -> Format:
        """The format of --format, or the one that fits where the answer goes."""
        if self.format is not None:
            return self.format
        if self.output is not None:
            return _by_ending(self.output)
        return "table" if sys.stdout.isatty() else "csv"

    def ranked(
        self, frame: pl.DataFrame, first: Sequence[str], *, known: Sequence[str | None] = ()
    ) -> pl.DataFrame:
        """Return an answer with its columns reordered for a table, which may have room for a few only.

        Args:
            frame: an answer; other formats than a table get it as it is.
            first: columns that go to the left.
            known: columns to omit, because the title says what is in them.
        """
        if self.form != "table" or self.columns:
            return frame
        rest = [name for name in frame.columns if name not in first]
        return frame.select(name for name in (*first, *rest) if name not in known)

    def show(
        self,
        frame: pl.DataFrame,
        title: str = "",
        *,
        tz: str | None = None,
        readable: str = "",
        plan: "Plan | None" = None,
    ) -> None:
        """Print a frame, or write it to the file of --output.

        Args:
            frame: any frame.
            title: a line above a table.
            tz: the zone that a table, also of Markdown, shows times in; None: that of the project. Times of
                other formats are UTC.
            readable: a column of sentences, which a table shortens after the others.
            plan: the model whose labels and formats a table shows. Other formats have names and values.

        Raises:
            UsageError: --columns names a column that the frame does not have.
        """
        form, frame, zone = self.form, self._selected(frame), tz or Project.find().tz
        if form == "table":
            from eventsource.cli._table import print_table
            from eventsource.presentation import looks_of

            limit = _ROWS if self.limit is None else self.limit
            looks: dict[str, Any] = {"title": title, "limit": limit, "readable": readable, "tz": zone}
            looks["looks"] = looks_of(plan) if plan is not None else {}
            if self.output is None:
                print_table(console(), frame, **looks)
                return
            with _draft_of(self.output) as draft, draft.open("w", encoding="utf-8") as file:
                print_table(plain_console(file), frame, **looks)
            return
        deliver(self._encoded(self._limited(frame), form, zone), self.output, binary=form == "parquet")

    def _selected(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = [name.strip() for name in (self.columns or "").split(",") if name.strip()]
        for name in names:
            if name not in frame.columns:
                raise UsageError(
                    f"--columns: unknown column {name!r}", hint=f"the columns are {', '.join(frame.columns)}"
                )
        return frame.select(list(dict.fromkeys(names))) if names else frame

    def _limited(self, frame: pl.DataFrame) -> pl.DataFrame:
        if not self.limit or frame.height <= self.limit:
            return frame
        note(f"wrote the first {self.limit:,} of {frame.height:,} rows; --limit 0 writes all")
        return frame.head(self.limit)

    def _encoded(self, frame: pl.DataFrame, form: Format, tz: str) -> Iterable[bytes]:
        if form == "csv":
            return as_csv(frame, guard=not self.no_guard)
        if form == "md":
            return as_markdown(frame, tz=tz)
        return as_json(frame) if form == "json" else as_parquet(frame)


def deliver(pieces: Iterable[bytes], output: Path | None, *, binary: bool = False) -> None:
    """Write bytes to a file or to stdout.

    A file is written as a whole or not at all. A terminal gets no control characters.

    Args:
        pieces: the bytes.
        output: the file; None: stdout.
        binary: whether the bytes are not text.

    Raises:
        UsageError: binary content for a terminal.
    """
    if output is not None:
        _write(pieces, output)
    elif not sys.stdout.isatty():
        sys.stdout.flush()
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    elif binary:
        raise UsageError("refusing to write Parquet to a terminal", hint="add --output answer.parquet")
    else:
        for piece in pieces:
            sys.stdout.write(harmless(piece.decode("utf-8", "backslashreplace"), keep="\n\t"))


def _by_ending(path: Path) -> Format:
    endings: dict[str, Format] = {
        ".csv": "csv",
        ".json": "json",
        ".parquet": "parquet",
        ".md": "md",
        ".txt": "table",
    }
    if path.suffix not in endings:
        raise UsageError(
            f"--output {path.name}: expected a name that ends in {', '.join(endings)}", hint="or add --format csv"
        )
    return endings[path.suffix]


def _write(pieces: Iterable[bytes], path: Path) -> None:
    with _draft_of(path) as draft, draft.open("wb") as file:
        file.writelines(pieces)


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """Give a file to write, which becomes ``path`` at the end.

    Raises:
        WriteError: it cannot be written; ``path`` is as before.
    """
    hint = "free some space, or name a file that you may write; an earlier file is as before"
    with writing(path, hint), atomic_write(path) as draft:
        yield draft
