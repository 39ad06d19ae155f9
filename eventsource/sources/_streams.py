"""Blocks of whole lines, in bounded memory; lines beyond a limit are passed over and told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from eventsource.sources._packed import Digest

__all__ = ["BEYOND", "BLOCK", "KEPT", "MAX_LINE", "Block", "Long", "blocks"]

BLOCK: Final = 8 * 1024 * 1024
MAX_LINE: Final = 64 * 1024 * 1024
KEPT: Final = 64 * 1024
"""Bytes that are kept of a line beyond the limit."""

BEYOND: Final = "beyond the limit of"
"""What the reason says of a line of which only the begin is kept."""

_END: Final = 4 * 1024


class _Bytes(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""


@dataclass(frozen=True, slots=True)
class Long:
    """A line beyond the limit: its number, its length in bytes, how it begins, and how it ends if that is more."""

    number: int
    length: int
    limit: int
    begin: bytes
    end: bytes

    @property
    def reason(self) -> str:
        """Why it is rejected."""
        return f"the line has {self.length:,} bytes, {BEYOND} {self.limit:,}"

    def add_to(self, digest: Digest) -> None:
        """Tell a digest that the line was consumed, but for its end of line."""
        digest.add(self.begin)
        digest.add(self.end)
        digest.length += self.length - len(self.begin) - len(self.end)


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file.

    Args:
        data: the lines, with their ends; of those beyond the limit only the end.
        first: the number of the first line, from 1.
        lines: how many lines there are.
        whole: false where the last line has no end: it may be half-written.
        long: lines beyond the limit.
    """

    data: bytes
    first: int
    lines: int
    whole: bool = True
    long: tuple[Long, ...] = ()

    def each(self) -> Iterator[tuple[int, bytes, Long | None]]:
        """Yield number and bytes of each line, with its end; beyond the limit the end alone, and what is known."""
        long = {line.number: line for line in self.long}
        lines = self.data.split(b"\n")
        for number, line in enumerate(lines[:-1], self.first):
            yield number, line + b"\n", long.get(number)
        if not self.whole:
            yield self.first + self.lines - 1, lines[-1], long.get(self.first + self.lines - 1)

    def add_to(self, digest: Digest, *, last: bool) -> None:
        """Tell a digest that the block was consumed, with its last line or without."""
        if not self.long:
            digest.add(self.data if last else self.data[: self.data.rfind(b"\n") + 1])
            return
        for number, line, long in self.each():
            if last or number < self.first + self.lines - 1:
                if long is not None:
                    long.add_to(digest)
                digest.add(line)


def blocks(stream: _Bytes, *, line: int, size: int = BLOCK, limit: int = MAX_LINE) -> Iterator[Block]:
    """Yield the rest of a stream as blocks of whole lines.

    Args:
        stream: uncompressed bytes, at the begin of a line.
        line: the number of the first line.
        size: about how many bytes a block has; it holds at least one line.
        limit: lines of more bytes are passed over and told.
    """
    rest = b""
    while data := stream.read(size):
        end = data.rfind(b"\n") + 1
        if end:
            block = _block(b"".join((rest, memoryview(data)[:end])), line, limit)
            rest = data[end:]
        elif len(rest) + len(data) > limit:
            block, rest = _passed_over(stream, rest + data, line, limit)
        else:
            rest += data
            continue
        line += block.lines
        yield block
    if rest:
        yield _block(rest, line, limit)


def _block(data: bytes, first: int, limit: int) -> Block:
    whole = data.endswith(b"\n")
    count = data.count(b"\n") + (not whole)
    if len(data) <= limit:
        return Block(data, first, count, whole)
    kept, long = [], []
    for number, line in enumerate(data.split(b"\n"), first):
        if len(line) > limit:
            long.append(_long(line, number, limit))
        kept.append(b"" if len(line) > limit else line)
    return Block(b"\n".join(kept), first, count, whole, tuple(long))


def _long(line: bytes, number: int, limit: int) -> Long:
    return Long(number, len(line), limit, line[:KEPT], line[-_END:] if len(line) > KEPT else b"")


def _passed_over(stream: _Bytes, begin: bytes, number: int, limit: int) -> tuple[Block, bytes]:
    """Read to the end of a line; return it as a block, and what comes after it."""
    length, tail, rest, ended = len(begin), begin[-_END:], b"", False
    while not ended and (data := stream.read(BLOCK)):
        more, newline, rest = data.partition(b"\n")
        length, tail, ended = length + len(more), (tail + more)[-_END:], bool(newline)
    long = Long(number, length, limit, begin[:KEPT], tail if length > KEPT else begin[KEPT:])
    return Block(b"\n" if ended else b"", number, 1, ended, (long,)), rest
