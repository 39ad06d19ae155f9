"""Opening files: plain, gz or zst, from any uncompressed offset, in bounded memory."""

import gzip
import hashlib
import zlib
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import zstandard

__all__ = ["COMPRESSED", "DAMAGED", "Digest", "Reader", "open_at"]

COMPRESSED: Final = frozenset({".gz", ".zst"})
DAMAGED: Final = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a damaged file raises."""

_PIECE: Final = 8 * 1024 * 1024
_FED: Final = 4 * 1024  # to a decompressor at once: even an input made to explode gives no more than 128 MB
_HEAD: Final = 64 * 1024
_TAIL: Final = 4 * 1024
_REST: Final = 39  # bits of a digest that are of more than the first lines


class Digest:
    """A digest of what was consumed of a file: of its first 64 KiB and its last 4 KiB.

    A file that was rewritten, at its head or where the last pull stopped, has another one. Its first 24 bits are
    of the first lines alone: they tell a file that was mended from another one in its place.

    Args:
        lines: how many these are.
    """

    def __init__(self, lines: int = 1) -> None:
        self.length, self._lines = 0, lines
        self._head, self._tail = b"", b""

    def add(self, data: bytes) -> None:
        """Take in the next bytes that were consumed."""
        self._head += data[: max(0, _HEAD - len(self._head))]
        self._tail = (self._tail + data)[-_TAIL:] if len(data) < _TAIL else data[-_TAIL:]
        self.length += len(data)

    @property
    def inside_line(self) -> bool:
        """Whether the bytes stop inside of a line."""
        return self.length > 0 and not self._tail.endswith(b"\n")

    def number(self) -> int:
        """Return the digest as a number of 63 bits."""
        first = self._head.split(b"\n", self._lines)[: self._lines]
        return _bits(b"\n".join(first), 24) << _REST | _bits(self._head + b"|" + self._tail, _REST)

    def begins_like(self, number: int) -> bool:
        """Say whether the digest of that number is of the same first lines."""
        return self.number() >> _REST == number >> _REST


def _bits(data: bytes, count: int) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> (64 - count)


class _Stream(Protocol):
    """Uncompressed bytes."""

    def read1(self, size: int, /) -> bytes:
        """Return some bytes, at most ``size``; none at the end."""


class Reader(AbstractContextManager["Reader"]):
    """Uncompressed bytes of a file. What stands before a damage is read before the damage is told.

    Args:
        stream: the uncompressed bytes.
        raw: the file below it.
    """

    def __init__(self, stream: _Stream, raw: BufferedReader) -> None:
        self._stream, self._raw = stream, raw
        self._fault: Exception | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes; fewer only at the end, or where the file is damaged.

        Raises:
            Exception: one of `DAMAGED`, when there is nothing left before the damage.
        """
        parts: list[bytes] = []
        missing = size
        while missing and self._fault is None:
            try:
                part = self._stream.read1(min(missing, _PIECE))
            except DAMAGED as fault:
                self._fault = fault
                break
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        if self._fault is not None and not parts and size:
            raise self._fault
        return b"".join(parts)

    def tell(self) -> int:
        """Return how many bytes of the file were read, compressed ones if it is compressed."""
        return self._raw.tell()


class _Unzstd:
    """Uncompressed bytes of zst frames; a last frame without its end is an error."""

    def __init__(self, raw: BufferedReader) -> None:
        self._raw, self._unpacker = raw, zstandard.ZstdDecompressor()
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = memoryview(b"")

    def read1(self, size: int, /) -> bytes:
        while not self._ready:
            packed = self._packed or self._raw.read(_FED)
            if not packed:
                return self._end()
            frame = self._frame or self._unpacker.decompressobj()
            self._ready = memoryview(frame.decompress(packed))
            self._frame, self._packed = (None, frame.unused_data) if frame.eof else (frame, b"")
        part, self._ready = self._ready[:size], self._ready[size:]
        return bytes(part)

    def _end(self) -> bytes:
        if self._frame is not None:
            raise EOFError("Compressed file ended before the end-of-frame marker was reached")
        return b""


def open_at(path: Path, offset: int, *, lines: int = 1) -> tuple[Reader, Digest]:
    """Open a file after ``offset`` uncompressed bytes; ``lines`` as of `Digest`.

    Returns:
        The reader, and the digest of what was passed over: shorter than ``offset`` where the file is.
    """
    raw = path.open("rb")
    try:
        return _after(path, raw, offset, Digest(lines))
    except BaseException:
        raw.close()
        raise


def _after(path: Path, raw: BufferedReader, offset: int, digest: Digest) -> tuple[Reader, Digest]:
    reader = Reader(_unpacked(path, raw), raw)
    if path.suffix.lower() not in COMPRESSED and _HEAD + _TAIL < offset <= path.stat().st_size:
        digest.add(reader.read(_HEAD))
        raw.seek(offset - _TAIL)
        digest.length = offset - _TAIL
    while digest.length < offset and (data := reader.read(min(_PIECE, offset - digest.length))):
        digest.add(data)
    return reader, digest


def _unpacked(path: Path, raw: BufferedReader) -> _Stream:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    return _Unzstd(raw) if suffix == ".zst" else raw
