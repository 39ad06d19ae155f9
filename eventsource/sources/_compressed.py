"""Reading files, plain, gz or zst, from any uncompressed offset, in bounded memory.

Texts in another encoding are read as UTF-8: UTF-16 with a byte order mark by itself, others if they are named.
Offsets are those of the bytes that are read, so uncompressed and in UTF-8.
"""

import codecs
import gzip
import zlib
from contextlib import AbstractContextManager
from functools import cache
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import zstandard

from eventsource.sources._digest import HEAD_BYTES, TAIL_BYTES, Digest

__all__ = ["COMPRESSED", "DAMAGED", "Reader", "as_in_file", "as_utf8", "open_at"]

COMPRESSED: Final = frozenset({".gz", ".zst"})
DAMAGED: Final = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""The errors that reading a damaged file raises."""

_ASCII: Final = "\n,0aA{"
_READ_BYTES: Final = 8 * 1024 * 1024
_COMPRESSED_BYTES: Final = 4 * 1024  # per call of the decompressor: even a zip bomb yields at most 128 MB at once


class _Stream(Protocol):
    """Uncompressed bytes."""

    def read1(self, size: int, /) -> bytes:
        """Return some bytes, at most ``size``; none at the end."""


class Reader(AbstractContextManager["Reader"]):
    """Uncompressed bytes of a file. Bytes before a damage are returned before the error is raised.

    Args:
        stream: the uncompressed bytes.
        raw: the file itself.
    """

    def __init__(self, stream: _Stream, raw: BufferedReader) -> None:
        self._stream, self._raw = stream, raw
        self._error: Exception | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes; fewer only at the end, or before a damage.

        Raises:
            Exception: one of `DAMAGED`, when no bytes are left before the damage.
        """
        parts: list[bytes] = []
        missing = size
        while missing and self._error is None:
            try:
                part = self._stream.read1(min(missing, _READ_BYTES))
            except DAMAGED as error:
                self._error = error
                break
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        if self._error is not None and not parts and size:
            raise self._error
        return b"".join(parts)

    def tell(self) -> int:
        """Return how many bytes of the file were read; compressed bytes if it is compressed."""
        return self._raw.tell()


class _ZstdStream:
    """Uncompressed bytes of zst frames; a last frame that is cut off is an error."""

    def __init__(self, raw: BufferedReader) -> None:
        self._raw, self._decompressor = raw, zstandard.ZstdDecompressor()
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._compressed = b""
        self._ready = memoryview(b"")

    def read1(self, size: int, /) -> bytes:
        while not self._ready:
            compressed = self._compressed or self._raw.read(_COMPRESSED_BYTES)
            if not compressed:
                return self._end()
            frame = self._frame or self._decompressor.decompressobj()
            self._ready = memoryview(frame.decompress(compressed))
            self._frame, self._compressed = (None, frame.unused_data) if frame.eof else (frame, b"")
        part, self._ready = self._ready[:size], self._ready[size:]
        return bytes(part)

    def _end(self) -> bytes:
        if self._frame is not None:
            raise EOFError("Compressed file ended before the end-of-frame marker was reached")
        return b""


class _Utf8Stream:
    """The bytes of a stream in UTF-8. A byte that the encoding does not have makes its line not UTF-8.

    Args:
        stream: uncompressed bytes, from the start of the file on.
        encoding: its encoding; None: UTF-16 if it begins with a byte order mark of UTF-16, else as it is.
    """

    def __init__(self, stream: _Stream, encoding: str | None) -> None:
        self._stream, self._encoding = stream, encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._has_begun = False
        self._ready = memoryview(b"")

    def read1(self, size: int, /) -> bytes:
        if self._has_begun and self._decoder is None:
            return self._stream.read1(size)
        while not self._ready:
            data = self._stream.read1(size)
            if not self._has_begun:
                self._has_begun = True
                encoding = self._encoding or utf16_of(data)
                self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape") if encoding else None
            if self._decoder is None:
                return data
            text = self._decoder.decode(data, final=not data)
            self._ready = memoryview(text.encode("utf-8", "surrogateescape"))
            if not data:
                break
        part, self._ready = self._ready[:size], self._ready[size:]
        return bytes(part)


def as_in_file(line: bytes, encoding: str | None) -> bytes:
    """Return the bytes that a line has in its file, from those that a `Reader` of this encoding gave.

    Lines of encodings that do not contain ASCII, such as UTF-16, stay UTF-8.
    """
    if not _contains_ascii(encoding):
        return line
    return line.decode("utf-8", "surrogateescape").encode(str(encoding), "surrogateescape")


def as_utf8(line: bytes, encoding: str | None) -> bytes:
    """Return the opposite of `as_in_file`."""
    if not _contains_ascii(encoding):
        return line
    return line.decode(str(encoding), "surrogateescape").encode("utf-8", "surrogateescape")


@cache
def _contains_ascii(encoding: str | None) -> bool:
    return encoding is not None and _ASCII.encode(encoding, "replace") == _ASCII.encode()


def utf16_of(head: bytes) -> str | None:
    """Return the encoding if the first bytes of a file are the byte order mark of UTF-16."""
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def open_at(path: Path, offset: int, *, lines: int = 1, encoding: str | None = None) -> tuple[Reader, Digest]:
    """Open a file after ``offset`` uncompressed bytes.

    Args:
        path: the file.
        offset: how many bytes to skip.
        lines: see `Digest`.
        encoding: the encoding of the file; None: UTF-8, or UTF-16 if it begins with its byte order mark.

    Returns:
        The reader, and the digest of the skipped bytes: shorter than ``offset`` if the file is.
    """
    raw = path.open("rb")
    try:
        return _skip(path, raw, offset, Digest(lines), encoding)
    except BaseException:
        raw.close()
        raise


def _skip(
    path: Path, raw: BufferedReader, offset: int, digest: Digest, encoding: str | None
) -> tuple[Reader, Digest]:
    is_plain = path.suffix.lower() not in COMPRESSED and encoding is None and not utf16_of(raw.peek(2))
    reader = Reader(raw if is_plain else _Utf8Stream(_uncompressed(path, raw), encoding), raw)
    if is_plain and HEAD_BYTES + TAIL_BYTES < offset <= path.stat().st_size:
        digest.add(reader.read(HEAD_BYTES))  # the digest needs only the head and the tail
        raw.seek(offset - TAIL_BYTES)
        digest.length = offset - TAIL_BYTES
    while digest.length < offset and (data := reader.read(min(_READ_BYTES, offset - digest.length))):
        digest.add(data)
    return reader, digest


def _uncompressed(path: Path, raw: BufferedReader) -> _Stream:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    return _ZstdStream(raw) if suffix == ".zst" else raw
