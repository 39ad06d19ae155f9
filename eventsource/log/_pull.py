"""Pulling: one batch is committed while the next is read."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from inspect import getattr_static
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.errors import RejectedLinesError, SourceError
from eventsource.event import REJECTED, Batch
from eventsource.log._conflicts import conflict_reasons
from eventsource.log._rejected import CAUSE
from eventsource.log._writer import Appended
from eventsource.messages import counted

__all__ = ["PullProgress", "Pulled", "check_source", "pull_batches", "refuse_rejected_lines"]

_SHOWN = 5


class PullProgress(Struct, frozen=True):
    """How far a pull is: bytes ``read`` of ``size`` (None: unknown), events and rejected lines so far."""

    read: int
    size: int | None
    appended: int
    rejected: int


_MEMBERS: Final = ("name", "size", "batches", "decode")
"""What a source has."""
_ABSENT: Final = object()
_IDENTITY: Final = ("event_id", "type", "occurred_at", "data")
_FEW: Final = 20
"""Events below which their ids are not judged."""
_REASONS: Final = ("reason", "file", "lines", "first")


@dataclass(frozen=True, slots=True)  # not a Struct: Polars makes frames of lists of dataclasses
class Pulled:
    """What a pull did.

    Args:
        appended: events that are new.
        duplicates: events whose id was in the log already; they were dropped.
        conflicts: how many of the duplicates differ from the first event; they are rejected.
        rejected: lines that could not be read, without the conflicts.
        notes: sentences for the user, such as that a file was rewritten.
        head: the position that the next event will get.
        seconds: how long it took.
        reasons: the rejected lines and the conflicts by cause and ``file``: the ``reason`` of the first one, how
            many ``lines``, the number of the ``first``. A cause is a reason without the values that it shows.
    """

    appended: int
    duplicates: int
    conflicts: int
    rejected: int
    notes: tuple[str, ...]
    head: int
    seconds: float
    reasons: pl.DataFrame

    def __repr__(self) -> str:
        found = [f"{counted(self.appended, 'event')} appended"]
        counts = (("duplicate", self.duplicates), ("conflict", self.conflicts), ("rejected line", self.rejected))
        found += [counted(count, name) for name, count in counts if count]
        return f"<Pulled: {', '.join(found)} in {self.seconds:.1f} s; the log holds {self.head:,}>"


def pull_batches(
    batches: Iterable[Batch],
    commit: Callable[[Batch], Appended],
    *,
    size: int | None = None,
    head: int = 0,
    progress: Callable[[PullProgress], None] | None = None,
) -> Pulled:
    """Commit batch after batch, each in a thread while the next one is read.

    Args:
        batches: what a source yields.
        commit: commits a batch.
        size: bytes to read in all.
        head: the log's head before.
        progress: called after each commit.
    """
    totals = _Totals(size, head, progress)
    with ThreadPoolExecutor(1, thread_name_prefix="eventsource-write") as writer:
        pending: tuple[Batch, Future[Appended]] | None = None
        for batch in batches:
            if pending is not None:
                totals.add(pending[0], pending[1].result())
            pending = batch, writer.submit(commit, batch)
        if pending is not None:
            totals.add(pending[0], pending[1].result())
    return totals.pulled()


def check_source(source: Any) -> None:
    """Raise a `SourceError` if something else than a source was given, such as a path."""
    if isinstance(source, str | Path):
        raise SourceError(f"expected a source, got the path {str(source)!r}", hint=f"es.source({str(source)!r})")
    # `isinstance` would ask for the size of the source, and so for all of its files.
    if any(getattr_static(source, member, _ABSENT) is _ABSENT for member in _MEMBERS):
        raise SourceError(f"expected a source, got {source!r}", hint='es.source("data/raw")')


def refuse_rejected_lines(source: str, batches: Iterable[Batch]) -> None:
    """Read all batches, and commit nothing.

    Raises:
        RejectedLinesError: a line was rejected; the message names the first few.
    """
    count, shown = 0, pl.DataFrame(schema=REJECTED)
    for batch in batches:
        count += batch.rejected.height
        shown = pl.concat([shown, batch.rejected.head(_SHOWN - shown.height)])
    if count:
        lines = "".join(f"\n  {row['file']}:{row['line']}: {row['reason']}" for row in shown.to_dicts())
        raise RejectedLinesError(
            f"{counted(count, 'line')} of {source} cannot be decoded; nothing was committed. The first:{lines}",
            hint="correct the lines, or pull without --strict: then the log keeps them as rejected lines",
        )


def check_first_ids(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield batches; refuse the first one with events if its ids are those of something else than events.

    Ids of customers are an example: many different lines then share an id, and only the first of them would be
    appended.

    Raises:
        SourceError: each id has at least two different events on average, and there are at least 20 of them.
    """
    is_first = True
    for batch in batches:
        if is_first and batch.events.height and set(_IDENTITY) <= set(batch.events.columns):
            is_first = False
            ids = batch.events["event_id"].n_unique()
            most = max(_FEW, 2 * ids)
            different = (
                batch.events.select(pl.struct(_IDENTITY).n_unique()).item() if batch.events.height >= most else 0
            )
            if different >= most:
                raise SourceError(
                    f"{different:,} different events have only {counted(ids, 'id')}; nothing was committed",
                    hint="name more members as event_id (--event-id ID --event-id TYPE), or --event-id @line; "
                    "to keep the first event of each id: --allow-repeated-ids",
                )
        yield batch


class _Totals:
    """Adds up what the commits of a pull did."""

    def __init__(self, size: int | None, head: int, progress: Callable[[PullProgress], None] | None) -> None:
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
        conflicts = appended.conflicts
        self._reasons.append(
            _by_reason(conflicts.select("file", "line").with_columns(conflict_reasons(conflicts)))
        )
        if self._progress is not None:
            self._progress(PullProgress(self._read, self._size, self._appended, self._rejected))

    def pulled(self) -> Pulled:
        reasons = pl.concat(self._reasons).group_by(CAUSE, "file", maintain_order=True)
        return Pulled(
            appended=self._appended,
            duplicates=self._duplicates,
            conflicts=self._conflicts,
            rejected=self._rejected,
            notes=tuple(self._notes),
            head=self._head,
            seconds=time.monotonic() - self._begin,
            reasons=reasons.agg(pl.col("reason", "first").first(), pl.col("lines").sum()).select(_REASONS),
        )


def _by_reason(rejected: pl.DataFrame) -> pl.DataFrame:
    groups = rejected.group_by(CAUSE, "file", maintain_order=True)
    lines = groups.agg(
        pl.col("reason").first(), pl.len().cast(pl.Int64).alias("lines"), pl.col("line").min().alias("first")
    )
    return lines.select(_REASONS)
