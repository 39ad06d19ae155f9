"""The checkpoint of one file: how far it was read, as numbers that the log commits with the events.

Seven numbers, named ``<real path>#<name>`` so that all links to a file share them::

    #offset   uncompressed bytes that were consumed          ┐
    #lines    lines (of Parquet: rows) that were consumed    ├ after every chunk: `Consumed`
    #digest   of these bytes: are they still the same?       ┘
    #stamp    size, modification time and inode when it was read to its end: not even opened if equal
    #half     the same, when a last line without an end of line was left for the next pull
    #mapping  a digest of the mapping that it was read with
    #taken    events that it gave so far
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.event import Checkpoint, no_events, rejected_lines
from eventsource.sources._compressed import COMPRESSED, Reader, open_at
from eventsource.sources._digest import HEAD_BYTES, TAIL_BYTES, Digest

__all__ = ["Chunk", "Consumed", "FileCheckpoint", "UnreadableError"]


_NO_EVENTS: Final = no_events()
_NO_LINES: Final = rejected_lines([])


_EXPANSION: Final = 8
"""About how many bytes a byte of a compressed log becomes."""


class UnreadableError(Exception):
    """The content of a file does not have the expected format."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """How much of a file was consumed.

    Args:
        lines: whole lines; of Parquet: rows.
        offset: uncompressed bytes; None for Parquet.
        digest: of these bytes; of a file that is not read line by line: `FileCheckpoint.content`.
    """

    lines: int = 0
    offset: int | None = 0
    digest: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was read in one step.

    Args:
        events: a frame of `PLACED`.
        rejected: a frame of `REJECTED`.
        read: bytes of the file that were read by now; compressed bytes if it is compressed.
        consumed: how much of the file was consumed by now; None if that has not changed.
        notes: sentences for the user.
        is_unfinished: whether a last line was left for the next pull.
        reread_after: see `Batch.reread_after`; the file and the line.
        checkpoint: the numbers for the log.
        has_other_mapping: whether the file was read before with another mapping.
    """

    events: pl.DataFrame = field(default_factory=lambda: _NO_EVENTS)
    rejected: pl.DataFrame = field(default_factory=lambda: _NO_LINES)
    read: int = 0
    consumed: Consumed | None = None
    notes: tuple[str, ...] = ()
    is_unfinished: bool = False
    reread_after: tuple[str, int] | None = None
    checkpoint: Mapping[str, int] = field(default_factory=dict)
    has_other_mapping: bool = False


class FileCheckpoint:
    """Where the last pull of a file stopped.

    Args:
        path: the file.
        name: its path without symbolic links, under which all links to it share their numbers.
        stored: the numbers that the log has.
        lines: how many first lines tell the file from another one under its name. Two for a table, as the names of
            columns are not enough.
        encoding: see `open_at`.
        mapping: a digest of the mapping. If the last pull had another one and took no event, all is read again.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        stored: Checkpoint,
        *,
        lines: int = 1,
        encoding: str | None = None,
        mapping: int = 0,
    ) -> None:
        stat = path.stat()
        self.encoding, self._mapping = encoding, mapping
        self.path, self.size, self._stored, self._lines = path, stat.st_size, stored, lines
        self._name = name
        self.taken = self._get("taken") or 0
        self._was_read_before = self._is_restart = self._get("mapping") not in (None, mapping) and not self.taken
        if self._is_restart:
            self._stored = {}
        self._size_and_time = f"{stat.st_size}:{stat.st_mtime_ns}"
        self.stamp = _number(f"{self._size_and_time}:{stat.st_ino}".encode())

    @property
    def is_done(self) -> bool:
        """Whether the file has not changed since it was read to its end."""
        return self._get("stamp") == self.stamp

    @property
    def is_read(self) -> bool:
        """Whether nothing of the file is new, an unfinished last line excepted."""
        return self.stamp in (self._get("stamp"), self._get("half"))

    @cached_property
    def content(self) -> int:
        """A digest of a file that is not read line by line: size, time, the first 64 KiB and the last 4 KiB."""
        with self.path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(max(len(head), self.size - TAIL_BYTES))
            return _number(self._size_and_time.encode() + head + file.read())

    @property
    def may_grow(self) -> bool:
        """Whether a last line may be half-written: not if it was left before and the file has not changed."""
        return self.path.suffix.lower() not in COMPRESSED and self._get("half") != self.stamp

    def bytes_after(self, read: int) -> int:
        """Return about how many uncompressed bytes follow the first ``read`` bytes of the file."""
        return max(0, self.size - read) * (_EXPANSION if self.path.suffix.lower() in COMPRESSED else 1)

    @property
    def consumed(self) -> Consumed:
        """How much of the file the last pull consumed."""
        return Consumed(self._get("lines") or 0, self._get("offset") or 0, self._get("digest") or 0)

    def open(self) -> tuple[Reader, Digest, int, tuple[str, ...]]:
        """Open the file where the last pull stopped; at its start if the file was rewritten.

        Returns:
            The reader, the digest of what was consumed, how many whole lines that was, and notes.
        """
        last = self.consumed
        offset = last.offset or 0
        reader, digest = open_at(self.path, offset, lines=self._lines, encoding=self.encoding)
        self._was_read_before = self._is_restart or (offset > 0 and digest.has_same_first_lines(last.digest))
        if offset and (digest.length != offset or digest.number() != last.digest):
            reader.close()
            reader, digest = open_at(self.path, 0, lines=self._lines, encoding=self.encoding)
            return reader, digest, 0, (self._rewritten(),)
        lines = last.lines if offset else 0
        return reader, digest, lines - digest.is_inside_line, ()

    def first_row(self) -> tuple[int, tuple[str, ...]]:
        """Return how many rows of a Parquet file were consumed, and notes; 0 if the file has changed."""
        rows = self.consumed.lines
        self._was_read_before = self._is_restart or self.consumed.digest == self.content
        return (rows, ()) if self._was_read_before or not rows else (0, (self._rewritten(),))

    def first_chunk(self, consumed: Consumed, notes: tuple[str, ...]) -> Chunk:
        """Return a chunk without events: from which line on the file is read.

        Earlier rejections of lines after it are outdated if this is the file that was read before. If another file
        has taken its place (a rotated log), they stay: the log may be the only place that still has these lines.
        """
        reread_after = (str(self.path), consumed.lines) if self._was_read_before else None
        return Chunk(consumed=consumed, notes=notes, reread_after=reread_after)

    def chunk(
        self, events: pl.DataFrame, rejected: pl.DataFrame, *, read: int, consumed: Consumed, is_unfinished: bool
    ) -> Chunk:
        """Return a chunk of events.

        An unfinished last line is left for the next pull: it does not count as rejected, and a note says so.
        """
        if not is_unfinished:
            return Chunk(events, rejected, read, consumed)
        notes = (self.half_written_note(),)
        return Chunk(events, rejected.head(-1), read, consumed, notes, is_unfinished=True)

    def numbers(self, consumed: Consumed | None) -> dict[str, int]:
        """Return the numbers for the log after a chunk; ``taken`` must count its events already."""
        if consumed is None:
            return {}
        offset = {} if consumed.offset is None else {"offset": consumed.offset}
        own = {"mapping": self._mapping, "taken": self.taken}
        return self._named(**offset, digest=consumed.digest, lines=consumed.lines, **own)

    def end(self, *, is_unfinished: bool = False) -> dict[str, int]:
        """Return the numbers for the log at the end of the file."""
        return self._named(half=self.stamp) if is_unfinished else self._named(stamp=self.stamp)

    def has_other_mapping(self) -> bool:
        """Whether the log has events of the file that were read with another mapping."""
        return self._get("mapping") not in (None, self._mapping)

    def half_written_note(self) -> str:
        """Return the note about a last line that is left for the next pull."""
        return (
            f"the last line of {self.path.name} has no end of line and cannot be decoded: it may be half-written, "
            "and is left for the next pull"
        )

    def _get(self, name: str) -> int | None:
        number: int | None = self._stored.get(f"{self._name}#{name}")
        return number

    def _named(self, **numbers: int) -> dict[str, int]:
        return {f"{self._name}#{name}": number for name, number in numbers.items()}

    def _rewritten(self) -> str:
        return (
            f"{self.path.name} was rewritten since it was last pulled: it is read again from its start, and "
            "events that the log has already are dropped as duplicates"
        )


def _number(data: bytes) -> int:
    """Return a digest of 63 bits."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1
