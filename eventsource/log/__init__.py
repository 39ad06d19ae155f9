"""The log: a folder, or an object-store URL, that holds every event in order of arrival.

* ``events/`` is the truth: an append-only Delta Lake table of envelopes, payloads verbatim. Every commit holds
  a whole batch, together with the place where its source goes on. Other tools may read it; rewriting it
  (``OPTIMIZE``) is the log's own business.
* ``rejected/`` keeps every line that could not be taken, with its reason.
* ``index/`` and ``snapshots/`` are derived: deleting them changes no answer.

On Amazon S3 and its like two writers are kept apart by conditional puts (``If-None-Match``), which delta-rs uses
by itself; a store without them needs a lock, as delta-rs describes for ``AWS_S3_LOCKING_PROVIDER``.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from eventsource.errors import LogError, SourceError
from eventsource.event import REJECTED, STORED, Batch, FileSource, Source, check_events, events_from_dicts
from eventsource.log._conflicts import CONFLICT
from eventsource.log._files import STATISTICS, in_order, span
from eventsource.log._pull import Progress, Pulled, pull, refuse_rejects
from eventsource.log._rejects import KEPT, Rejects
from eventsource.log._resume import Place
from eventsource.log._table import Table
from eventsource.log._writer import GUARD, Appended, Writer
from eventsource.messages import counted
from eventsource.moment import Moment, first_instant, last_instant

__all__ = ["Appended", "Log", "Progress", "Pulled", "refuse_rejects"]

_PARTS = frozenset({"events", "rejected", "index", "snapshots"})
_NO_PATH = re.compile(r"[\x00-\x1f\[\]\\^|]|%[0-9A-Fa-f]{2}")
_EVENTS = {"delta.appendOnly": "true", "delta.dataSkippingStatsColumns": ",".join(STATISTICS)}
_REJECTED = {"delta.dataSkippingStatsColumns": "line"}


class Log:
    """A log of events.

    Args:
        path: a folder, or a URL such as ``s3://bucket/log``.
        storage_options: for a URL: keys, region, endpoint, as delta-rs names them, such as ``AWS_ENDPOINT_URL``;
            what is not given comes from the environment.
        create: whether the first append may make the log where there is none.

    Raises:
        LogError: something else stands there; or there is no log, and ``create`` is false.
    """

    def __init__(
        self, path: str | Path, *, storage_options: Mapping[str, str] | None = None, create: bool = True
    ) -> None:
        self.path, self._base = _located(path)
        self._options = storage_options
        self._events = self._events_table()
        self._rejects = Rejects(Table(f"{self._base}/rejected", KEPT, storage_options, _REJECTED))
        self._writer = Writer(self._events_table(), self._rejects)
        if "://" not in self._base:
            _check_folder(Path(self._base))
        if not self._events.refresh() and not create:
            raise LogError(f"there is no log at {self.path}", hint="eventsource init, then eventsource pull")

    @property
    def head(self) -> int:
        """The position that the next event will get, which is the number of events."""
        self._events.refresh()
        return self._events.number(GUARD) or 0

    @property
    def identity(self) -> str:
        """What tells this log from any other that ever stood at its path: caches of its events go by it."""
        if not self._events.identity():
            self._events.refresh()
        return self._events.identity()

    @property
    def mark(self) -> str:
        """What stands for the events as last seen, for `knows`; it begins with `identity`."""
        return self._events.mark()

    def knows(self, mark: str) -> bool | None:
        """Say whether this log, as last seen, goes on from one that had a mark: has its events, and perhaps more.

        A log that was put back from a backup and then went another way does not know the marks of its lost events.

        Returns:
            None: nothing tells any more, since Delta cleaned up so old a commit.
        """
        return self._events.knows(mark)

    def __len__(self) -> int:
        return self.head

    def append(self, events: Any, *, strict: bool = False) -> Appended:
        """Append events, all that are new or none.

        Args:
            events: a frame (Polars, pandas, Arrow) with ``event_id``, ``stream``, ``type``, ``occurred_at`` and
                optionally ``version``, ``recorded_at``, ``data`` (JSON text), ``metadata``; or a list of dicts.
            strict: fail if an event differs from the first of its id, instead of keeping it aside.

        Raises:
            FrameError: names every fault of the frame; nothing was appended.
            AppendConflictError: other writers were faster, many times; safe to do again.
            LogError: what the storage says, such as a full disk; nothing was appended.
        """
        events = events_from_dicts(events) if isinstance(events, list) else events
        frame = check_events(events if isinstance(events, pl.DataFrame) else pl.DataFrame(events))
        appended = self._writer.commit(Batch(frame, {}), "append", None, strict=strict)
        self._writer.tidy()
        return appended

    def pull(
        self, source: Source, *, strict: bool = False, progress: Callable[[Progress], None] | None = None
    ) -> Pulled:
        """Append what a source has and this log has not, batch by batch.

        The checkpoint is committed together with the events: a pull that dies anywhere goes on where it
        was, and nothing is taken twice or left out.

        Args:
            source: what `eventsource.source` gives.
            strict: fail before anything is committed if any line cannot be taken; reads everything twice.
            progress: called after each batch.

        Raises:
            RejectedLinesError: strict, and there are such lines.
            AppendConflictError: another pull of this source is running, or other writers were faster many times.
                What was committed stands; safe to do again.
            LogError: what the storage says, such as a full disk; whole batches were committed.
        """
        _check_source(source)
        if strict:
            refuse_rejects(source.name, source.batches(self.checkpoint(source)))
        place = self.checkpoint(source)
        pulled = pull(
            source.batches(place),
            lambda batch: self._writer.commit(batch, source.name, place),
            size=source.size,
            head=self.head,
            progress=progress,
        )
        self._writer.tidy()
        return pulled

    def retry(self, source: Source, *, strict: bool = False) -> Pulled:
        """Offer the rejected lines of a source to it again, after its mapping was mended.

        What can be taken now is appended and forgotten in `rejected`; what cannot stays, under its new reason.
        Events that conflict with the first of their id are not offered: no mapping mends them.

        Args:
            source: the source, with today's mapping.
            strict: fail before anything is committed if any of the lines still cannot be taken.

        Raises:
            RejectedLinesError: strict, and there are such lines.
            LogError: as of `pull`.
        """
        _check_source(source)
        lines = self.rejected().filter(_of(source))
        offered = lines.filter(~pl.col("reason").str.starts_with(CONFLICT)).select(REJECTED.names())
        batch = source.decode(offered)
        if strict:
            refuse_rejects(source.name, [batch])
        pulled = pull(
            [replace(batch, checkpoint={})],
            lambda decoded: self._writer.commit(decoded, source.name, None),
            size=source.size,
            head=self.head,
        )
        # After the events: if this does not come to pass, the lines stay listed, and are duplicates next time.
        self._rejects.change(offered, batch.rejected)
        return pulled

    def checkpoint(self, source: Source | str) -> Place:
        """Return where a pull of a source (or its name) goes on: ``get(key)`` gives the numbers of its last batch.

        A file has one place, by whatever path, glob or folder it is pulled.
        """
        events = self._events_table()
        events.refresh()
        name = source if isinstance(source, str) else source.name
        return Place(events, name, of_files=isinstance(source, FileSource))

    resume = checkpoint  # the former name

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

        After another tool put the files of ``events/`` together (Delta's ``OPTIMIZE``), the rows of a file may
        stand in any order: sort by ``position`` where it matters. No answer of a timeline depends on it.

        Args:
            since: only ``occurred_at`` from this moment on, inclusive; a date from its midnight (UTC).
            until: only ``occurred_at`` up to this moment, inclusive; a date to its end (UTC).
            types: only these event types.
            streams: only these streams.
            upto: only positions < ``upto``.
            start: only positions >= ``start``.

        Raises:
            MomentError: ``since`` or ``until`` is no moment.
        """
        self._events.refresh()
        frame = in_order(self._events, start, upto)
        if since is not None:
            frame = frame.filter(pl.col("occurred_at") >= first_instant(since))
        if until is not None:
            frame = frame.filter(pl.col("occurred_at") <= last_instant(until))
        for column, names in (("type", types), ("stream", streams)):
            if names is not None:
                wanted = pl.Series([names] if isinstance(names, str) else list(names), dtype=pl.String)
                frame = frame.filter(pl.col(column).is_in(wanted.implode()))
        return frame

    def rejected(self) -> pl.DataFrame:
        """Return the lines that could not be taken: `REJECTED` and ``rejected_at``, sorted by that, file, line."""
        return self._rejects.lines()

    def clear_rejected(self, source: Source | str | None = None) -> int:
        """Forget the rejected lines of one source (or its name), or all; return how many there were."""
        gone = self.rejected().select(REJECTED.names())
        if source is not None:
            gone = gone.filter(_of(source))
        self._rejects.change(gone, gone.clear())
        return gone.height

    def __repr__(self) -> str:
        return f"<Log {self.path!r}: {self._about()}>"

    def _repr_html_(self) -> str:
        return f"<div><b>Log</b> <code>{escape(self.path)}</code>: {escape(self._about())}</div>"

    def _about(self) -> str:
        """Say what is in the log, from what the tables know without reading a row."""
        head, rejected = self.head, len(self._rejects)
        times = span(self._events.files())
        about = counted(head, "event")
        about += f" from {times[0]:%Y-%m-%d} to {times[1]:%Y-%m-%d}" if times else ""
        return about + (f", {counted(rejected, 'rejected line')}" if rejected else "")

    def _events_table(self) -> Table:
        return Table(f"{self._base}/events", STORED, self._options, _EVENTS)


def _located(path: str | Path) -> tuple[str, str]:
    """Return how a log is called, and where it is, whatever the working directory will be."""
    text = str(path).removeprefix("file://")
    if "://" in text:
        return text.rstrip("/"), text.rstrip("/")
    folder = Path(text).expanduser()
    absolute = folder.absolute().as_posix()
    if found := _NO_PATH.search(absolute):
        raise LogError(f"{folder}: Delta Lake takes no path with {found[0]!r}", hint="name another folder")
    return str(folder), absolute


def _check_source(source: Any) -> None:
    if isinstance(source, str | Path):
        raise SourceError(f"{str(source)!r} is a path, not a source", hint=f"es.source({str(source)!r})")
    if not isinstance(source, Source):
        raise SourceError(f"{source!r} is no source", hint='es.source("data/raw")')


def _of(source: Source | str) -> pl.Expr:
    """Return which rejected lines are those of a source: of its name, or of any of its files."""
    if isinstance(source, str):
        return pl.col("source") == source
    files = source.files() if isinstance(source, FileSource) else []
    return (pl.col("source") == source.name) | pl.col("file").is_in(files).fill_null(value=False)


def _check_folder(folder: Path) -> None:
    """See that a folder is a log, or may become one: absent, empty, or with parts of a log only."""
    if not folder.exists():
        return
    try:
        names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
        events = {path.name for path in (folder / "events").iterdir()} if "events" in names else set()
    except OSError as error:
        raise LogError(f"{folder} is no log: {error.strerror}", hint="name a folder") from error
    if (names and not names & _PARTS) or (events and "_delta_log" not in events):
        raise LogError(f"{folder} holds other things, it is no log", hint="name another folder, or an empty one")
