"""Pulling: one batch is written while the next is read."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from eventsource.errors import RejectedLinesError
from eventsource.event import REJECTED, Batch
from eventsource.log._writer import Appended
from eventsource.messages import counted

__all__ = ["Progress", "Pulled", "pull", "refuse_rejects"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is: bytes ``read`` of ``size`` (None: not known), events and rejected lines so far."""

    read: int
    size: int | None
    appended: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did.

    Args:
        appended: events that are new.
        duplicates: events whose id came before; they were dropped.
        conflicts: how many of the duplicates differ from the first; they are kept aside.
        rejected: lines that could not be taken; they are kept aside.
        notes: what a person should know, such as a file that was rewritten.
        head: the position that the next event will get.
        seconds: how long it took.
        reasons: the rejected lines by ``reason`` and ``file``: how many ``lines``, and the ``first`` one's number.
    """

    appended: int
    duplicates: int
    conflicts: int
    rejected: int
    notes: tuple[str, ...]
    head: int
    seconds: float
    reasons: pl.DataFrame = field(repr=False)


def pull(
    batches: Iterable[Batch],
    write: Callable[[Batch], Appended],
    *,
    size: int | None = None,
    head: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Pulled:
    """Write batch after batch, each while the next one is read.

    Args:
        batches: what a source yields.
        write: commits a batch.
        size: bytes there are in all.
        head: the log's head before.
        progress: called after each batch.
    """
    tally = _Tally(size, head, progress)
    with ThreadPoolExecutor(1, thread_name_prefix="eventsource-write") as writer:
        writing: tuple[Batch, Future[Appended]] | None = None
        for batch in batches:
            if writing is not None:
                tally.add(writing[0], writing[1].result())
            writing = batch, writer.submit(write, batch)
        if writing is not None:
            tally.add(writing[0], writing[1].result())
    return tally.pulled()


def refuse_rejects(source: str, batches: Iterable[Batch]) -> None:
    """Read all batches and write nothing.

    Raises:
        RejectedLinesError: any line cannot be taken; names the first few.
    """
    count, shown = 0, pl.DataFrame(schema=REJECTED)
    for batch in batches:
        count += batch.rejected.height
        shown = pl.concat([shown, batch.rejected.head(_SHOWN - shown.height)])
    if count:
        lines = "".join(f"\n  {row['file']}:{row['line']}: {row['reason']}" for row in shown.to_dicts())
        raise RejectedLinesError(
            f"{counted(count, 'line')} of {source} cannot be taken; nothing was committed. The first:{lines}",
            hint="mend them, or pull without --strict: then they are kept aside",
        )


class _Tally:
    """What a pull has done so far."""

    def __init__(self, size: int | None, head: int, progress: Callable[[Progress], None] | None) -> None:
        self._size, self._progress, self._begin = size, progress, time.monotonic()
        self._read = self._appended = self._duplicates = self._conflicts = self._rejected = 0
        self._head = head
        self._notes: list[str] = []
        self._reasons = [_by_reason(pl.DataFrame(schema=REJECTED))]

    def add(self, batch: Batch, appended: Appended) -> None:
        self._read += batch.read
        self._appended += appended.appended
        self._duplicates += appended.duplicates
        self._conflicts += appended.conflicts.height
        self._rejected += batch.rejected.height
        self._head = appended.head
        self._notes += batch.notes
        self._reasons.append(_by_reason(batch.rejected))
        if self._progress is not None:
            self._progress(Progress(self._read, self._size, self._appended, self._rejected))

    def pulled(self) -> Pulled:
        reasons = pl.concat(self._reasons).group_by("reason", "file", maintain_order=True)
        return Pulled(
            appended=self._appended,
            duplicates=self._duplicates,
            conflicts=self._conflicts,
            rejected=self._rejected,
            notes=tuple(self._notes),
            head=self._head,
            seconds=time.monotonic() - self._begin,
            reasons=reasons.agg(pl.col("lines").sum(), pl.col("first").min()),
        )


def _by_reason(rejected: pl.DataFrame) -> pl.DataFrame:
    groups = rejected.group_by("reason", "file", maintain_order=True)
    return groups.agg(pl.len().cast(pl.Int64).alias("lines"), pl.col("line").min().alias("first"))
