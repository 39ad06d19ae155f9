"""CSV, chunk by chunk. The first row of a file names the members of all other rows, unless the mapping does.

A row may span several physical lines, as a quoted cell may contain line breaks::

    line 4   7,Created,"two         CsvLines feeds line 4 to the parser, and keeps it as pending
    line 5   lines",2024-01-01      the parser asks for line 5; then the row is complete: take() returns both lines
    line 6   8,"open,…              no quote closes: only line 6 is rejected, the lines after it are fed again
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eventsource.sources._blocks import NumberedLine, blocks
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint
from eventsource.sources._csv_header import Header, header_of, read_header
from eventsource.sources._csv_lines import NOT_CLOSED, CsvLines
from eventsource.sources._decoder import Decoder, Line, check_utf8
from eventsource.sources._dialect import Dialect
from eventsource.sources._digest import Digest
from eventsource.sources._values import LineError

__all__ = ["Row", "csv_chunks", "csv_rows"]

_CHUNK_ROWS: Final = 20_000
_CHUNK_BYTES: Final = 8 * 1024 * 1024


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
            read_header(file.path, dialect, file.encoding, limit=limit)
            if is_resumed
            else header_of(lines, dialect)
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
        if lines.is_inside_row and NOT_CLOSED not in reason:
            reason = f"not CSV: {NOT_CLOSED}"
        physical = lines.take(None if may_be_closed else 1)
        return physical, reason, not may_be_closed
    return lines.take(), cells, True


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
