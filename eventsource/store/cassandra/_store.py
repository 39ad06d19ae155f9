"""`CassandraStore`: append with optimistic concurrency, and read."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

from cassandra import AlreadyExists, ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable
from cassandra.query import BatchStatement
from cassandra.util import uuid_from_time

from eventsource.errors import ConcurrencyError, FrameError
from eventsource.redaction import harmless_cause
from eventsource.store._database import Expected, Presence, check_expected
from eventsource.store._events import NewEvent, new_events
from eventsource.store.cassandra._connection import connected, place_of, store_error

__all__ = ["BUCKET", "CassandraStore"]

BUCKET: Final = 10_000
"""Versions of a bucket."""

_HOUR: Final = 3600
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TABLES: Final = tuple(
    f"CREATE TABLE IF NOT EXISTS {{table}}{columns}"
    for columns in (
        (
            " (stream text, bucket bigint, version bigint, event_id text, type text, occurred_at bigint, "
            "recorded timeuuid, data text, metadata text, PRIMARY KEY ((stream, bucket), version))"
        ),
        (
            "_by_hour (hour bigint, recorded timeuuid, stream text, first bigint, count int, event_id text, "
            "PRIMARY KEY (hour, recorded))"
        ),
        "_hours (name text, hour bigint, PRIMARY KEY (name, hour))",
        "_store (name text, id text, PRIMARY KEY (name))",
    )
)
_INSERT: Final = (
    "INSERT INTO {table} (stream, bucket, version, event_id, type, occurred_at, recorded, data, metadata) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
)


class CassandraStore:
    """Streams of events in Cassandra; the interface is that of `eventsource.store.EventStore`.

    Its tables are created by `init`; the keyspace must exist. Close it, or use it in a ``with`` statement.

    Args:
        url: ``cassandra://user:password@h1,h2:9042/keyspace?table=events&dc=dc1``.
        table: the name of the table; default: that of the URL, or ``events``.

    Raises:
        SourceError: the URL cannot be used.
        StoreError: the cluster is unavailable.
    """

    def __init__(self, url: str, *, table: str | None = None) -> None:
        self._place = place_of(url, table)
        self._connection = connected(self._place)
        self._session = self._connection.__enter__()
        self._statements: dict[str, Any] = {}
        self._hours: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.__exit__(None, None, None)

    def init(self) -> None:
        """Create the tables where they do not exist."""
        for statement in _TABLES:
            try:
                self._session.execute(statement.format(table=self._place.table))
            except AlreadyExists:
                continue
        self._run("INSERT INTO {table}_store (name, id) VALUES ('id', ?) IF NOT EXISTS", str(uuid4()))

    def append(self, stream: str, events: Iterable[Any], expected_version: Expected = None) -> int:
        """Append events to a stream, all or nothing; see `EventStore.append`, also for repeated appends.

        Raises:
            ConcurrencyError: the stream has another version; nothing was appended.
            FrameError: something cannot be an event, or the events do not fit into one bucket of 10,000 versions.
            StoreError: the cluster is unavailable. It is safe to append the same events again.
        """
        check_expected(expected_version)
        new = new_events(events)
        version, recorded = self._last(stream)
        for _ in range(_ATTEMPTS):
            if (known := self._repeated(stream, new, version, expected_version)) is not None:
                # An append whose answer was lost may have taken long: readers may have passed its intent.
                self._announce(stream, new, known - len(new) + 1, _time_after(None))
                return known
            _check(stream, version, expected_version)
            if self._insert(stream, new, version, recorded):
                return version + len(new)
            version, recorded = self._last(stream)
        raise ConcurrencyError("other writers appended first, many times in a row", hint="append again")

    def read(self, stream: str, from_version: int = 1) -> list[Mapping[str, Any]]:
        """Return the events of a stream as rows of the table, in order."""
        found: list[Mapping[str, Any]] = []
        bucket = (from_version - 1) // BUCKET
        while rows := list(
            self._run(
                "SELECT * FROM {table} WHERE stream = ? AND bucket = ? AND version >= ?",
                stream,
                bucket,
                from_version,
            )
        ):
            found += [row._asdict() for row in rows]
            bucket += 1
        return found

    def _last(self, stream: str) -> tuple[int, UUID | None]:
        """Return the version of the last event and when it was recorded. The read completes what is in flight."""
        found: tuple[int, UUID | None] = (0, None)
        bucket = 0
        while rows := list(
            self._run(
                "SELECT version, recorded FROM {table} WHERE stream = ? AND bucket = ? "
                "ORDER BY version DESC LIMIT 1",
                stream,
                bucket,
                level=ConsistencyLevel.LOCAL_SERIAL,
            )
        ):
            found = rows[0].version, rows[0].recorded
            bucket += 1
        return found

    def _repeated(self, stream: str, new: list[NewEvent], version: int, expected: Expected) -> int | None:
        """Return the version after the same events, if they were appended before at the expected place."""
        first = expected + 1 if isinstance(expected, int) else 1 if expected is Presence.NO_STREAM else None
        begin = max(1, version - _LOOK_BACK) if first is None else first
        if version < begin:
            return None
        ids = [row["event_id"] for row in self.read(stream, begin)]
        wanted = [event.event_id for event in new]
        starts = range(len(ids)) if first is None else [0]
        at = next((start for start in starts if ids[start : start + len(wanted)] == wanted), None)
        return None if at is None else begin + at + len(wanted) - 1

    def _insert(self, stream: str, new: list[NewEvent], version: int, last: UUID | None) -> bool:
        first, bucket = version + 1, version // BUCKET
        if (version + len(new) - 1) // BUCKET != bucket:
            fitting = (bucket + 1) * BUCKET - version
            raise FrameError(
                f"{len(new)} events do not fit into a bucket of {stream!r}, which has {fitting} versions left",
                hint=f"append the first {fitting} alone",
            )
        recorded = _time_after(last)
        self._announce(stream, new, first, recorded)
        inserts = [
            self._prepared(_INSERT).bind((stream, bucket, number, *_columns(event, recorded)))
            for number, event in enumerate(new, first)
        ]
        batch = BatchStatement(serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL)
        for insert in inserts:
            batch.add(insert)
        is_applied = bool(self._execute(inserts[0] if len(inserts) == 1 else batch).was_applied)
        if is_applied and time.time() - _seconds(recorded) > _SLOW:
            self._announce(stream, new, first, _time_after(None))  # readers may have passed the first intent
        return is_applied

    def _announce(self, stream: str, new: list[NewEvent], first: int, recorded: UUID) -> None:
        """Write an intent: these events are, or will be, at the versions from ``first`` on."""
        hour = int(_seconds(recorded)) // _HOUR
        if hour not in self._hours:
            self._run("INSERT INTO {table}_hours (name, hour) VALUES ('hours', ?)", hour)
            self._hours.add(hour)
        self._run(
            "INSERT INTO {table}_by_hour (hour, recorded, stream, first, count, event_id) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(hour, recorded, stream, first, len(new), new[0].event_id),
        )

    def _run(self, statement: str, *values: Any, level: int | None = None) -> Any:
        prepared = self._prepared(statement)
        bound = prepared.bind(values)
        if level is not None:
            bound.consistency_level = level
        return self._execute(bound)

    def _execute(self, statement: Any) -> Any:
        try:
            return self._session.execute(statement)
        except (DriverException, NoHostAvailable) as error:
            raise store_error(self._place, error) from harmless_cause(error)

    def _prepared(self, statement: str) -> Any:
        if statement not in self._statements:
            try:
                self._statements[statement] = self._session.prepare(statement.format(table=self._place.table))
            except (DriverException, NoHostAvailable) as error:
                raise store_error(self._place, error) from harmless_cause(error)
        return self._statements[statement]


_ATTEMPTS: Final = 50
_SLOW: Final = 2.5
"""Seconds after which an append announces its events again: half of how far readers stay behind by default."""

_LOOK_BACK: Final = 1000
"""Versions among which the events of an append without an expected version are looked for."""


def _check(stream: str, version: int, expected: Expected) -> None:
    wanted = 0 if expected is Presence.NO_STREAM else expected
    is_there = version > 0
    if (expected is Presence.EXISTS and is_there) or wanted is None or wanted == version:
        return
    raise ConcurrencyError(
        f"expected stream {stream!r} at version {wanted}, got {version}; nothing was appended",
        hint="read the stream again, decide again, and append with the version that you have read",
    )


def _columns(event: NewEvent, recorded: UUID) -> tuple[Any, ...]:
    at = (event.occurred_at - _EPOCH) // timedelta(microseconds=1)
    return event.event_id, event.type, at, recorded, event.data, event.metadata


def _time_after(last: UUID | None) -> UUID:
    """Return a time UUID for now, or just after another one of the stream: later versions have later times."""
    now = uuid_from_time(time.time())
    if last is None or now.time > last.time:
        return UUID(str(now))
    later = last.time + 10
    fields = (later & 0xFFFFFFFF, later >> 32 & 0xFFFF, later >> 48 & 0x0FFF, *now.fields[3:])
    return UUID(fields=fields, version=1)


def _seconds(recorded: UUID) -> float:
    return (recorded.time - 0x01B21DD213814000) / 1e7
