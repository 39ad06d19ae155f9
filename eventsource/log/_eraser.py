"""Erasing events permanently, in steps that another process can finish.

::

    erasures/lock             one erasure at a time; a dead process holds it no longer
    1. erasures/pending.json  what is to be erased, before anything is; from here on the erasure will be finished
    2. events/                the files with these events are written again without their payloads; one commit
                              replaces them, and counts the erasure: ``eventsource:erasures``
    3. rejected/              lines that name them are removed, in one commit
    4. both tables            the files of older versions are removed, and values from Delta's transaction log
    5. index/, snapshots/     all files are removed: they are derived
    6. erasures/<id>.json     the receipt; then ``pending.json`` is removed

A process may die after any of these, or within one. Each step finds out what is left to do, so that all of them
can be done again. The next `Log.erase`, and whatever writes to the log next, finishes them.

Readers see the events of step 2 before its commit or after it. A question that reads a file when it disappears
starts again. Whatever was derived from the log belongs to a number of erasures (see
`eventsource.derived_folders`), so nothing from before is used afterwards. Appends continue: one that began
before the commit of step 2 conflicts with it, and is made again.
"""

import getpass
import secrets
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Final, Self

import numpy as np
import polars as pl
from deltalake.transaction import AddAction
from msgspec import Struct
from msgspec.structs import replace

from eventsource.derived_folders import remove_derived
from eventsource.errors import LogError
from eventsource.event import CORRECTIONS
from eventsource.log._erasure import find_events, hashed, names_any, replaced, replacements, salt_in
from eventsource.log._erasure_records import ERASURES_FOLDER, Erasure, ErasureRecords, Pending
from eventsource.log._files import ERASURES, head_of, position_ranges, scan_in_order
from eventsource.log._rejected import RejectedLines
from eventsource.log._storage_errors import translate_errors
from eventsource.log._sweep import remove_unneeded_files, scrub_transaction_log
from eventsource.log._table import Table, retry_conflicts
from eventsource.messages import suggestion
from eventsource.texts import is_text

__all__ = ["Eraser", "Request"]

_NEAR: Final = 1_000
"""At most this many names are compared with one that the log does not have."""


class Request(Struct, frozen=True):
    """What is to be erased, and why; see `Log.erase`."""

    streams: Sequence[str]
    ids: Sequence[str]
    reason: str
    by: str | None = None
    hash_ids: bool = False

    @classmethod
    def of(
        cls,
        stream: str | Collection[str] | None,
        event_ids: str | Collection[str] | None,
        reason: str,
        by: str | None,
        *,
        hash_ids: bool,
    ) -> Self:
        """Return the request that the arguments of `Log.erase` make.

        Raises:
            LogError: nothing is to be erased, a name is not a text, or there is no reason.
        """
        streams, ids = (
            [names] if isinstance(names, str) else [] if names is None else list(names)
            for names in (stream, event_ids)
        )
        if others := [name for name in [*streams, *ids] if not is_text(name)]:
            raise LogError(
                f"expected names of streams and ids of events as texts, got {others[0]!r}",
                hint='erase(event_ids=["o-1", "o-2"], …)',
            )
        if not is_text(reason) or not reason.strip():
            raise LogError(
                f"expected a reason for the receipt, got {reason!r}", hint='erase(…, reason="request 17")'
            )
        if not streams and not ids:
            raise LogError(
                "expected streams or event_ids to erase, got none", hint='erase(stream="customer-42", …)'
            )
        return cls(streams, ids, reason, by, hash_ids)


class Eraser:
    """Erases events of a log; on an object store only the receipts can be asked for, and there are none.

    Args:
        path: how the log was named.
        base: its absolute folder, or its URL.
        events: the table of events, not shared with other objects.
        rejected: the rejected lines.
    """

    def __init__(self, path: str, base: str, events: Table, rejected: RejectedLines) -> None:
        self._path, self._log, self._events, self._rejected = path, Path(base), events, rejected
        self._records = ErasureRecords(None if "://" in base else self._log / ERASURES_FOLDER)
        self._lock = Lock()

    def find(self, wanted: Request) -> Erasure:
        """Return what an erasure would do; for errors see `Log.erase`."""
        with self._lock:
            return self._plan(wanted).erasure

    def erase(self, wanted: Request) -> Erasure:
        """Erase events; for errors see `Log.erase`."""
        with self._lock, translate_errors(self._events.path), self._existing_records().lock():
            self._finish_pending()
            pending = self._plan(wanted)
            self._records.begin(pending)
            return self._finish(pending)

    def finish(self) -> None:
        """Finish an erasure whose process has died, if there is one; do nothing while another process does."""
        if self._records.has_pending():
            with self._lock, translate_errors(self._events.path), self._records.try_lock() as is_ours:
                if is_ours:
                    self._finish_pending()

    def receipts(self) -> pl.DataFrame:
        """Return the receipts; see `Log.erasure_receipts`."""
        return self._records.receipts()

    def _existing_records(self) -> ErasureRecords:
        if not self._records.can_exist:
            raise LogError(
                f"{self._path}: expected a log in a folder; an object store may keep versions of every file",
                hint="copy the log into a folder, erase there, and upload it as a new log",
            )
        if not self._events.refresh():
            raise LogError(f"the log {self._path} does not exist", hint="name another folder")
        return self._records

    def _plan(self, wanted: Request) -> Pending:
        """Return what is to be erased, with the numbers that are known now.

        Raises:
            LogError: the log has no event of one of these ids or streams.
        """
        self._existing_records()
        salt = self._salt() if wanted.hash_ids or self._erasures else None
        streams, ids = list(wanted.streams), list(wanted.ids)
        if salt is not None:  # a name may be hashed already
            streams, ids = ([*names, *(hashed(name, salt) for name in names)] for names in (streams, ids))
        found = find_events(self._events.version, streams, ids)
        for column, names in (("stream", wanted.streams), ("event_id", wanted.ids)):
            self._check_names(column, names, set(found[column]), salt)
        erasure = Erasure.begun_now(by=wanted.by or _user(), reason=wanted.reason, hashed=wanted.hash_ids)
        every = sorted({*ids, *found["event_id"]})
        pending = Pending(erasure, sorted({*streams}), every, salt if wanted.hash_ids else None)
        rejected = sum(names_any(self._rejected.lines()["raw"].to_list(), [*pending.streams, *pending.ids]))
        counted = self._counted(pending, found, self._replacements(pending, found))
        return replace(pending, erasure=replace(counted, rejected=rejected))

    def _check_names(self, column: str, names: Sequence[str], known: set[str], salt: str | None) -> None:
        for name in names:
            if name not in known and (salt is None or hashed(name, salt) not in known):
                word = "stream" if column == "stream" else "event"
                raise LogError(
                    f"{self._path} has no {word} {name!r}; nothing was erased", hint=self._near(column, name)
                )

    def _near(self, column: str, name: str) -> str:
        """Return a hint that names a similar id or stream."""
        begin = pl.col(column).str.starts_with(name[:1])
        rows = scan_in_order(self._events.version).filter(begin).select(pl.col(column).unique()).head(_NEAR)
        found = rows.collect()[column]
        return suggestion(name, found) if len(found) else f"log.scan() shows the {column} of each event"

    def _counted(self, pending: Pending, found: pl.DataFrame, new: pl.DataFrame) -> Erasure:
        concerned = found.filter(pl.col("position").is_in(new["position"].implode()))
        corrections = concerned.filter(pl.col("type").is_in(CORRECTIONS)).height
        return replace(pending.erasure, events=new.height, corrections=corrections)

    def _replacements(self, pending: Pending, found: pl.DataFrame) -> pl.DataFrame:
        return replacements(found, streams=pending.streams, erasure=pending.erasure.id, salt=pending.salt)

    def _finish_pending(self) -> None:
        """Finish the erasure that another process has begun; the caller holds the lock."""
        if (pending := self._records.pending()) is not None:
            self._finish(pending)

    def _finish(self, pending: Pending) -> Erasure:
        """Do the steps 2 to 6, as far as they are not done yet."""
        pending = self._erase_events(pending)
        pending = self._erase_rejected_lines(pending)
        remove_unneeded_files(self._events, head_of)
        self._rejected.remove_unneeded_files()
        for table in (self._events, self._rejected.table):
            scrub_transaction_log(table)
        remove_derived(self._log, self._path)
        self._records.end(pending.erasure)
        return pending.erasure

    def _erase_events(self, pending: Pending) -> Pending:
        """Commit the events without their payloads, unless that was done; return the numbers, too."""
        written: dict[tuple[str, int], AddAction] = {}  # what a conflict does not make void

        def attempt() -> Pending:
            version = self._events.refresh()
            found = find_events(version, pending.streams, pending.ids)
            new = self._replacements(pending, found)
            if new.is_empty():
                return pending
            counts = replace(
                pending, erasure=replace(self._counted(pending, found, new), rejected=pending.erasure.rejected)
            )
            self._records.begin(counts)
            files = list(_positions_in_files(position_ranges(version.files()), new["position"]))
            for file, positions in files:
                key = file["path"].item(), len(positions)
                if key not in written:
                    rows = replaced(version.scan([key[0]]), new)
                    written[key] = self._events.data.write("erased", rows)
            self._events.replace_files(
                pl.concat([file for file, _ in files]),
                [written[file["path"].item(), len(positions)] for file, positions in files],
                {**head_of(version), ERASURES: self._erasures + 1},
                keep=True,
            )
            return counts

        return retry_conflicts(attempt, self._events)

    def _erase_rejected_lines(self, pending: Pending) -> Pending:
        names = [*pending.streams, *pending.ids]
        removed = self._rejected.remove(lambda lines: names_any(lines["raw"].to_list(), names))
        counts = replace(
            pending, erasure=replace(pending.erasure, rejected=max(removed, pending.erasure.rejected))
        )
        self._records.begin(counts)
        return counts

    @property
    def _erasures(self) -> int:
        return self._events.version.transaction_version(ERASURES) or 0

    def _salt(self) -> str:
        """Return the salt of the log, or one for it."""
        ids = (
            scan_in_order(self._events.version)
            .select("event_id")
            .filter(pl.col("event_id").str.starts_with("erased:"))
        )
        return salt_in(ids.collect()["event_id"]) or secrets.token_hex(8)


def _positions_in_files(files: pl.DataFrame, positions: pl.Series) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """Yield the files that may hold some positions (ascending), each with those of the positions."""
    for number, (first, last) in enumerate(files.select("first", "last").iter_rows()):
        low, high = np.searchsorted(positions.to_numpy(), [first, last + 1])
        if low < high:
            yield files[number], positions[int(low) : int(high)]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name and no entry in the list of users, as in some containers
        return "unknown"
