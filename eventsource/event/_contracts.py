"""The contracts on both sides of a log: what a source yields, and what a timeline reads."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import polars as pl
from msgspec import Struct, field

from eventsource.event._envelope import REJECTED

__all__ = ["Batch", "Checkpoint", "EventLog", "FileSource", "LagSource", "Source", "SourceLag"]


class Batch(Struct, frozen=True):
    """Some events of a source, and the checkpoint after them.

    Args:
        events: a frame of `ENVELOPE`, or of `PLACED`: then rejected conflicts say where they were.
        checkpoint: names to 64-bit integers, or to other values that JSON has. The log commits them together with
            the events. A pull that starts with them reads what comes *after* this batch. A batch needs to give
            only the values that it changes.
        rejected: a frame of `REJECTED`.
        read: bytes (of a source that is not of files: events) read from the source for this batch, for progress
            bars.
        notes: sentences for the user, such as that a file was rewritten.
        reread_after: file → number of a line. The source reads the lines after it again, from this batch on, so
            that earlier rejections of those lines are no longer valid.
    """

    events: pl.DataFrame
    checkpoint: Mapping[str, Any]
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))
    read: int = 0
    notes: tuple[str, ...] = ()
    reread_after: Mapping[str, int] = field(default_factory=dict)


class Checkpoint(Protocol):
    """Where a source resumes: the values that its committed batches gave. A dict is one."""

    def get(self, key: str, /) -> Any:
        """Return the value of a name: a number, or another value that JSON has. None: the name has none."""


@runtime_checkable
class Source(Protocol):
    """Where events come from. Sources only read; only the log writes."""

    @property
    def name(self) -> str:
        """A stable name: the same source has the same name tomorrow."""

    @property
    def size(self) -> int | None:
        """Bytes (of a source that is not of files: events) to read in all, for progress bars; None if unknown."""

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield the events after ``checkpoint`` (``{}``: all events), in order, in bounded memory."""

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Decode rejected lines (a frame of `REJECTED`) again, with the mapping that this source has now."""


@runtime_checkable
class FileSource(Protocol):
    """A source of files. A file is read once, whichever path or glob names it."""

    def files(self) -> list[str]:
        """Return the names that its files have in `REJECTED`; an empty list if no file exists."""


class SourceLag(Struct, frozen=True):
    """How far a log is behind its source.

    Args:
        events: events after the checkpoint, those that are held back included; None if unknown.
        seconds: the age of the oldest of them, by the clock of the source; for files, how long they have been
            there. 0 if there are none; None if unknown.
        held: a sentence per reason why events are held back, such as an open transaction before them.
    """

    events: int | None
    seconds: float | None
    held: tuple[str, ...] = ()


@runtime_checkable
class LagSource(Protocol):
    """A source that knows how far a reader is behind it."""

    @property
    def name(self) -> str:
        """See `Source`."""

    def lag(self, checkpoint: Checkpoint) -> SourceLag:
        """Return how far a reader at ``checkpoint`` (``{}``: at the start) is behind."""


class EventLog(Protocol):
    """What a timeline reads: a `Log`, or the test kit's log in memory."""

    @property
    def path(self) -> str:
        """Where the log is; empty for a log in memory."""

    @property
    def identity(self) -> str:
        """A unique id of this log: another log at the same path has another one."""

    @property
    def mark(self) -> str:
        """A fingerprint of the newest commit that was read; compare it with `knows`."""

    def knows(self, mark: str) -> bool | None:
        """Return whether the log still contains the commit of a mark; None if that cannot be decided."""

    @property
    def erasures(self) -> int:
        """How many erasures there were, as last read; nothing that was derived before the last one may be used."""

    def is_from_before_erasure(self, mark: str) -> bool:
        """Return whether events were erased after a mark was made."""

    @property
    def head(self) -> int:
        """The position that the next event will get, which is the number of events."""

    def scan(
        self,
        *,
        types: tuple[str, ...] | None = None,
        upto: int | None = None,
        start: int = 0,
    ) -> pl.LazyFrame:
        """Return events with ``start`` <= position < ``upto``, in order of position."""
