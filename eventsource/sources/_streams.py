"""Reading files in bounded memory: plain, gz or zst, a block of whole lines at a time."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import zstandard

__all__ = [
    "BLOCK",
    "COMPRESSED",
    "DAMAGED",
    "MAX_LINE",
    "Block",
    "Digest",
    "Long",
    "blocks",
    "digest_at",
    "open_at",
]

BLOCK: Final = 8 * 1024 * 1024
MAX_LINE: Final = 64 * 1024 * 1024
COMPRESSED: Final = frozenset({".gz", ".zst"})
DAMAGED: Final = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a damaged file raises."""

_KEPT: Final = 64 * 1024
_HEAD: Final = 64 * 1024
_TAIL: Final = 4 * 1024


class Digest:
    """A digest of what was consumed of a file: of its first 64 KiB and its last 4 KiB.

    A file that was rewritten, at its head or where the last pull stopped, has another one.
    """

    def __init__(self) -> None:
        self.length = 0
        self._head, self._tail = b"", b""

    def add(self, data: bytes) -> None:
        """Take in the next bytes that were consumed."""
        self._head += data[: max(0, _HEAD - len(self._head))]
        self._tail = (self._tail + data)[-_TAIL:] if len(data) < _TAIL else data[-_TAIL:]
        self.length += len(data)

    def number(self) -> int:
        """Return the digest as a number of 63 bits."""
        found = hashlib.sha256(self._head + b"|" + self._tail).digest()
        return int.from_bytes(found[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class Long:
    """A line beyond the limit: its number, its length in bytes, and how it begins."""

    number: int
    length: int
    begin: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole lines of a file.

    Args:
        data: the lines, with their ends.
        first: the number of the first line, from 1.
        lines: how many lines the block stands for.
        read: bytes of the file that were read for it; compressed ones, if it is compressed.
        whole: false for a last line without an end, which may be half-written.
        long: lines beyond the limit; they are not in ``data``.
    """

    data: bytes
    first: int
    lines: int
    read: int
    whole: bool = True
    long: list[Long] = field(default_factory=list)


def open_at(path: Path, offset: int) -> tuple[IO[bytes], IO[bytes], Digest]:
    """Open a file after ``offset`` uncompressed bytes.

    Returns:
        The stream of uncompressed bytes, the raw file below it, and the digest of what was passed over: shorter
        than ``offset`` where the file is.
    """
    raw = path.open("rb")
    stream: IO[bytes] = raw
    if path.suffix == ".gz":
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw))
    elif path.suffix == ".zst":
        stream = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    digest = Digest()
    if stream is raw and offset > _HEAD + _TAIL:
        digest.add(stream.read(_HEAD))
        if path.stat().st_size >= offset:
            stream.seek(offset - _TAIL)
            digest.length = offset - _TAIL
    while digest.length < offset and (data := stream.read(min(BLOCK, offset - digest.length))):
        digest.add(data)
    return stream, raw, digest


def digest_at(path: Path, offset: int) -> Digest:
    """Return the digest of the first ``offset`` uncompressed bytes of a file."""
    _, raw, digest = open_at(path, offset)
    raw.close()
    return digest


def blocks(
    stream: IO[bytes], raw: IO[bytes], *, line: int, size: int = BLOCK, limit: int = MAX_LINE
) -> Iterator[Block]:
    """Yield the rest of a stream as blocks of whole lines.

    Args:
        stream: uncompressed bytes, at the begin of a line.
        raw: the file below it, to tell how much was read.
        line: the number of the first line.
        size: about how many bytes a block has; it holds at least one line.
        limit: lines of more bytes are passed over and told.
    """
    rest, told = b"", raw.tell()
    while True:
        data = stream.read(size)
        buffer = rest + data
        end = buffer.rfind(b"\n") + 1
        if not data or end:
            whole = buffer[:end] if data else buffer
            rest = buffer[end:] if data else b""
            block = _block(whole, line, raw.tell() - told, limit)
            told, line = raw.tell(), line + block.lines
            if whole or block.read:
                yield block
            if not data:
                return
        elif len(buffer) > limit:
            length, rest = _skip_line(stream, size)
            yield Block(b"\n", line, 1, raw.tell() - told, long=[Long(line, len(buffer) + length, buffer[:_KEPT])])
            told, line = raw.tell(), line + 1
        else:
            rest = buffer


def _skip_line(stream: IO[bytes], size: int) -> tuple[int, bytes]:
    """Read to the end of the line; return how many bytes that were, and what comes after it."""
    length = 0
    while data := stream.read(size):
        end = data.find(b"\n")
        if end >= 0:
            return length + end, data[end + 1 :]
        length += len(data)
    return length, b""


def _block(data: bytes, first: int, read: int, limit: int) -> Block:
    lines = data.count(b"\n")
    whole = data.endswith(b"\n") or not data
    block = Block(data, first, lines + (not whole), read, whole=whole)
    if len(data) <= limit:
        return block
    kept, long = [], []
    for number, text in enumerate(data.split(b"\n"), first):
        if len(text) > limit:
            long.append(Long(number, len(text), text[:_KEPT]))
        kept.append(b"" if len(text) > limit else text)
    return Block(b"\n".join(kept), first, block.lines, read, whole=whole, long=long)
