r"""A stream of bytes as blocks of whole lines, in bounded memory.

Example: the stream "aa\nbb\ncc", read 4 bytes at a time::

    read      "aa\nb"    "b\ncc"
    block 1   "aa\n"     first=1, lines=1, the rest "b" is kept for the next block
    block 2   "bb\n"     first=2, lines=1
    block 3   "cc"       first=3, lines=1, is_complete=False: there is no end of line yet

A line beyond the limit would not fit into memory. The block then holds only its end of line, and a `LongLine` with
its number, its length, its first 64 KiB (which `Log.rejected` keeps) and its last 4 KiB (which the digest needs).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from eventsource.sources._digest import TAIL_BYTES, Digest

__all__ = ["BEYOND_LIMIT", "BLOCK_BYTES", "MAX_LINE", "Block", "LongLine", "NumberedLine", "blocks"]

BLOCK_BYTES: Final = 4 * 1024 * 1024
"""With larger blocks the objects of each block are new pages of memory again, which costs more than decoding."""
MAX_LINE: Final = 64 * 1024 * 1024

BEYOND_LIMIT: Final = "beyond the limit of"
"""The reason of a rejected line says this if only its first bytes were kept."""

_KEPT_BYTES: Final = 64 * 1024
_NEWLINE: Final = ord("\n")


class _Bytes(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line beyond the limit: its number, its length in bytes, its first bytes, and its last bytes."""

    number: int
    length: int
    limit: int
    begin: bytes
    end: bytes

    @property
    def reason(self) -> str:
        """Why it is rejected."""
        return f"the line has {self.length:,} bytes, {BEYOND_LIMIT} {self.limit:,}"

    def add_to(self, digest: Digest) -> None:
        """Add the line to a digest, without its end of line."""
        digest.add(self.begin)
        digest.add(self.end)
        digest.length += self.length - len(self.begin) - len(self.end)


NumberedLine = tuple[int, bytes, LongLine | None]
"""The number of a line, and its bytes with the end of line; only the end of line if it is a long line."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file.

    Args:
        data: the lines with their ends of line; of a long line only the end of line.
        first: the number of the first line, from 1.
        lines: how many lines there are.
        is_complete: false if the last line has no end of line: it may be half-written.
        long: the lines beyond the limit.
    """

    data: bytes
    first: int
    lines: int
    is_complete: bool = True
    long: tuple[LongLine, ...] = ()

    def each(self) -> Iterator[NumberedLine]:
        """Yield the lines one by one."""
        long = {line.number: line for line in self.long}
        lines = self.data.split(b"\n")
        for number, line in enumerate(lines[:-1], self.first):
            yield number, line + b"\n", long.get(number)
        if not self.is_complete:
            yield self.first + self.lines - 1, lines[-1], long.get(self.first + self.lines - 1)

    def add_to(self, digest: Digest, *, last: bool) -> None:
        """Add the lines to a digest, with the last line or without it."""
        if not self.long:
            digest.add(self.data if last else self.data[: self.data.rfind(b"\n") + 1])
            return
        for number, line, long in self.each():
            if last or number < self.first + self.lines - 1:
                if long is not None:
                    long.add_to(digest)
                digest.add(line)


def blocks(stream: _Bytes, *, line: int, size: int = BLOCK_BYTES, limit: int = MAX_LINE) -> Iterator[Block]:
    """Yield the rest of a stream as blocks of whole lines.

    Args:
        stream: uncompressed bytes, at the start of a line.
        line: the number of that line.
        size: about how many bytes a block has; it holds at least one line.
        limit: the most bytes of a line; longer ones become a `LongLine`.
    """
    rest = b""
    while data := stream.read(size):
        end = data.rfind(b"\n") + 1
        if end:
            block = _block(b"".join((rest, memoryview(data)[:end])), line, limit)
            rest = data[end:]
        elif len(rest) + len(data) > limit:
            block, rest = _skip_long_line(stream, rest + data, line, limit)
        else:
            rest += data
            continue
        line += block.lines
        yield block
    if rest:
        yield _block(rest, line, limit)


def _block(data: bytes, first: int, limit: int) -> Block:
    is_complete = data.endswith(b"\n")
    count = int(np.count_nonzero(np.frombuffer(data, np.uint8) == _NEWLINE)) + (not is_complete)
    if len(data) <= limit:
        return Block(data, first, count, is_complete)
    kept, long = [], []
    for number, line in enumerate(data.split(b"\n"), first):
        if len(line) > limit:
            tail = line[-TAIL_BYTES:] if len(line) > _KEPT_BYTES else b""
            long.append(LongLine(number, len(line), limit, line[:_KEPT_BYTES], tail))
        kept.append(b"" if len(line) > limit else line)
    return Block(b"\n".join(kept), first, count, is_complete, tuple(long))


def _skip_long_line(stream: _Bytes, begin: bytes, number: int, limit: int) -> tuple[Block, bytes]:
    """Read to the end of a long line; return it as a block, and the bytes after it."""
    length, tail, rest, has_ended = len(begin), begin[-TAIL_BYTES:], b"", False
    while not has_ended and (data := stream.read(BLOCK_BYTES)):
        more, newline, rest = data.partition(b"\n")
        length, tail, has_ended = length + len(more), (tail + more)[-TAIL_BYTES:], bool(newline)
    long = LongLine(
        number, length, limit, begin[:_KEPT_BYTES], tail if length > _KEPT_BYTES else begin[_KEPT_BYTES:]
    )
    return Block(b"\n" if has_ended else b"", number, 1, has_ended, (long,)), rest
