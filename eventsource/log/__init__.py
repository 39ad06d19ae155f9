"""The log: a folder (or object-store URL) that holds every event, in order of arrival.

* ``events/`` is the truth: an append-only Delta Lake table of envelopes, payloads verbatim.
* ``rejected/`` keeps every line that could not be taken, with its reason.
* ``index/`` and what else stands there is derived: deleting it changes no answer.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from threading import Lock
from typing import Any, Final

import polars as pl

from eventsource.errors import AppendConflictError, LogError, RejectedLinesError
from eventsource.event import REJECTED, STORED, TIMESTAMP, Batch, Resume, Source, check, from_dicts
from eventsource.log._seen import CONFLICTS, Seen, conflicts
from eventsource.log._table import Table, holds_other_things
from eventsource.moment import Moment, instant, start

__all__ = ["Appended", "Log", "Progress", "Pulled"]

_HEAD: Final = "eventsource:log"
_KEPT: Final = pl.Schema({**REJECTED, "rejected_at": TIMESTAMP})
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did.

    Args:
        appended: events that are new.
        duplicates: events whose id the log held already; they were dropped.
        conflicts: those of the duplicates that differ from the first: ``event_id``, ``position`` of the
            first, ``differs`` (columns). They are kept aside in ``rejected``.
        head: the position that the next event will get.
    """

    appended: int
    duplicates: int
    conflicts: pl.DataFrame
    head: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is: bytes ``read`` of ``size`` (None: not known), events and lines so far."""

    read: int
    size: int | None
    appended: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did.

    Args:
        appended: events that are new.
        duplicates: events whose id the log held already.
        conflicts: how many of the duplicates differ from the first.
        rejected: lines that could not be taken; see `Log.rejected`.
        reasons: ``file``, ``line``, ``reason`` of the first rejected lines.
        notes: what a person should know, such as a file that was rewritten.
        head: the position that the next event will get.
        seconds: how long it took.
    """

    appended: int
    duplicates: int
    conflicts: int
    rejected: int
    reasons: pl.DataFrame = field(repr=False)
    notes: tuple[str, ...]
    head: int
    seconds: float


class Log:
    """A log of events.

    Args:
        path: a folder, or a URL such as ``s3://bucket/log``.
        storage_options: for a URL: keys, region, endpoint, as delta-rs names them (``AWS_ENDPOINT_URL`` …).
        create: whether a log is made by the first append where there is none.

    Raises:
        LogError: there is no log and ``create`` is false, or something else stands there.
    """

    def __init__(
        self, path: str | Path, *, storage_options: Mapping[str, str] | None = None, create: bool = True
    ) -> None:
        self.path = str(path).rstrip("/") or "/"
        self._events = Table(f"{self.path}/events", STORED, storage_options, append_only=True)
        self._rejected = Table(f"{self.path}/rejected", _KEPT, storage_options, append_only=False)
        self._seen = Seen()
        self._keeping = Lock()
        if holds_other_things(self.path):
            raise LogError(f"{self.path} is a folder of other things, not a log", hint="name an empty folder")
        if not create and self._events.open() is None:
            raise LogError(f"there is no log at {self.path}", hint="eventsource pull")

    @property
    def head(self) -> int:
        """How many events the log holds: the position that the next one will get."""
        self._events.open()
        return self._events.version(_HEAD) or 0

    def __len__(self) -> int:
        return self.head

    def append(self, events: Any) -> Appended:
        """Append events; all of them or none.

        Args:
            events: a frame with ``event_id``, ``stream``, ``type``, ``occurred_at`` and optionally
                ``version``, ``recorded_at``, ``data`` (JSON text), ``metadata``; or a list of dicts.

        Raises:
            FrameError: names every fault of the frame; nothing was appended.
            AppendConflictError: other writers were faster, many times; safe to retry.
        """
        if isinstance(events, list):
            events = from_dicts(events)
        frame = check(events if isinstance(events, pl.DataFrame) else pl.DataFrame(events))
        appended = self._commit(frame, {}, source="append")
        self._tidy()
        return appended

    def pull(
        self, source: Source, *, strict: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Pulled:
        """Append what a source has and this log has not.

        The place to resume is committed together with the events: a pull that is killed anywhere goes on where
        it was, and nothing is taken twice.

        Args:
            source: what `eventsource.source` gives.
            strict: fail before anything is committed if any line cannot be taken (reads twice).
            progress: called after each batch.

        Raises:
            RejectedLinesError: strict, and there are such lines.
            AppendConflictError: another pull of the same source is running; safe to retry.
        """
        if strict:
            _refuse(source, source.batches(self.resume(source.name)))
        return self._take(source, source.batches(self.resume(source.name)), progress)

    def retry(self, source: Source, *, strict: bool = False) -> Pulled:
        """Offer the rejected lines of a source to it again, after its mapping was mended."""
        kept = self.rejected()
        mine = kept.filter(pl.col("source") == source.name)
        batch = source.decode(mine.select(REJECTED.names()))
        if strict:
            _refuse(source, iter([batch]))
        pulled = self._take(source, iter([Batch(batch.events, {}, read=batch.read)]), None)
        left = batch.rejected.with_columns(pl.lit(datetime.now(UTC), TIMESTAMP).alias("rejected_at"))
        self._rejected.overwrite(pl.concat([kept.filter(pl.col("source") != source.name), left]))
        return pulled

    def resume(self, source_name: str) -> Resume:
        """Return the place where a pull of a source goes on: what its last batch said."""
        return self._events.pinned(f"eventsource:source:{source_name}:")

    def scan(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        types: str | Collection[str] | None = None,
        streams: str | Collection[str] | None = None,
        upto: int | None = None,
        start: int = 0,
    ) -> pl.LazyFrame:
        """Return events as a lazy frame of `STORED`, in order of position; later appends do not change it.

        Args:
            since: only ``occurred_at`` from this moment on, inclusive; a date from its midnight (UTC).
            until: only ``occurred_at`` up to this moment, inclusive; a date to its end (UTC).
            types: only these event types.
            streams: only these streams.
            upto: only positions < ``upto``.
            start: only positions >= ``start``.
        """
        frame = self._read(start, upto)
        for condition in _conditions(since, until, types, streams):
            frame = frame.filter(condition)
        if start > 0:
            frame = frame.filter(pl.col("position") >= start)
        return frame if upto is None else frame.filter(pl.col("position") < upto)

    def rejected(self) -> pl.DataFrame:
        """Return the lines that could not be taken: `REJECTED` and ``rejected_at``, in order of file and line."""
        if self._rejected.open() is None:
            return pl.DataFrame(schema=_KEPT)
        kept = self._rejected.scan(self._rejected.files()["path"].to_list()).collect()
        once = kept.unique(REJECTED.names(), keep="first", maintain_order=True)
        return once.sort("rejected_at", "file", "line", maintain_order=True)

    def clear_rejected(self, source_name: str | None = None) -> int:
        """Forget the rejected lines, of one source or all; return how many there were."""
        kept = self.rejected()
        left = kept.clear() if source_name is None else kept.filter(pl.col("source") != source_name)
        if kept.height > left.height:
            self._rejected.overwrite(left)
        return kept.height - left.height

    def __repr__(self) -> str:
        return f"<Log {self.path!r}: {self.head:,} events{_span(self._events.files())}>"

    def _repr_html_(self) -> str:
        rejected = f", {self.rejected().height:,} rejected lines" if self._rejected.exists() else ""
        about = f"{self.head:,} events{_span(self._events.files())}{rejected}"
        return f"<div><b>Log</b> <code>{escape(self.path)}</code>: {escape(about)}</div>"

    def _tidy(self) -> None:
        """Compact the files, if there are many small ones; whoever is in the way comes first."""
        with suppress(AppendConflictError):
            self._events.open()
            self._events.compact("position")

    def _take(self, source: Source, batches: Any, progress: Callable[[Progress], None] | None) -> Pulled:
        """Commit batch after batch; while one is written, the next is read."""
        begin = time.monotonic()
        tally = _Tally(source)
        writing: Future[Appended] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="eventsource-write") as writer:
            for batch in batches:
                if writing is not None:
                    tally.wrote(writing.result(), progress)
                tally.read_batch(batch)
                self._keep(batch.rejected)  # first: a crash in between rejects twice, which is told once
                writing = writer.submit(self._commit, batch.events, batch.resume, source=source.name)
            if writing is not None:
                tally.wrote(writing.result(), progress)
        self._tidy()
        return tally.pulled(self.head, time.monotonic() - begin)

    def _commit(self, events: pl.DataFrame, resume: Mapping[str, int], *, source: str) -> Appended:
        """Append what is new, with the place to resume after it, in one commit."""
        names = {key: f"eventsource:source:{source}:{key}" for key in resume}
        before = {key: self._events.version(name) for key, name in names.items()} if resume else {}
        for attempt in range(_ATTEMPTS):
            self._events.open()
            if attempt and any(self._events.version(names[key]) != version for key, version in before.items()):
                raise AppendConflictError(f"another pull of {source} is running", hint="try again when it is done")
            new, duplicates, differing = self._new(events)
            head = self._seen.upto
            moved = {names[key]: version for key, version in resume.items() if before[key] != version}
            if new.is_empty() and not moved:
                break
            try:
                self._keep(_as_rejected(differing, source))
                rows = new.with_columns(pl.int_range(head, head + new.height, dtype=pl.Int64).alias("position"))
                self._events.append(rows, {_HEAD: head + new.height, **moved})
            except AppendConflictError:
                time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))  # noqa: S311 - back-off, not a secret
                continue
            break
        else:
            raise AppendConflictError(
                f"{self.path}: other writers were faster {_ATTEMPTS} times", hint="try again"
            )
        return Appended(new.height, duplicates, differing, head + new.height)

    def _new(self, events: pl.DataFrame) -> tuple[pl.DataFrame, int, pl.DataFrame]:
        """Return the events that the log lacks, how many it has, and those that differ from theirs."""
        self._catch_up()
        fresh = events
        if events["event_id"].n_unique() < events.height:
            fresh = events.unique("event_id", keep="first", maintain_order=True)
        suspects = fresh.filter(self._seen.maybe(fresh["event_id"]))
        first = self._stored(suspects["event_id"])
        new = fresh.join(first, on="event_id", how="anti", maintain_order="left") if first.height else fresh
        duplicates = events.height - new.height
        if not duplicates:
            return new, 0, pl.DataFrame(schema=CONFLICTS)
        place = pl.int_range(self._seen.upto, self._seen.upto + new.height, dtype=pl.Int64).alias("position")
        standing = pl.concat([first, new.with_columns(place).select(STORED.names())])
        return new, duplicates, conflicts(events, standing)

    def _stored(self, event_ids: pl.Series) -> pl.DataFrame:
        if event_ids.is_empty():
            return pl.DataFrame(schema=STORED)
        stored = self._read(0, None)
        return stored.join(event_ids.to_frame().lazy(), on="event_id", how="semi").collect()

    def _catch_up(self) -> None:
        """Take in the ids of events that the log got since the last look, ours or another writer's."""
        head = self._events.version(_HEAD) or 0
        if self._seen.upto < head:
            tail = self._read(self._seen.upto, head)
            mine = (pl.col("position") >= self._seen.upto) & (pl.col("position") < head)
            for chunk in tail.filter(mine).select("event_id").collect_batches(maintain_order=True):
                self._seen.add(chunk.to_series())

    def _keep(self, rejected: pl.DataFrame) -> None:
        """Keep lines aside, unless the same lines are there already."""
        if rejected.is_empty():
            return
        with self._keeping:
            new = rejected.join(self.rejected(), on=REJECTED.names(), how="anti", nulls_equal=True)
            if new.height:
                now = pl.lit(datetime.now(UTC), TIMESTAMP).alias("rejected_at")
                self._rejected.append(new.with_columns(now), {})

    def _read(self, start: int, upto: int | None) -> pl.LazyFrame:
        """Return the rows of the files that may hold some positions, in order of position."""
        files = self._events.files() if self._events.open() is not None else pl.DataFrame()
        if "min.position" not in files.columns:
            return self._events.scan([])
        first, last = pl.col("min.position"), pl.col("max.position")
        wanted = files.filter(last >= start) if upto is None else files.filter((last >= start) & (first < upto))
        return self._events.in_order(wanted, "position")


class _Tally:
    """What a pull has done so far."""

    def __init__(self, source: Source) -> None:
        self._size = source.size
        self._read = self._pending = self._appended = self._duplicates = self._conflicts = 0
        self._rejected: list[pl.DataFrame] = []
        self._notes: list[str] = []

    def read_batch(self, batch: Batch) -> None:
        self._pending += batch.read
        self._notes += batch.notes
        self._rejected.append(batch.rejected.select("file", "line", "reason"))

    def wrote(self, appended: Appended, progress: Callable[[Progress], None] | None) -> None:
        self._read, self._pending = self._read + self._pending, 0
        self._appended += appended.appended
        self._duplicates += appended.duplicates
        self._conflicts += appended.conflicts.height
        if progress is not None:
            progress(Progress(self._read, self._size, self._appended, sum(r.height for r in self._rejected)))

    def pulled(self, head: int, seconds: float) -> Pulled:
        nothing = pl.DataFrame(schema=REJECTED).select("file", "line", "reason")
        reasons = pl.concat([nothing, *self._rejected])
        return Pulled(
            self._appended,
            self._duplicates,
            self._conflicts,
            reasons.height,
            reasons,
            tuple(self._notes),
            head,
            seconds,
        )


def _refuse(source: Source, batches: Iterator[Batch]) -> None:
    """Read everything; raise if any line cannot be taken."""
    bad = pl.concat([pl.DataFrame(schema=REJECTED), *(batch.rejected for batch in batches)])
    if bad.height:
        shown = "\n  ".join(f"{row['file']}:{row['line']}: {row['reason']}" for row in bad.head(5).to_dicts())
        raise RejectedLinesError(
            f"{bad.height:,} lines of {source.name} cannot be taken; nothing was committed:\n  {shown}",
            hint="mend them, or pull without --strict: they are kept aside",
        )


def _as_rejected(differing: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return conflicts as lines kept aside."""
    reason = pl.format(
        "conflict: event_id '{}' differs from the event at position {} in {}",
        pl.col("event_id"),
        pl.col("position"),
        pl.col("differs"),
    )
    return differing.select(
        pl.lit(source).alias("source"),
        pl.lit(None, pl.String).alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        reason.alias("reason"),
        "raw",
    )


def _conditions(
    since: Moment | None,
    until: Moment | None,
    types: str | Collection[str] | None,
    streams: str | Collection[str] | None,
) -> list[pl.Expr]:
    conditions = []
    if since is not None:
        conditions.append(pl.col("occurred_at") >= start(since))
    if until is not None:
        conditions.append(pl.col("occurred_at") <= instant(until))
    for column, names in (("type", types), ("stream", streams)):
        if names is not None:
            wanted = [names] if isinstance(names, str) else list(names)
            conditions.append(pl.col(column).is_in(pl.Series(wanted, dtype=pl.String).implode()))
    return conditions


def _span(files: pl.DataFrame) -> str:
    """Return the time that a log spans, from the statistics of its files."""
    if "min.occurred_at" not in files.columns or files["min.occurred_at"].null_count() == files.height:
        return ""
    first, last = files["min.occurred_at"].min(), files["max.occurred_at"].max()
    return (
        f" from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        if isinstance(first, datetime) and isinstance(last, datetime)
        else ""
    )
