"""The log: a folder, or an object-store URL, that holds every event in order of arrival.

* ``events/`` is the truth: an append-only Delta Lake table of envelopes, payloads verbatim. Other tools may read
  it. Rewriting it (Delta's ``OPTIMIZE``) is the log's own business.
* ``rejected/`` is the dead-letter store: every line that could not be decoded, with its reason.
* ``erasures/`` has a receipt of each erasure.
* ``index/`` and ``snapshots/`` are derived: deleting them changes no answer.
* ``locks/`` has empty files: the queue of writers.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from eventsource.corrections import Corrections, corrected_events
from eventsource.errors import LogError
from eventsource.event import STORED, FileSource, LagSource, Source, SourceLag
from eventsource.lazy_names import lazy_names
from eventsource.log._checkpoint import LogCheckpoint
from eventsource.log._files import (
    ERASURES,
    HEAD,
    STATISTICS,
    DataFile,
    data_files,
    occurred_at_range,
    scan_in_order,
)
from eventsource.log._location import check_folder, locate
from eventsource.log._pins import PINS, Pin, pin_of, read_pins, write_pins
from eventsource.log._rejected import CAUSE, DATED, RejectedLines
from eventsource.log._sweep import Tidied
from eventsource.log._table import Table
from eventsource.messages import counted
from eventsource.moment import Moment, first_instant, last_instant
from eventsource.redaction import without_secrets

if TYPE_CHECKING:  # what changes a log is imported when it is first used
    from eventsource.log._changes import Changes
    from eventsource.log._conflicts import CONFLICT_REASON
    from eventsource.log._correct import (
        Correction,
        CorrectionRequest,
        propose_corrections,
        read_correction_requests,
    )
    from eventsource.log._erasure_records import Erasure
    from eventsource.log._pull import Pulled, PullProgress, refuse_rejected_lines
    from eventsource.log._writer import Appended

__all__ = [
    "CAUSE",
    "CONFLICT_REASON",
    "PINS",
    "Appended",
    "Correction",
    "CorrectionRequest",
    "DataFile",
    "Erasure",
    "Log",
    "Pin",
    "PullProgress",
    "Pulled",
    "Tidied",
    "propose_corrections",
    "read_correction_requests",
    "read_pins",
    "refuse_rejected_lines",
    "write_pins",
]

_HOMES: Final = {
    "CONFLICT_REASON": "_conflicts",
    "Appended": "_writer",
    "Correction": "_correct",
    "CorrectionRequest": "_correct",
    "Erasure": "_erasure_records",
    "PullProgress": "_pull",
    "Pulled": "_pull",
    "propose_corrections": "_correct",
    "read_correction_requests": "_correct",
    "refuse_rejected_lines": "_pull",
}

if not TYPE_CHECKING:  # a type checker reads the imports above
    __getattr__, __dir__ = lazy_names(globals(), _HOMES)

_EVENTS = {"delta.appendOnly": "true", "delta.dataSkippingStatsColumns": ",".join(STATISTICS)}
_REJECTED = {"delta.dataSkippingStatsColumns": "line"}


class Log:
    """A log of events.

    Args:
        path: a folder, or a URL such as ``s3://bucket/log``.
        storage_options: for a URL: keys, region, endpoint, as delta-rs names them, such as ``AWS_ENDPOINT_URL``;
            what is not given comes from the environment.
        create: whether the first append may create the log if it does not exist.

    Raises:
        LogError: the path holds something else; or no log exists, and ``create`` is false.
    """

    def __init__(
        self, path: str | Path, *, storage_options: Mapping[str, str] | None = None, create: bool = True
    ) -> None:
        self.path, self._base = locate(path)
        self._options = storage_options
        self._events = self._events_table()
        self._rejected = RejectedLines(Table(f"{self._base}/rejected", DATED, storage_options, _REJECTED))
        if "://" not in self._base:
            check_folder(Path(self._base))
        if not self._events.refresh() and not create:
            raise LogError(f"the log {self.path} does not exist", hint="eventsource init, then eventsource pull")
        self.pin = pin_of(self._base, self._newest_head)
        """Where this process may read the log up to; None: to its end. Reports pin logs: see `Pin`."""

    @property
    def head(self) -> int:
        """The position that the next event will get, which is the number of events; at most that of a pin."""
        newest = self._newest_head()
        return newest if self.pin is None else min(newest, self.pin.position)

    @property
    def identity(self) -> str:
        """The unique id of this log: another log at the same path has another one."""
        return self._events.version.identity or self._events.refresh().identity

    @property
    def mark(self) -> str:
        """Fingerprint of the newest commit that was read; it begins with `identity`. Compare it with `knows`."""
        version = self._events.version
        erasures = version.transaction_version(ERASURES)
        return f"{version.mark} {erasures}" if erasures else version.mark

    @property
    def erasures(self) -> int:
        """How many erasures there were, as last read; `erasure_receipts` lists them."""
        return self._events.version.transaction_version(ERASURES) or 0

    def is_from_before_erasure(self, mark: str) -> bool:
        """Return whether events were erased after a mark was made, as far as this log was read."""
        *_, erasures = ["0", *mark.split(" ")[3:]]
        return bool(mark) and erasures.isdecimal() and int(erasures) < self.erasures

    def knows(self, mark: str) -> bool | None:
        """Return whether this log, as last read, still contains the commit of a mark.

        It does not if the log was restored from a backup that was made before that commit.

        Returns:
            None if it cannot be decided, because Delta has cleaned up the commit.
        """
        return self._events.version.contains(mark)

    def __len__(self) -> int:
        return self.head

    def append(self, events: Any, *, strict: bool = False) -> "Appended":
        """Append all events that are new, in one commit.

        Args:
            events: a frame (Polars, pandas, Arrow) with ``event_id``, ``stream``, ``type``, ``occurred_at`` and
                optionally ``version``, ``recorded_at``, ``data`` (JSON text), ``metadata``; or a list of dicts.
            strict: fail if an event differs from the first event of its id, instead of rejecting it.

        Raises:
            FrameError: names every fault of the frame; nothing was appended.
            AppendConflictError: other writers committed first, many times; it is safe to try again.
            LogError: the storage fails, for example because the disk is full; nothing was appended.
        """
        return self._changes.append(events, strict=strict)

    def correct(
        self,
        event_id: str,
        *,
        data: Mapping[str, Any] | str | None = None,
        type: str | None = None,  # noqa: A002 - the envelope's own word
        occurred_at: Moment | None = None,
        reason: str = "",
    ) -> "Correction":
        """Append a ``$corrected`` event: from its position on, an event is read with these parts replaced.

        It replaces parts of the event as it arrived. So a second correction must repeat what is still right of the
        first one. A correction without parts restores the event as it arrived. Nothing is appended if the event
        already reads like that.

        Args:
            event_id: the id of the event.
            data: its payload as a whole: a dict, or the text of a JSON object.
            type: its type.
            occurred_at: when it was true; a date means its midnight (UTC).
            reason: why; `Timeline.explain` and `Timeline.replay` show it.

        Raises:
            LogError: the log has no such event, or it is a correction itself.
            FrameError: a part is not what an event can have.
        """
        parts = {"data": data, "type": type, "occurred_at": occurred_at}
        return self.correct_all([{"event_id": event_id, **parts, "reason": reason}])[0]

    def retract(self, event_id: str, *, reason: str = "") -> "Correction":
        """Append a ``$retracted`` event: from its position on, an event is read as if it had never been.

        A later `correct` brings it back. For errors see `correct`.
        """
        return self.correct_all([{"event_id": event_id, "retract": True, "reason": reason}])[0]

    def correct_all(self, corrections: "Iterable[CorrectionRequest] | str | Path") -> "list[Correction]":
        """Append several corrections, all or nothing.

        Args:
            corrections: dicts with ``event_id``, any of ``data``, ``type``, ``occurred_at``, or ``retract``
                (true), and ``reason``; or the path of a file of them: JSON Lines, or CSV with these columns.

        Raises:
            LogError, FrameError: see `correct`; nothing was appended.
        """
        return self._changes.correct(self, corrections)

    def corrections(self, *, upto: int | None = None) -> pl.DataFrame:
        """Return all corrections, and whether they have an effect, in order of position.

        Returns:
            ``position``, ``event_id``, ``type``, ``recorded_at``, ``target_id``, ``target`` (the position of the
            event that it corrects), ``reason``, ``problem`` (why it has no effect; null: it has one).
        """
        table = Corrections.of(self, upto=upto).table
        return table.select(pl.exclude("new_data", "new_type", "new_occurred_at"))

    def pull(
        self,
        source: Source,
        *,
        strict: bool = False,
        again: bool = False,
        allow_repeated_ids: bool = False,
        progress: "Callable[[PullProgress], None] | None" = None,
    ) -> "Pulled":
        """Append the events of a source that come after its checkpoint, batch by batch.

        The checkpoint is committed together with the events. A pull that is interrupted resumes there, and appends
        every event exactly once.

        Args:
            source: what `eventsource.source` returns.
            strict: fail before anything is committed if any line would be rejected; this reads everything twice.
            again: read the source from its start, such as with a corrected mapping. Events that the log already
                has stay as they are; lines with the same ids that differ from them are conflicts.
            allow_repeated_ids: append the first event of each id even if the first batch has many different events
                with few ids, so that something else seems to be mapped as their id.
            progress: called after each batch.

        Raises:
            RejectedLinesError: ``strict``, and a line would be rejected.
            SourceError: the ids seem to be those of something else than events; nothing was committed.
            AppendConflictError: another pull of this source is running, or other writers committed first many
                times. Committed batches remain; it is safe to pull again.
            LogError: the storage fails, for example because the disk is full; committed batches remain.
        """
        how = {"strict": strict, "again": again, "allow_repeated_ids": allow_repeated_ids}
        return self._changes.pull(self, source, progress, **how)

    def retry(self, source: Source, *, strict: bool = False) -> "Pulled":
        """Decode the rejected lines of a source again, after its mapping was corrected.

        Lines that decode now are appended and leave `rejected`. The others remain, with their new reason.
        Conflicts are not tried again, as no mapping resolves them.

        Args:
            source: the source, with the corrected mapping.
            strict: fail before anything is committed if any line is still rejected.

        Raises:
            RejectedLinesError: ``strict``, and a line is still rejected.
            LogError: see `pull`.
        """
        return self._changes.retry(self, source, strict=strict)

    def erase(
        self,
        *,
        stream: str | Collection[str] | None = None,
        event_ids: str | Collection[str] | None = None,
        reason: str,
        by: str | None = None,
        hash_ids: bool = False,
        dry_run: bool = False,
    ) -> "Erasure":
        """Remove the payload and the metadata of events physically, for the right to be forgotten.

        They are removed from every file of the log: with the corrections of these events, rejected lines that
        name them, all older versions of the table, and everything derived. Positions, ids, streams, types and
        times stay. From then on such an event is read as one whose payload is ``{}``, also by questions about
        the past. A receipt is kept.

        An erasure is never half done: if the process is killed, the next call that writes to the log finishes it.
        Other processes may read and append meanwhile. Raw files, backups, exported answers and read models are not
        reached; a read model is rebuilt by its next refresh.

        Args:
            stream: all events that these streams have now: a name, or several.
            event_ids: these events: an id, or several.
            reason: why, for the receipt; name no person in it.
            by: who, for the receipt; default: the name of the user.
            hash_ids: whether to replace the ids of these events, and the names of these streams, by salted
                hashes. Such an event is still recognised as a duplicate if it arrives again.
            dry_run: only return what would be erased.

        Raises:
            LogError: the log has no such event or stream, or is on an object store; nothing was erased. Or the
                storage fails: do the same again.
        """
        return self._changes.erase(stream, event_ids, reason, by, hash_ids=hash_ids, dry_run=dry_run)

    def erasure_receipts(self) -> pl.DataFrame:
        """Return the receipts of all erasures, the newest last: the members of `Erasure`, one per column."""
        return self._changes.receipts()

    def tidy(self, *, hours: int = 24) -> Tidied:
        """Remove files that no version of the log has needed for some hours.

        Compaction leaves such files, as readers may still use them, and so do writers that were killed. No event
        and no rejected line is lost, also if the process is killed. Others may read and append meanwhile; a frame
        of `scan` that is older than ``hours`` may lose its files.

        Args:
            hours: how long a file is kept after it was replaced, or was written but never committed.

        Raises:
            LogError: ``hours`` is not a whole number from 0 on; or the storage fails, and some files remain.
        """
        return self._changes.tidy(hours)

    def checkpoint(self, source: Source | LagSource | str) -> LogCheckpoint:
        """Return the checkpoint of a source (or of its name): ``get(key)`` gives the numbers of its last batch.

        A file has one checkpoint, whichever path, glob or folder it is pulled by.
        """
        events = self._events_table().refresh()
        name = source if isinstance(source, str) else source.name
        return LogCheckpoint(events, name, of_files=isinstance(source, FileSource))

    resume = checkpoint  # the former name

    def lag(self, source: LagSource) -> SourceLag:
        """Return how far the log is behind a source, and why events are held back.

        Raises:
            StoreError: the store is unavailable.
        """
        return source.lag(self.checkpoint(source))

    def scan(
        self,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        types: str | Collection[str] | None = None,
        streams: str | Collection[str] | None = None,
        upto: int | None = None,
        start: int = 0,
        corrected: bool = False,
    ) -> pl.LazyFrame:
        """Return events as a lazy frame of `STORED`, in order of position; later appends do not change it.

        After another tool merged the files of ``events/`` (Delta's ``OPTIMIZE``), the rows within a file may have
        any order: sort by ``position`` if it matters. No answer of a timeline depends on it.

        Args:
            since: only ``occurred_at`` from this moment on, inclusive; a date means its midnight (UTC).
            until: only ``occurred_at`` up to this moment, inclusive; a date means its end (UTC).
            types: only these event types.
            streams: only these streams.
            upto: only positions < ``upto``.
            start: only positions >= ``start``.
            corrected: events as they are read now, instead of as they arrived: with the corrections before
                ``upto``, without retracted events, and without the corrections themselves. All other arguments
                mean the corrected events.

        Raises:
            MomentError: ``since`` or ``until`` is not a moment.
        """
        if corrected:
            frame = corrected_events(self, self._pinned(upto)).filter(pl.col("position") >= start)
        else:
            frame = scan_in_order(self._events.refresh(), start, self._pinned(upto))
        if since is not None:
            frame = frame.filter(pl.col("occurred_at") >= first_instant(since))
        if until is not None:
            frame = frame.filter(pl.col("occurred_at") <= last_instant(until))
        for column, names in (("type", types), ("stream", streams)):
            if names is not None:
                wanted = pl.Series([names] if isinstance(names, str) else list(names), dtype=pl.String)
                frame = frame.filter(pl.col(column).is_in(wanted.implode()))
        return frame

    def data_files(self) -> list[DataFile]:
        """Return the Parquet files of ``events/`` as their commits describe them, in order of position.

        Raises:
            LogError: a commit is damaged or missing.
        """
        return data_files(self._events.refresh())

    def first_damage(self) -> LogError | None:
        """Return the error that names the first damaged file of ``events/``; None: all can be read.

        This decodes the files one by one. It is meant for the moment after an error, to say where that came from;
        `eventsource.check.check_files` names all damaged files.
        """
        return self._events.refresh().first_damage()

    def rejected(self) -> pl.DataFrame:
        """Return the rejected lines: `REJECTED` and ``rejected_at``, sorted by that, file, line."""
        lines = self._rejected.lines()
        return lines if self.pin is None else lines.filter(pl.col("rejected_at") <= self.pin.at)

    def clear_rejected(self, source: Source | str | None = None) -> int:
        """Delete the rejected lines of one source (or its name), or all; return how many there were."""
        return self._changes.clear_rejected(self, source)

    def __repr__(self) -> str:
        return f"<Log {without_secrets(self.path)!r}: {self._summary()}>"

    def _repr_html_(self) -> str:
        from html import escape  # noqa: PLC0415 - only notebooks show it

        path = escape(without_secrets(self.path))
        return f"<div><b>Log</b> <code>{path}</code>: {escape(self._summary())}</div>"

    def _summary(self) -> str:
        """Return how many events there are, and of which days; the tables know it without reading a row."""
        head, rejected = self.head, len(self._rejected) if self.pin is None else self.rejected().height
        times = occurred_at_range(self._events.version.files())
        if self.pin is not None:  # the statistics include later events
            occurred = pl.col("occurred_at")
            first, last = self.scan().select(occurred.min(), occurred.max().alias("last")).collect().row(0)
            times = None if first is None else (first, last)
        summary = counted(head, "event")
        summary += f" from {times[0].date()} to {times[1].date()}" if times else ""
        return summary + (f", {counted(rejected, 'rejected line')}" if rejected else "")

    @cached_property
    def _changes(self) -> "Changes":
        from eventsource.log._changes import Changes  # noqa: PLC0415 - a question needs none of what writes

        return Changes(self.path, self._base, self._events_table, self._rejected, self._newest_head)

    def _newest_head(self) -> int:
        return self._events.refresh().transaction_version(HEAD) or 0

    def _pinned(self, upto: int | None) -> int | None:
        """Return the position before which events exist for this process."""
        if self.pin is None:
            return upto
        return self.pin.position if upto is None else min(upto, self.pin.position)

    def _events_table(self) -> Table:
        return Table(f"{self._base}/events", STORED, self._options, _EVENTS)
