"""The tables of one read model: what `refresh`, `lag` and `verify` do, each in one transaction."""

import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from eventsource.errors import IndexFileError, ReadModelError
from eventsource.index import reading
from eventsource.progress import Progress, no_progress
from eventsource.readmodel._answers import Lag, Refreshed
from eventsource.readmodel._database import Database, database_at
from eventsource.readmodel._escapes import escape
from eventsource.readmodel._preflight import (
    INTERVAL,
    NOT_CREATED,
    LogFacts,
    Merge,
    Rebuild,
    Skip,
    Target,
    check_log,
    decide,
    rebuild_reason,
)
from eventsource.readmodel._records import (
    RECORDS,
    Record,
    UnreadableRecordError,
    read_record,
    write_record,
    write_transaction,
)
from eventsource.readmodel._rows import OutgrownError, Rows
from eventsource.readmodel._tables import untyped_table
from eventsource.readmodel._verifier import Verifier
from eventsource.readmodel._writer import Writer, Written
from eventsource.snapshots import SnapshotPolicy
from eventsource.timeline import Timeline

__all__ = ["TablesOfModel"]

_RESERVED: Final = {
    RECORDS: "the table of records",
    "excluded": "SQL's name for the rows of an upsert",
}
_SNAPSHOT_BITS: Final = 5
"""Refreshes take a snapshot whenever the log grew by a 16th to a 32nd."""
_WORTH_A_SNAPSHOT: Final = 100_000
"""Fewer events are folded as fast without a snapshot."""
_Events = Mapping[int, tuple[str, datetime]]
"""Position → id and ``recorded_at`` of an event."""


class TablesOfModel:
    """The tables of one read model; see `eventsource.readmodel.ReadModel` for the arguments."""

    def __init__(
        self, timeline: Timeline, url: str, table: str, *, history: bool, progress: Progress | None = None
    ) -> None:
        self.timeline, self.progress = timeline, progress or no_progress
        self.database: Database = database_at(url)
        names = {name: escape(name) for name in timeline.plan.fields}
        renamed = {name: column for name, column in names.items() if name != column}
        fingerprint = timeline.plan.fingerprint() + ("" if timeline.on_fault == "raise" else "+skip")
        self.target = Target(self.database.name, table, history, fingerprint, renamed)
        self.database.check_names([*self.target.tables, RECORDS], ["entity", *INTERVAL, *names.values()])
        for name, meaning in _RESERVED.items():
            if name in (each.lower() for each in self.target.tables):
                raise ReadModelError(f"a read model cannot have the name {name}: it is {meaning}", hint="table=…")

    def refresh(self, rebuild: str = "") -> Refreshed:
        """Bring the tables to the head of the log.

        Args:
            rebuild: the reason to rebuild them; empty: only if there is need to.
        """
        begin = time.monotonic()
        with write_transaction(self.database, self.target.table) as connection:
            head = self.timeline.log.head
            tables = self._tables(connection)
            try:
                record = read_record(connection, self.target.table)
            except UnreadableRecordError:
                if not rebuild:
                    raise
                record, tables = None, {}  # that there is a record says that the tables are ours
            before = record.position if record else 0
            events = self._events({head - 1, before - 1})
            facts = self._log_facts(head, None if rebuild else record, events)
            decision = decide(self.target, record, facts, tables, rebuild=rebuild)
            if isinstance(decision, Skip):
                return Refreshed(head, 0, 0, 0, "", time.monotonic() - begin)
            written, reason = self._write(connection, record, head, decision)
            write_record(connection, self._record(head, written.columns, events.get(head - 1)))
        if reason and self.timeline.log.erasures:
            self.database.forget_dropped_rows()
        self.progress("finishing", 1, 1)
        self._take_snapshot_if_due(before, head)
        seconds = time.monotonic() - begin
        return Refreshed(head, head - before, written.written, written.deleted, reason, seconds)

    def _write(
        self, connection: sa.Connection, record: Record | None, head: int, decision: Merge | Rebuild
    ) -> tuple[Written, str]:
        """Merge or rebuild; return what was written, and the reason of a rebuild."""
        writer = Writer(self.database, connection, Rows(self.timeline, self.target, head), self.progress)
        if isinstance(decision, Merge):
            try:
                return writer.merge(decision.record), ""
            except OutgrownError as error:
                decision = Rebuild(str(error))
        return writer.rebuild(record), decision.reason

    def _take_snapshot_if_due(self, before: int, head: int) -> None:
        """Take a snapshot now and then, from which later refreshes start. Histories cannot start from one.

        The tables are committed at this point. Without the snapshot, later refreshes are only slower.
        """
        step = max(1 << max(head.bit_length() - _SNAPSHOT_BITS, 0), _WORTH_A_SNAPSHOT)
        if not self.target.history and before // step < head // step:
            with contextlib.suppress(IndexFileError):
                self.timeline.take_due(SnapshotPolicy(events=step))

    def lag(self) -> Lag:
        """Return how far the tables are behind the log; nothing is written."""
        head = self.timeline.log.head
        record, reason, escaped = self._read_state()
        position = record.position if record else 0
        events = self._events({position - 1, position})
        if record is not None:
            check_log(self.target, record, self._log_facts(head, record, events))
        first = events.get(position)
        seconds = (datetime.now(UTC) - first[1]).total_seconds() if first else 0.0
        seconds = max(seconds, 0.0)
        return Lag(head - position, seconds, record.position if record else None, reason, len(escaped))

    def escaped_ids(self) -> pl.DataFrame:
        """Return the ids that are stored in an escaped form: ``entity``, ``stored``."""
        record, _, escaped = self._read_state()
        entities = (
            self.timeline.entities(upto=record.position) if record and escaped else pl.Series([], dtype=pl.String)
        )
        found = pl.DataFrame({"entity": entities, "stored": self.database.stored_ids(entities)})
        return found.filter(pl.col("stored").is_in(escaped))

    def _read_state(self) -> tuple[Record | None, str, list[str]]:
        """Return the record, why the next refresh will rebuild, and the escaped ids."""
        if not self.database.exists:
            return None, NOT_CREATED, []
        with self.database.read_transaction() as connection:
            record, tables = read_record(connection, self.target.table), self._tables(connection)
            escaped = list[str]()
            if record is not None and self.target.table in tables:
                table = untyped_table(self.target.table, ["entity"])
                escaped = self.database.escaped_ids(connection, table)
            has_erased = self._has_erased(record)
            return record, rebuild_reason(self.target, record, tables, has_erased=has_erased), escaped

    def verify(self) -> pl.DataFrame:
        """Return the rows that differ between the tables and the model at their position."""
        if not self.database.exists:
            raise self._does_not_exist()
        with self.database.read_transaction() as connection:
            record = read_record(connection, self.target.table)
            if record is None:
                raise self._does_not_exist()
            events = self._events({record.position - 1})
            check_log(self.target, record, self._log_facts(self.timeline.log.head, record, events))
            rows = Rows(self.timeline, self.target, record.position)
            return Verifier(self.database, connection, rows, self.progress).compare(record)

    def _does_not_exist(self) -> ReadModelError:
        return ReadModelError(
            f"{self.database.name}: the read model {self.target.table!r} does not exist",
            hint="refresh() creates it",
        )

    def _tables(self, connection: sa.Connection) -> dict[str, list[str]]:
        """Return those of our tables that exist, with their columns."""
        inspector = sa.inspect(connection)
        names = [name for name in self.target.tables if inspector.has_table(name)]
        return {name: [column["name"] for column in inspector.get_columns(name)] for name in names}

    def _log_facts(self, head: int, record: Record | None, events: _Events) -> LogFacts:
        log = self.timeline.log
        contains = record is None or self._still_contains(record, events)
        return LogFacts(log.path, log.identity, head, contains, self._has_erased(record))

    def _has_erased(self, record: Record | None) -> bool:
        return record is not None and self.timeline.log.is_from_before_erasure(record.log)

    def _still_contains(self, record: Record, events: _Events) -> bool:
        """Return whether the log contains the events of a record, by its mark or else by the last event's id."""
        known = self.timeline.log.knows(record.log)
        last = events.get(record.position - 1)
        if known is None:  # the log cannot tell: the commit of the mark was cleaned up
            same = last is None or self.database.stored_text(last[0]) == record.last_event_id
            return same or self._has_erased(record)  # an erasure may have hashed the id
        return known

    def _events(self, positions: set[int]) -> _Events:
        """Return id and ``recorded_at`` of the events at those of the positions that exist."""
        wanted = sorted(position for position in positions if position >= 0)
        if not wanted:
            return {}
        scan = self.timeline.log.scan(start=wanted[0], upto=wanted[-1] + 1)
        events = scan.filter(pl.col("position").is_in(wanted)).select("position", "event_id", "recorded_at")
        with reading(self.timeline.log):
            found = events.collect()
        return {position: (event_id, recorded_at) for position, event_id, recorded_at in found.iter_rows()}

    def _record(self, head: int, columns: Mapping[str, str], last: tuple[str, datetime] | None) -> Record:
        return Record(
            name=self.target.table,
            model=self.database.stored_text(self.timeline.plan.name),
            fingerprint=self.target.fingerprint,
            log=self.timeline.log.mark,
            columns=columns,
            history=self.target.history,
            position=head,
            last_event_id=self.database.stored_text(last[0]) if last else None,
            last_recorded_at=last[1] if last else None,
            refreshed_at=datetime.now(UTC),
        )
