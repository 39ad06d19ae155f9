"""CSV, chunk by chunk. The first row of a file names the members of all other rows, unless the mapping does.

A block in which each line is a row is decoded at once. In another one rows are parsed one by one, until a row ends
with a block, as a quoted cell may contain line breaks::

    line 4   7,Created,"two         CsvLines feeds line 4 to the parser, and keeps it as pending
    line 5   lines",2024-01-01      the parser asks for line 5; then the row is complete: take() returns both lines
    line 6   8,"open,…              no quote closes: only line 6 is rejected, the lines after it are fed again
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Final

from eventsource.sources._blocks import Block, NumberedLine, blocks
from eventsource.sources._bulk_table import has_a_row_per_line
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint
from eventsource.sources._compressed import Reader
from eventsource.sources._csv_header import Header, header_of, read_header
from eventsource.sources._csv_lines import BOM, NOT_CLOSED, CsvLines, csv_reason
from eventsource.sources._decoder import Line
from eventsource.sources._dialect import Dialect
from eventsource.sources._digest import Digest
from eventsource.sources._json_lines import decoded_chunk
from eventsource.sources._values import LineError
from eventsource.sources._workers import Workers

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
    file: FileCheckpoint, workers: Workers, *, dialect: Dialect, size: int, limit: int, times: Sequence[str] = ()
) -> Iterator[Callable[[], Chunk]]:
    """Yield what is new in a file of CSV, block by block: what returns a chunk, once it is decoded.

    A last row without an end of line is decoded if it has all its cells. It never counts as consumed, as its last
    cell may be half-written: it is read again when the file has grown.

    Args:
        file: the file, and where the last pull stopped.
        workers: decode the rows.
        dialect: how the file is written.
        size: about how many bytes are read at once.
        limit: the most bytes of a row.
        times: columns that the header must have; see `DottedColumns.check_times`.

    Raises:
        UnreadableError: the first row does not name the members.
    """
    reader, digest, line, notes = file.open()
    with reader:
        some = _Blocks(blocks(reader, line=line + 1, size=size, limit=limit))
        lines = CsvLines(some, limit)
        is_resumed = digest.length > 0
        first = Consumed(line, digest.length, digest.number())
        header = (
            read_header(file.path, dialect, file.encoding, limit=limit)
            if is_resumed
            else header_of(lines, dialect)
        )
        header.columns.check_times(times)
        yield partial(file.first_chunk, first, notes if is_resumed else notes + header.notes)
        table = _Table(file, workers, header, digest, reader)
        table.consume(lines.take(), line)
        rest = some.rest_after(table.line)
        while rest is not None or some.has_next():
            block = rest if rest is not None else next(some)
            rest = None
            if block.is_complete and not block.long and table.is_simple(block):
                yield table.decode(block)
            else:
                yield from table.decode_rows(CsvLines(chain([block], some), limit), some)


class _Blocks(Iterator[Block]):
    """Blocks of lines, and how far they were taken.

    Args:
        some: blocks.
    """

    def __init__(self, some: Iterator[Block]) -> None:
        self._some, self._next, self._last = some, deque[Block](), Block(b"", 1, 0)

    def __next__(self) -> Block:
        self._last = self._next.popleft() if self._next else next(self._some)
        return self._last

    @property
    def end(self) -> int:
        """The number of the last line that was taken."""
        return self._last.first + self._last.lines - 1

    def has_next(self) -> bool:
        """Return whether there is another block."""
        if not self._next and (block := next(self._some, None)) is not None:
            self._next.append(block)
        return bool(self._next)

    def rest_after(self, line: int) -> Block | None:
        """Return the lines after a line of the last block; None if there are none."""
        last, count = self._last, line - self._last.first + 1
        if not last.lines or count >= last.lines:
            return None
        data = last.data.split(b"\n", count)[count] if count > 0 else last.data
        return Block(data, last.first + count, last.lines - count, last.is_complete, last.long)


class _Table:
    """Decodes the rows of one file.

    Args:
        file: the file.
        workers: decode blocks.
        header: what the rows have in common.
        digest: of what was consumed.
        reader: says how much was read.
    """

    def __init__(
        self, file: FileCheckpoint, workers: Workers, header: Header, digest: Digest, reader: Reader
    ) -> None:
        self._file, self._workers, self._header = file, workers, header
        self._digest, self._reader, self.line = digest, reader, 0

    def consume(self, physical: tuple[NumberedLine, ...], line: int) -> None:
        """Count lines as consumed."""
        self.line = _consume(self._digest, physical, line)

    def is_simple(self, block: Block) -> bool:
        """Return whether a block can be decoded at once: each of its lines is a row."""
        has_bom = block.first == 1 and block.data.startswith(BOM)
        return not has_bom and has_a_row_per_line(block.data, self._header.delimiter)

    def decode(self, block: Block) -> Callable[[], Chunk]:
        """Return what returns the chunk of a simple block."""
        read = self._reader.tell()
        left = self._file.bytes_after(read)
        decoded = self._workers.decode(block, str(self._file.path), left=left, header=self._header)
        block.add_to(self._digest, last=True)
        self.line += block.lines
        return partial(decoded_chunk, self._file, decoded, read, self._consumed())

    def decode_rows(self, lines: CsvLines, some: _Blocks) -> Iterator[Callable[[], Chunk]]:
        """Yield the chunks of rows, parsed one by one, until a row ends with a block."""
        file = self._file
        rows = _until_end(csv_rows(lines, self._header, file=str(file.path), may_grow=file.may_grow), some)
        for group in _groups(rows):
            events, rejected = self._workers.rows((row.line, row.members) for row in group)
            for row in group:
                if row.is_complete:
                    self.consume(row.physical, self.line)
            last = group[-1]
            is_left = not last.is_complete and file.may_grow and last.line.number in rejected["line"].tail(1)
            chunk = file.chunk(
                events, rejected, read=self._reader.tell(), consumed=self._consumed(), is_unfinished=is_left
            )
            yield partial(_itself, chunk)

    def _consumed(self) -> Consumed:
        return Consumed(self.line, self._digest.length, self._digest.number())


def _itself(chunk: Chunk) -> Chunk:
    return chunk


def _until_end(rows: Iterator["Row"], some: _Blocks) -> Iterator["Row"]:
    """Yield rows until one ends with the last line of the block that was taken last."""
    for row in rows:
        yield row
        if row.physical[-1][0] == some.end:
            return


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
        yield Row(
            line,
            cells if isinstance(cells, str) else header.row(cells, raw),
            blank + physical,
            is_complete and has_line_end,
        )
        blank = ()


def _parse_row(
    parser: Iterator[list[str]], lines: CsvLines, *, may_grow: bool
) -> tuple[tuple[NumberedLine, ...], list[str] | str, bool]:
    """Return the lines of the next row, its cells or a reason, and whether it is complete."""
    try:
        cells = next(parser, [])
    except (csv.Error, LineError) as error:
        may_be_closed = may_grow and lines.has_ended
        reason = str(error) if isinstance(error, LineError) else f"not CSV: {csv_reason(error)}"
        if lines.is_inside_row and NOT_CLOSED not in reason:
            reason = f"not CSV: {NOT_CLOSED}"
        physical = lines.take(None if may_be_closed else 1)
        return physical, reason, not may_be_closed
    return lines.take(), cells, True


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
