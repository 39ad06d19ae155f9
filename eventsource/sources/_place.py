"""Where a pull stands in one file, as numbers that the log keeps."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from eventsource.event import Checkpoint, empty_events, rejected_lines
from eventsource.sources._packed import COMPRESSED, Digest, Reader, open_at

__all__ = ["Part", "Place", "UnreadableError"]


class UnreadableError(Exception):
    """A file whose content is not what its format asks for."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of a file gave.

    Args:
        events: a frame of `ENVELOPE`.
        rejected: a frame of `REJECTED`.
        at: bytes of the file that were read by now, compressed ones if it is compressed.
        checkpoint: where the file stands after the part.
        notes: what a person should know.
        unfinished: whether a last line was left for the next pull.
        reread_after: the file's name and the line after which it is read, at the begin of it.
    """

    events: pl.DataFrame
    rejected: pl.DataFrame
    at: int
    checkpoint: Mapping[str, int]
    notes: tuple[str, ...] = ()
    unfinished: bool = False
    reread_after: tuple[str, int] | None = None


class Place:
    """Where the last pull stood in a file, and the names of the numbers that say so.

    ``#offset`` uncompressed bytes and ``#lines`` lines (of Parquet: rows) were consumed, ``#digest`` tells whether
    they are what they were, ``#stamp`` whether the whole file is; ``#half`` is the stamp of a file whose last line
    was left because it may be half-written. They are kept under the file's real path, which all links share.

    Args:
        path: the file.
        checkpoint: the numbers.
        lines: how many of its first lines tell it from another file that takes its place: of a table more than
            the names of columns.
    """

    def __init__(self, path: Path, checkpoint: Checkpoint, *, lines: int = 1) -> None:
        stat = path.stat()
        self.path, self.size, self._resume, self._lines = path, stat.st_size, checkpoint, lines
        self._is_known = False
        self._name = os.path.realpath(path)
        found = hashlib.sha256(f"{stat.st_size}:{stat.st_mtime_ns}".encode()).digest()
        self.stamp = int.from_bytes(found[:8], "big") >> 1

    @property
    def is_done(self) -> bool:
        """Whether the file is just as it was when it was read to its end."""
        return self._get("stamp") == self.stamp

    @property
    def may_grow(self) -> bool:
        """Whether someone may be writing the last line: not if it was left already and nothing came."""
        return self.path.suffix.lower() not in COMPRESSED and self._get("half") != self.stamp

    def begin(self, line: int, checkpoint: Mapping[str, int], notes: tuple[str, ...]) -> Part:
        """Return the first part of the file: nothing yet, but from where on it is read, if it was read before.

        What was rejected of another file, which this one took the place of (a log that is rotated), still stands:
        it may be nowhere else.
        """
        reread_after = (str(self.path), line) if self._is_known else None
        return Part(empty_events(), rejected_lines([]), 0, checkpoint, notes, reread_after=reread_after)

    def at(self, digest: Digest, line: int) -> dict[str, int]:
        """Return the numbers that say: so far, so many lines."""
        return self._named(offset=digest.length, digest=digest.number(), lines=line)

    def at_row(self, row: int) -> dict[str, int]:
        """Return the numbers that say: so many rows of the file as it is now."""
        return self._named(digest=self.stamp, lines=row)

    def end(self, *, unfinished: bool = False) -> dict[str, int]:
        """Return the numbers that say: all was read, but for a last line that was left."""
        return self._named(half=self.stamp) if unfinished else self._named(stamp=self.stamp)

    def opened(self) -> tuple[Reader, Digest, int, tuple[str, ...]]:
        """Open the file where the last pull stopped, or at its start if it is another one now.

        Returns:
            The reader, the digest of what was consumed, how many whole lines that was, and what to note.
        """
        offset, known = self._get("offset") or 0, self._get("digest") or 0
        reader, digest = open_at(self.path, offset, lines=self._lines)
        self._is_known = offset > 0 and digest.begins_like(known)
        if offset and (digest.length != offset or digest.number() != known):
            reader.close()
            reader, digest = open_at(self.path, 0, lines=self._lines)
            return reader, digest, 0, (self._rewritten(),)
        lines = (self._get("lines") or 0) if offset else 0
        return reader, digest, lines - digest.inside_line, ()

    def where(self, checkpoint: Checkpoint) -> tuple[int, int]:
        """Return how many lines and uncompressed bytes of the file some numbers say were consumed."""
        return checkpoint.get(f"{self._name}#lines") or 0, checkpoint.get(f"{self._name}#offset") or 0

    def row(self) -> tuple[int, tuple[str, ...]]:
        """Return the rows that were consumed of the file as it is now, and what to note."""
        rows = self._get("lines") or 0
        self._is_known = self._get("digest") == self.stamp
        return (rows, ()) if self._is_known or not rows else (0, (self._rewritten(),))

    def _get(self, name: str) -> int | None:
        return self._resume.get(f"{self._name}#{name}")

    def _named(self, **numbers: int) -> dict[str, int]:
        return {f"{self._name}#{name}": number for name, number in numbers.items()}

    def _rewritten(self) -> str:
        return (
            f"{self.path.name} was rewritten since it was last pulled: read again from its start, "
            "events that are known already are dropped as duplicates"
        )
