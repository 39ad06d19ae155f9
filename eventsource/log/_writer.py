"""The only way into a log: drop duplicates, number the new events, commit them with the checkpoint.

How a pull commits
------------------

A pull reads batches in one thread and commits them, in order, in another. Each commit is an attempt that may start
again::

        ┌─▶ refresh            read the newest version: head and checkpoint
        │      │
        │   drop duplicates    events whose event_id the log holds; those with other content are conflicts
        │      │
        │   1. rejected/       commit rejected lines and conflicts; lines that are there already are skipped
        │      │
        │   2. events/         commit, in one Delta commit:  the new rows
        │      │                                             the head        eventsource:log = 1042
        │      │                                             the checkpoint  eventsource:files:/raw/a#offset = 8192
        │      ▼
        └── conflict?          pause, try again              no conflict: next batch

*Application transactions.* The head and the numbers of the checkpoint are *application transactions* of the Delta
table: names with an integer that are part of the same commit as the rows.

*Exactly once.* Rows and checkpoint are committed together. A pull that is killed anywhere resumes at the
checkpoint of the last commit, and appends no event twice and leaves none out. Appending the same events again is
idempotent, as events are dropped whose ``event_id`` the log holds.

*Optimistic concurrency.* Two blind appends to a Delta table both succeed. So every commit carries the transaction
``eventsource:log``. Of two writers that started from the same version, Delta refuses the second one's commit with
a conflict. The second writer refreshes, drops duplicates again, and commits again. A counter per source,
``eventsource:pulls:…``, makes a pull fail if another pull of the same source has committed.

*Turns.* Writers in one file system wait in a queue, so that conflicts are rare and no writer loses again and
again; see `eventsource.log._turns`. Nothing depends on it.

*Order of the writes.* Rejected lines are committed before events. After a crash between the two, the batch is read
again and its rejected lines are found to be there. In the other order they would be lost, as the checkpoint has
moved past them.

*Backups.* A log may be restored from a backup and then get other events than before. `Log.mark` is a fingerprint
of the newest commit, and `Log.knows` says whether the log still contains that commit. Whatever is derived from the
log keeps the mark, and is built again if the log no longer contains it.

On Amazon S3 and compatible stores, conditional puts (``If-None-Match``), which delta-rs uses by itself, make one
of two concurrent commits fail. A store without them needs a lock, see delta-rs on ``AWS_S3_LOCKING_PROVIDER``.
"""

from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, Never

import polars as pl
from msgspec.structs import replace

from eventsource.errors import FrameError
from eventsource.event import ENVELOPE, PLACED, REJECTED, REQUIRED, STORED, Batch, check_events
from eventsource.log._checkpoint import LogCheckpoint
from eventsource.log._compaction import compact_small_files, has_many_small_files
from eventsource.log._conflicts import CONFLICTS, conflicts_as_rejected, find_conflicts, no_conflicts
from eventsource.log._copies import replaced_by_copies
from eventsource.log._erasure import hashed, is_erased, salt_in
from eventsource.log._files import ERASURES, HEAD, head_of, scan_at, scan_in_order
from eventsource.log._known_ids import KnownIds
from eventsource.log._rejected import RejectedLines
from eventsource.log._storage_errors import CommitConflictError
from eventsource.log._sweep import Tidied, remove_unneeded_files
from eventsource.log._table import Table, retry_conflicts

__all__ = ["Appended", "Writer"]


@dataclass(frozen=True, slots=True)  # not a Struct, as `Pulled`
class Appended:
    """What an append did.

    Args:
        appended: events that are new.
        duplicates: events whose id was in the log already; they were dropped.
        conflicts: the duplicates that differ from the first event: ``event_id``, ``position`` of the first,
            ``differs`` (columns), ``file`` and ``line`` if they are known. They are rejected, see `Log.rejected`.
        head: the position that the next event will get.
    """

    appended: int
    duplicates: int
    conflicts: pl.DataFrame
    head: int


class Writer:
    """Appends batches to a log, see above for the protocol.

    Args:
        table: the events, not shared with other objects: nothing else may refresh it during a commit.
        rejected: where conflicts and rejected lines go.
    """

    def __init__(self, table: Table, rejected: RejectedLines) -> None:
        self._table, self._rejected = table, rejected
        self._known_ids = KnownIds()
        self._erasures = 0  # the known ids are those after so many erasures
        self._salt: str | None = None  # of the hashed ids among them
        self._lock = Lock()

    def commit(
        self, batch: Batch, source: str, checkpoint: LogCheckpoint | None, *, strict: bool = False
    ) -> Appended:
        """Append a whole batch or nothing.

        Args:
            batch: events, and the checkpoint after them.
            source: the name of the source, for rejected lines.
            checkpoint: the source's checkpoint before the batch; it is advanced. None for events without one.
            strict: fail if an event conflicts with the first event of its id.

        Raises:
            FrameError: the events do not have the shape of the envelope; or ``strict``, and there is a conflict.
            AppendConflictError: other writers committed first, or another pull of this source is running.
        """
        if not _is_envelope(batch.events):
            batch = replace(batch, events=check_events(batch.events))
        with self._lock:
            return retry_conflicts(lambda: self._attempt(batch, source, checkpoint, strict), self._table)

    def compact(self) -> None:
        """Merge small files if there are many; do nothing if another writer commits in the meantime.

        The refresh also notes this writer's last commit, so that it notices if that is lost.
        """
        with self._lock, suppress(CommitConflictError, FileNotFoundError):  # the latter: an erasure's work
            if has_many_small_files(self._table.refresh()):
                with self._table.turn():  # others may have merged them meanwhile
                    compact_small_files(self._table, head_of(self._table.refresh()))

    def tidy(self, hours: int) -> Tidied:
        """Remove files that no version has needed for some hours."""
        with self._lock:
            return remove_unneeded_files(self._table, head_of, hours=hours)

    def _attempt(self, *asked: Any) -> Appended:
        """Try to commit a batch, see `_commit`; if a file of the log disappears meanwhile, that is a conflict."""
        try:
            return self._commit(*asked)
        except FileNotFoundError as error:  # an erasure has replaced it
            before = self._table.version.number
            if self._table.refresh().number == before:
                raise
            raise CommitConflictError(f"a file of {self._table.path} was replaced at the same moment") from error

    def _commit(self, batch: Batch, source: str, checkpoint: LogCheckpoint | None, strict: bool) -> Appended:  # noqa: FBT001 - private
        version = self._table.refresh()
        advanced = checkpoint.transactions(batch.checkpoint, version) if checkpoint else {}
        head = version.transaction_version(HEAD) or 0
        with version.reading():
            new, conflicts = self._without_duplicates(batch.events, head)
        if strict and conflicts.height:
            _refuse(conflicts)
        # Rejected lines first: after a crash between the two commits the batch is read again, and its rejected
        # lines are found to be there. In the other order they would be lost, as the checkpoint has moved past
        # them.
        rejected = pl.concat([batch.rejected, conflicts_as_rejected(conflicts, source)])
        self._add_rejected(rejected, batch, new)
        if new.height or advanced:
            numbered = _numbered(new, head)
            self._table.append(numbered, {HEAD: head + new.height, **advanced})
            self._known_ids.add(numbered["event_id"], numbered["position"])
            if checkpoint:
                checkpoint.advance(batch.checkpoint, advanced)
        reported = conflicts.select(CONFLICTS.names())
        return Appended(new.height, batch.events.height - new.height, reported, head + new.height)

    def _add_rejected(self, rejected: pl.DataFrame, batch: Batch, new: pl.DataFrame) -> None:
        """List rejected lines and conflicts; those of files that were moved or copied replace the earlier ones."""
        events, new = _with_places(batch.events), _with_places(new)
        twice = replaced_by_copies(rejected, rejected, events, new)
        lines = rejected.join(twice, on=REJECTED.names(), how="anti", nulls_equal=True, maintain_order="left")
        self._rejected.add(
            lines, batch.reread_after, lambda listed: replaced_by_copies(listed, lines, events, new)
        )

    def _without_duplicates(self, events: pl.DataFrame, head: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events that are new, and the conflicts among the others."""
        if events.is_empty():
            return events, no_conflicts()
        self._load_ids(head)
        events = self._without_hashed(events)
        suspects, positions = self._known_ids.possible_duplicates(events["event_id"])
        if suspects.is_empty():
            return events, no_conflicts()
        ids = events["event_id"].gather(suspects)
        stored = self._stored(ids.unique(), positions)
        is_repeated = ids.is_in(stored["event_id"].implode()) | ~ids.is_first_distinct()
        repeated = suspects.filter(is_repeated)
        is_new = pl.repeat(True, events.height, eager=True).scatter(repeated, False)  # noqa: FBT003 - a value
        new = events.filter(is_new)
        # What an erased event said is not known any more, and must not come back as a conflict.
        first = pl.concat([stored.filter(~is_erased()), _first_of(new, ids, head)])
        return new, find_conflicts(_with_places(events[repeated]), first)

    def _stored(self, event_ids: pl.Series, positions: pl.Series) -> pl.DataFrame:
        """Return the events of the log at some positions that have one of these ids."""
        if positions.is_empty():
            return pl.DataFrame(schema=STORED)
        rows = scan_at(self._table.version, positions).filter(pl.col("event_id").is_in(event_ids.implode()))
        return rows.collect().sort("position")

    def _without_hashed(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return events without those that the log has under a hashed id: they are duplicates of erased ones."""
        if self._salt is None:
            return events
        salt = self._salt
        hashes = pl.Series("event_id", [hashed(event_id, salt) for event_id in events["event_id"]], pl.String)
        suspects, positions = self._known_ids.possible_duplicates(hashes)
        stored = self._stored(hashes.gather(suspects).unique(), positions)
        return events.filter(~hashes.is_in(stored["event_id"].implode()))

    def _load_ids(self, head: int) -> None:
        """Load the ids of events that other writers appended, or that were in the log before this writer began.

        An erasure may have replaced ids that were loaded, so all are loaded again after one.
        """
        erasures = self._table.version.transaction_version(ERASURES) or 0
        if erasures != self._erasures:
            self._known_ids, self._erasures = KnownIds(), erasures
        if self._known_ids.head < head:
            tail = scan_in_order(self._table.version, start=self._known_ids.head, upto=head)
            ids = tail.select("event_id", "position")
            for chunk in ids.collect_batches(maintain_order=True, chunk_size=1_000_000):
                self._known_ids.add(chunk["event_id"], chunk["position"])
                if erasures and self._salt is None:
                    self._salt = salt_in(chunk["event_id"])


def _first_of(new: pl.DataFrame, ids: pl.Series, head: int) -> pl.DataFrame:
    """Return the new events that have one of these ids, with their positions from ``head`` on."""
    return _numbered(new, head).filter(pl.col("event_id").is_in(ids.implode()))


def _numbered(events: pl.DataFrame, head: int) -> pl.DataFrame:
    """Return events with the positions from ``head`` on."""
    positions = pl.int_range(head, head + events.height, dtype=pl.Int64, eager=True).alias("position")
    return events.select(positions, *ENVELOPE)


def _with_places(events: pl.DataFrame) -> pl.DataFrame:
    """Return events as `PLACED`; where they were is null if that is not known."""
    return events.match_to_schema(PLACED, missing_columns="insert")


def _is_envelope(events: pl.DataFrame) -> bool:
    return events.schema in (ENVELOPE, PLACED) and not any(events[name].null_count() for name in REQUIRED)


def _refuse(conflicts: pl.DataFrame) -> Never:
    first = conflicts.row(0, named=True)
    raise FrameError(
        f"{conflicts.height:,} events differ from earlier events with the same event_id; nothing was "
        f"appended. The first: {first['event_id']!r} differs from position {first['position']} in "
        f"{first['differs']}",
        hint="give corrections an event_id of their own",
    )
