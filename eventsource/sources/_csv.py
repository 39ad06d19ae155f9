"""CSV, chunk by chunk. The first row of a file names the members of all other rows, unless the mapping does.

A row may span several physical lines, as a quoted cell may contain line breaks::

    line 4   7,Created,"two         CsvLines feeds line 4 to the parser, and keeps it as pending
    line 5   lines",2024-01-01      the parser asks for line 5; then the row is complete: take() returns both lines
    line 6   8,"open,…              no quote closes: only line 6 is rejected, the lines after it are fed again
"""

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsource.sources._blocks import Block, NumberedLine, blocks
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint, UnreadableError
from eventsource.sources._compressed import open_at
from eventsource.sources._decoder import Decoder, Line, check_utf8
from eventsource.sources._dialect import DELIMITERS, Dialect, guessed_delimiter, named_delimiter
from eventsource.sources._digest import Digest
from eventsource.sources._dotted_columns import DottedColumns
from eventsource.sources._values import LineError

__all__ = ["CsvLines", "Header", "Row", "csv_chunks", "csv_rows", "header_line", "read_header"]

_CHUNK_ROWS: Final = 20_000
_CHUNK_BYTES: Final = 8 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and the lines that it was parsed from.

    Args:
        line: where it begins, and its bytes.
        members: its members, or a reason why it has none.
        physical: the lines that were consumed for it, including blank ones before it.
        is_complete: false if the file ends inside it or without an end of line: its last cell may be half-written.
    """

    line: Line
    members: Mapping[str, Any] | str
    physical: tuple[NumberedLine, ...]
    is_complete: bool


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

    def members(self, cells: list[str]) -> Mapping[str, Any]:
        """Return the cells of a row as members; empty and blank cells are absent."""
        read = self.dialect.cell
        values = ((name, read(cell)) for name, cell in zip(self.columns.names, cells, strict=True))
        return self.columns.members({name: value for name, value in values if value is not None})


class CsvLines:
    """Feeds physical lines to the CSV parser, as texts. They are pending until `take`.

    Args:
        some: blocks of lines.
        limit: the most bytes of a row.
    """

    def __init__(self, some: Iterable[Block], limit: int) -> None:
        self.limit, self.has_ended = limit, False
        self._lines = (line for block in some for line in block.each())
        self._to_feed_again: deque[NumberedLine] = deque()
        self._pending: list[NumberedLine] = []
        self._bytes = 0

    def __iter__(self) -> "CsvLines":
        return self

    def __next__(self) -> str:
        number, raw, long = self._next_line()
        self._bytes += len(raw)
        if long is not None:
            raise LineError(long.reason)
        if self._bytes > self.limit + len(_LINE_END):
            raise LineError("a quote is not closed within the limit")
        return _text(number, raw)

    def peek(self) -> str:
        """Return the next line without feeding it; an empty text at the end."""
        try:
            number, raw, long = line = self._next_line()
        except StopIteration:
            return ""
        self._pending.pop()
        self._to_feed_again.appendleft(line)
        return _text(number, raw if long is None else long.begin)

    @property
    def is_inside_row(self) -> bool:
        """Whether the parser has asked for more than one line."""
        return len(self._pending) > 1 or (bool(self._pending) and self.has_ended)

    def take(self, most: int | None = None) -> tuple[NumberedLine, ...]:
        """Return the pending lines, or the first ``most`` of them; the others are fed again."""
        taken, left = self._pending[:most], self._pending[len(self._pending[:most]) :]
        self._to_feed_again.extendleft(reversed(left))
        self._pending, self._bytes = [], 0
        return tuple(taken)

    def _next_line(self) -> NumberedLine:
        try:
            line = self._to_feed_again.popleft() if self._to_feed_again else next(self._lines)
        except StopIteration:
            self.has_ended = True
            raise
        self._pending.append(line)
        return line


def _text(number: int, raw: bytes) -> str:
    return (raw.removeprefix(_BOM) if number == 1 else raw).decode("utf-8", "surrogateescape")


def csv_chunks(
    file: FileCheckpoint, decoder: Decoder, *, dialect: Dialect, size: int, limit: int
) -> Iterator[Chunk]:
    """Yield what is new in a file of CSV.

    A last row without an end of line is decoded if it has all its cells. It never counts as consumed, as its last
    cell may be half-written: it is read again when the file has grown.

    Args:
        file: the file, and where the last pull stopped.
        decoder: decodes the rows.
        dialect: how the file is written.
        size: about how many bytes are read at once.
        limit: the most bytes of a row.

    Raises:
        UnreadableError: the first row does not name the members.
    """
    reader, digest, line, notes = file.open()
    with reader:
        lines = CsvLines(blocks(reader, line=line + 1, size=size, limit=limit), limit)
        is_resumed = digest.length > 0
        first = Consumed(line, digest.length, digest.number())
        header = (
            read_header(file.path, dialect, file.encoding, limit=limit) if is_resumed else _header(lines, dialect)
        )
        yield file.first_chunk(first, notes if is_resumed else notes + header.notes)
        line = _consume(digest, lines.take(), line)
        for rows in _groups(csv_rows(lines, header, file=str(file.path), may_grow=file.may_grow)):
            events, rejected = decoder.rows((row.line, row.members) for row in rows)
            for row in rows:
                line = _consume(digest, row.physical, line) if row.is_complete else line
            last = rows[-1]
            is_left = not last.is_complete and file.may_grow and last.line.number in rejected["line"].tail(1)
            consumed = Consumed(line, digest.length, digest.number())
            yield file.chunk(events, rejected, read=reader.tell(), consumed=consumed, is_unfinished=is_left)


def read_header(path: Path, dialect: Dialect, encoding: str | None, *, limit: int) -> Header:
    """Return what the rows of a file have in common.

    Raises:
        UnreadableError: its first row does not name members.
    """
    reader, _ = open_at(path, 0, encoding=encoding)
    with reader:
        return _header(CsvLines(blocks(reader, line=1, limit=limit), limit), dialect)


def header_line(path: Path, dialect: Dialect, encoding: str | None, *, limit: int) -> bytes:
    """Return the bytes of the row that names the members, without its end of line; none if there is no such row.

    Raises:
        UnreadableError: see `read_header`.
    """
    reader, _ = open_at(path, 0, encoding=encoding)
    with reader:
        lines = CsvLines(blocks(reader, line=1, limit=limit), limit)
        _header(lines, dialect)
        return b"".join(raw for _, raw, _ in lines.take()).removeprefix(_BOM).rstrip(_LINE_END)


def csv_rows(lines: CsvLines, header: Header, *, file: str, may_grow: bool = False) -> Iterator[Row]:
    """Yield rows; an empty cell is an absent member, a name with dots a member of an object.

    If a quote is never closed, only the line in which it opens is rejected, and reading continues with the next
    line.

    Args:
        lines: from the start of a row on.
        header: the columns, and how cells are read.
        file: the file's name, for rejected rows.
        may_grow: whether a quote that is open at the end of the file may still be closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), lines.limit))
    parser = csv.reader(lines, strict=True, delimiter=header.delimiter)
    blank: tuple[NumberedLine, ...] = ()
    while True:
        physical, cells, is_complete = _parse_row(parser, lines, may_grow=may_grow)
        if not physical:
            return
        if not any(raw.strip() or long for _, raw, long in physical):
            blank += physical
            continue
        raw = b"".join(long.begin if long else line for _, line, long in physical)
        line = Line(file, physical[0][0], raw.removesuffix(b"\n").removesuffix(b"\r"))
        has_line_end = physical[-1][1].endswith(b"\n")
        yield Row(line, _members(cells, header, raw), blank + physical, is_complete and has_line_end)
        blank = ()


def _parse_row(
    parser: Iterator[list[str]], lines: CsvLines, *, may_grow: bool
) -> tuple[tuple[NumberedLine, ...], list[str] | str, bool]:
    """Return the lines of the next row, its cells or a reason, and whether it is complete."""
    try:
        cells = next(parser, [])
    except (csv.Error, LineError) as error:
        may_be_closed = may_grow and lines.has_ended
        reason = str(error) if isinstance(error, LineError) else f"not CSV: {error}"
        if lines.is_inside_row:
            reason = "not CSV: a quote opens here and is not closed"
        physical = lines.take(None if may_be_closed else 1)
        return physical, reason, not may_be_closed
    return lines.take(), cells, True


def _header(lines: CsvLines, dialect: Dialect) -> Header:
    """Read what comes before the first row: the delimiter, if a line names it, and the names of the columns."""
    named = named_delimiter(lines.peek())
    if named:
        next(lines)
    delimiter = dialect.delimiter or named or guessed_delimiter(lines.peek())
    names = list(dialect.columns) if dialect.columns is not None else _parse_names(lines, delimiter)
    return Header(DottedColumns(names), delimiter, dialect, not (dialect.delimiter or named))


def _parse_names(lines: CsvLines, delimiter: str) -> list[str]:
    """Return the names in the next row, which is the header.

    A column without a name is called ``""``; if there are several, ``column_<number>``.
    """
    try:
        cells = next(csv.reader(lines, strict=True, delimiter=delimiter), [])
        check_utf8("".join(cells).encode("utf-8", "surrogateescape"))
    except (csv.Error, LineError) as error:
        raise UnreadableError(f"the header cannot be read: {error}") from error
    is_only = cells.count("") == 1
    names = [name if name or is_only else f"column_{number}" for number, name in enumerate(cells, 1)]
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise UnreadableError(f"the header names {min(repeated)!r} twice")
    return names


def _members(cells: list[str] | str, header: Header, raw: bytes) -> Mapping[str, Any] | str:
    if isinstance(cells, str):
        return cells
    try:
        check_utf8(raw)
    except LineError as error:
        return str(error)
    if len(cells) != len(header.columns.names):
        return f"the row has {len(cells)} cells, the header {len(header.columns.names)}"
    return header.members(cells)


def _consume(digest: Digest, physical: tuple[NumberedLine, ...], line: int) -> int:
    """Add consumed lines to a digest; return the number of the last line now."""
    for _, raw, long in physical:
        if long is not None:
            long.add_to(digest)
        digest.add(raw)
    return physical[-1][0] if physical else line


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row.line.raw)
        if len(group) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
