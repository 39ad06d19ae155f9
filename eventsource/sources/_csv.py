"""Files of CSV, part by part: rows whose members have the names in the file's first row."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsource.sources._decode import Decoder, Line, check_utf8
from eventsource.sources._dotted import Columns
from eventsource.sources._lines import half_written
from eventsource.sources._packed import Digest, open_at
from eventsource.sources._place import Part, Place, UnreadableError
from eventsource.sources._streams import Block, Long, blocks
from eventsource.sources._values import Misfit

__all__ = ["Feed", "Row", "csv_parts", "csv_rows", "header_line", "header_of"]

_ROWS: Final = 20_000
_BYTES: Final = 8 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_END: Final = b"\r\n"

_Physical = tuple[int, bytes, Long | None]


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and what it was made of.

    Args:
        line: where it begins, and its bytes.
        members: its members, or a reason why it has none.
        physical: the lines that were consumed for it, blank ones before it too.
        whole: false where the file ends inside of it, or it has no end of line: its last cell may be half-written.
    """

    line: Line
    members: Mapping[str, Any] | str
    physical: tuple[_Physical, ...]
    whole: bool


class Feed:
    """Physical lines as texts, for the parser; they are pending until a row is made of them.

    Args:
        some: blocks of lines.
        limit: the most bytes of a row.
    """

    def __init__(self, some: Iterable[Block], limit: int) -> None:
        self.limit, self.ended = limit, False
        self._lines = (line for block in some for line in block.each())
        self._again: deque[_Physical] = deque()
        self._pending: list[_Physical] = []
        self._bytes = 0

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> str:
        number, raw, long = self._next()
        self._bytes += len(raw)
        if long is not None:
            raise Misfit(long.reason)
        if self._bytes > self.limit + len(_END):
            raise Misfit("a quote is not closed within the limit")
        return (raw.removeprefix(_BOM) if number == 1 else raw).decode("utf-8", "surrogateescape")

    @property
    def is_inside_row(self) -> bool:
        """Whether the parser asked for more than one line."""
        return len(self._pending) > 1 or (bool(self._pending) and self.ended)

    def take(self, most: int | None = None) -> tuple[_Physical, ...]:
        """Return the pending lines, or the first of them: the others are fed again."""
        taken, left = self._pending[:most], self._pending[len(self._pending[:most]) :]
        self._again.extendleft(reversed(left))
        self._pending, self._bytes = [], 0
        return tuple(taken)

    def _next(self) -> _Physical:
        try:
            line = self._again.popleft() if self._again else next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        self._pending.append(line)
        return line


def csv_parts(place: Place, decoder: Decoder, *, size: int, limit: int) -> Iterator[Part]:
    """Yield what is new in a file of CSV.

    A last row without an end of line is taken if it has all its cells. It is never counted as consumed: nobody
    knows whether its last cell is whole, so it is read again when the file has grown.

    Args:
        place: the file, and where the last pull stood in it.
        decoder: takes the rows.
        size: about how many bytes are read at once.
        limit: the most bytes of a row.

    Raises:
        UnreadableError: the first row does not name the members.
    """
    reader, digest, line, notes = place.opened()
    with reader:
        yield place.begin(line, place.at(digest, line), notes)
        feed = Feed(blocks(reader, line=line + 1, size=size, limit=limit), limit)
        names = header_of(place.path, limit=limit) if digest.length else _names(feed)
        line = _consumed(digest, feed.take(), line)
        for rows in _chunks(csv_rows(feed, names, file=str(place.path), patient=place.may_grow)):
            events, rejected = decoder.rows((row.line, row.members) for row in rows)
            for row in rows:
                line = _consumed(digest, row.physical, line) if row.whole else line
            last = rows[-1]
            left = not last.whole and place.may_grow and last.line.number in rejected["line"].tail(1)
            told = (half_written(place),) if left else ()
            rejected = rejected.head(-1) if left else rejected
            yield Part(events, rejected, reader.tell(), place.at(digest, line), told, left)


def header_of(path: Path, *, limit: int) -> list[str]:
    """Return the names in the first row of a file.

    Raises:
        UnreadableError: that row does not name members.
    """
    reader, _ = open_at(path, 0)
    with reader:
        return _names(Feed(blocks(reader, line=1, limit=limit), limit))


def header_line(path: Path, *, limit: int) -> bytes:
    """Return the first row of a file as it stands, without its end.

    Raises:
        UnreadableError: as of `header_of`.
    """
    reader, _ = open_at(path, 0)
    with reader:
        feed = Feed(blocks(reader, line=1, limit=limit), limit)
        _names(feed)
        return b"".join(raw for _, raw, _ in feed.take()).removeprefix(_BOM).rstrip(_END)


def csv_rows(feed: Feed, names: list[str], *, file: str, patient: bool = False) -> Iterator[Row]:
    """Yield rows; an empty cell is an absent member, a name with dots a member of an object.

    Where a quote is never closed, only the line in which it opens is rejected, and reading goes on with the next.

    Args:
        feed: lines from the begin of a row on.
        names: the members, from the header.
        file: the file's name, for rejected rows.
        patient: whether a quote that the end of the file leaves open may yet be closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), feed.limit))
    parser, columns = csv.reader(feed, strict=True), Columns(names)
    blank: tuple[_Physical, ...] = ()
    while True:
        physical, cells, whole = _row(parser, feed, patient=patient)
        if not physical:
            return
        if not any(raw.strip() or long for _, raw, long in physical):
            blank += physical
            continue
        raw = b"".join(long.begin if long else line for _, line, long in physical)
        line = Line(file, physical[0][0], raw.removesuffix(b"\n").removesuffix(b"\r"))
        yield Row(line, _members(cells, columns, raw), blank + physical, whole and physical[-1][1].endswith(b"\n"))
        blank = ()


def _row(
    parser: Iterator[list[str]], feed: Feed, *, patient: bool
) -> tuple[tuple[_Physical, ...], list[str] | str, bool]:
    """Return the lines of the next row, its cells or a reason, and whether the file goes on after it."""
    try:
        cells = next(parser, [])
    except (csv.Error, Misfit) as error:
        open_end = patient and feed.ended
        reason = str(error) if isinstance(error, Misfit) else f"not CSV: {error}"
        if feed.is_inside_row:
            reason = "not CSV: a quote opens here and is not closed"
        physical = feed.take(None if open_end else 1)
        return physical, reason, not open_end
    return feed.take(), cells, True


def _names(feed: Feed) -> list[str]:
    """Return the names in the next row, which is the header; one without a name is called by its place."""
    try:
        cells = next(csv.reader(feed, strict=True), [])
        check_utf8("".join(cells).encode("utf-8", "surrogateescape"))
    except (csv.Error, Misfit) as error:
        raise UnreadableError(f"the header cannot be read: {error}") from error
    names = [name or f"column_{number}" for number, name in enumerate(cells, 1)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableError(f"the header names {twice[0]!r} twice")
    return names


def _members(cells: list[str] | str, columns: Columns, raw: bytes) -> Mapping[str, Any] | str:
    if isinstance(cells, str):
        return cells
    try:
        check_utf8(raw)
    except Misfit as misfit:
        return str(misfit)
    if len(cells) != len(columns.names):
        return f"the row has {len(cells)} cells, the header {len(columns.names)}"
    return columns.members({name: cell for name, cell in zip(columns.names, cells, strict=True) if cell})


def _consumed(digest: Digest, physical: tuple[_Physical, ...], line: int) -> int:
    """Tell a digest that lines were consumed; return the number of the last line now."""
    for _, raw, long in physical:
        if long is not None:
            long.add_to(digest)
        digest.add(raw)
    return physical[-1][0] if physical else line


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row.line.raw)
        if len(chunk) >= _ROWS or size >= _BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
