"""What the rows of a file of CSV have in common: the names of columns, and what separates cells."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsource.sources._blocks import blocks
from eventsource.sources._checkpoint import UnreadableError
from eventsource.sources._compressed import open_at
from eventsource.sources._csv_lines import BOM, CsvLines, csv_reason
from eventsource.sources._dialect import DELIMITERS, Dialect, guessed_delimiter, named_delimiter
from eventsource.sources._dotted_columns import DottedColumns
from eventsource.sources._values import LineError, check_utf8

__all__ = ["Header", "header_line", "header_of", "read_header"]

_LINE_END: Final = b"\r\n"


@dataclass(frozen=True)
class Header:
    """What the rows of a file have in common.

    Args:
        columns: the columns, as members.
        delimiter: what separates cells.
        dialect: how cells are read.
        is_guessed: whether the delimiter was guessed.
    """

    columns: DottedColumns
    delimiter: str
    dialect: Dialect
    is_guessed: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: a delimiter that was guessed."""
        if not self.is_guessed or self.delimiter == DELIMITERS[0]:
            return ()
        shown = "a tab" if self.delimiter == "\t" else repr(self.delimiter)
        return (f"cells are separated by {shown}, as the first row has it",)

    def row(self, cells: list[str], raw: bytes) -> Mapping[str, Any] | str:
        """Return the cells of a row as members, or the reason why the row is not a record.

        Args:
            cells: its cells.
            raw: its bytes.
        """
        try:
            check_utf8(raw)
        except LineError as error:
            return str(error)
        if len(cells) != len(self.columns.names):
            return f"the row has {len(cells)} cells, the header {len(self.columns.names)}"
        return self.members(cells)

    def members(self, cells: list[str]) -> Mapping[str, Any]:
        """Return the cells of a row as members; empty and blank cells are absent."""
        read = self.dialect.cell
        values = ((name, read(cell)) for name, cell in zip(self.columns.names, cells, strict=True))
        return self.columns.members({name: value for name, value in values if value is not None})


def read_header(path: Path, dialect: Dialect, encoding: str | None, *, limit: int) -> Header:
    """Return what the rows of a file have in common.

    Raises:
        UnreadableError: its first row does not name members.
    """
    reader, _ = open_at(path, 0, encoding=encoding)
    with reader:
        return header_of(CsvLines(blocks(reader, line=1, limit=limit), limit), dialect)


def header_line(path: Path, dialect: Dialect, encoding: str | None, *, limit: int) -> bytes:
    """Return the bytes of the row that names the members, without its end of line; none if there is no such row.

    They need not be UTF-8.

    Raises:
        UnreadableError: it is not a row.
    """
    reader, _ = open_at(path, 0, encoding=encoding)
    with reader:
        lines = CsvLines(blocks(reader, line=1, limit=limit), limit)
        delimiter, _ = _delimiter_of(lines, dialect)
        try:
            next(csv.reader(lines, strict=True, delimiter=delimiter), [])
        except (csv.Error, LineError) as error:
            raise UnreadableError(f"the header cannot be read: {csv_reason(error)}") from error
        return b"".join(raw for _, raw, _ in lines.take()).removeprefix(BOM).rstrip(_LINE_END)


def header_of(lines: CsvLines, dialect: Dialect) -> Header:
    """Read what comes before the first row: the delimiter, if a line names it, and the names of the columns."""
    delimiter, is_guessed = _delimiter_of(lines, dialect)
    names = list(dialect.columns) if dialect.columns is not None else _parse_names(lines, delimiter)
    return Header(DottedColumns(names), delimiter, dialect, is_guessed)


def _delimiter_of(lines: CsvLines, dialect: Dialect) -> tuple[str, bool]:
    """Return what separates cells, and whether it was guessed; a line ``sep=;`` is consumed."""
    named = named_delimiter(lines.peek())
    if named:
        next(lines)
    return dialect.delimiter or named or guessed_delimiter(lines.peek()), not (dialect.delimiter or named)


def _parse_names(lines: CsvLines, delimiter: str) -> list[str]:
    """Return the names in the next row, which is the header.

    A column without a name is called ``""``; if there are several, ``column_<number>``.
    """
    try:
        cells = next(csv.reader(lines, strict=True, delimiter=delimiter), [])
        check_utf8("".join(cells).encode("utf-8", "surrogateescape"))
    except (csv.Error, LineError) as error:
        likely = ", perhaps encoding='cp1252'" if isinstance(error, LineError) else ""
        raise UnreadableError(f"the header cannot be read: {csv_reason(error)}{likely}") from error
    is_only = cells.count("") == 1
    names = [name if name or is_only else f"column_{number}" for number, name in enumerate(cells, 1)]
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise UnreadableError(f"the header names {min(repeated)!r} twice")
    return names
