"""Physical lines, fed to the CSV parser one by one. A row may span several of them."""

import csv
from collections import deque
from collections.abc import Iterable
from typing import Final

from eventsource.sources._blocks import Block, NumberedLine
from eventsource.sources._values import LineError

__all__ = ["BOM", "NOT_CLOSED", "CsvLines", "csv_reason"]

BOM: Final = b"\xef\xbb\xbf"
NOT_CLOSED: Final = "a quote opens here and is not closed"
_LINE_END: Final = b"\r\n"
_MOST_LINES: Final = 100_000
"""Lines of a row. Where a quote is not closed, all of them are in memory, and are read again."""


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
            raise LineError(f"not CSV: {NOT_CLOSED} within {self.limit:,} bytes")
        if len(self._pending) > _MOST_LINES:
            raise LineError(f"not CSV: {NOT_CLOSED} within {_MOST_LINES:,} lines")
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


def csv_reason(error: csv.Error | LineError) -> str:
    """Return why a row cannot be parsed."""
    if isinstance(error, csv.Error) and "new-line character" in str(error):
        return "a line ends with a carriage return (CR) alone: expected LF or CRLF, as tr '\\r' '\\n' makes of it"
    return str(error)


def _text(number: int, raw: bytes) -> str:
    return (raw.removeprefix(BOM) if number == 1 else raw).decode("utf-8", "surrogateescape")
