"""Reading our own tables of Cassandra: a scan of all partitions once, then the intents of each hour.

```text
place                                                    reads
None                                                     all partitions, in order of token, up to now - delay
{"scan": [token, stream, version], "upto": "…"}          the rest of that scan
{"after": "…", "held": [["order-1", 8, 2]]}              held appends, then intents after a time UUID
```

An append is held back while the version before it cannot be read, or is recorded later than what a pull may
read: the clocks of two writers differ. It is read as soon as that version is.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from cassandra import ConsistencyLevel
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.util import max_uuid_from_time

from eventsource.errors import SourceError
from eventsource.event import SourceLag
from eventsource.messages import counted
from eventsource.sources._store_source import Taken
from eventsource.sources._values import LineError
from eventsource.sources.cassandra._tables import TablesSource
from eventsource.sources.cassandra._tokens import token_ranges
from eventsource.sources.cassandra._uuid_times import EPOCH, age_of, instant_of, seconds_of
from eventsource.store.cassandra import BUCKET

__all__ = ["CassandraSource"]

_HOUR: Final = 3600
_CONCURRENCY: Final = 64
_COLUMNS: Final = "stream, bucket, version, event_id, type, occurred_at, recorded, data, metadata"


@dataclass(frozen=True, slots=True)
class _Intent:
    """An append that was about to happen."""

    stream: str
    first: int
    count: int
    event_id: str


class CassandraSource(TablesSource):
    """Our own tables in a keyspace of Cassandra; see `TablesSource` for the arguments."""

    def store(self) -> str:
        """Return the id that the tables were given when they were created."""
        with self._session() as session:
            rows = list(session.execute(f"SELECT id FROM {self._place.table}_store WHERE name = 'id'"))  # noqa: S608
        if not rows:
            raise SourceError(
                f"{self.name} has no identity: its tables were not created by `init`",
                hint="eventsource.store.cassandra.CassandraStore(url).init()",
            )
        return str(rows[0].id)

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place; see `StoreSource.read`."""
        with self._session() as session:
            reading = _Reading(session, self._place.table)
            now = time.time() - self._options.delay
            if place is None or "scan" in place:
                upto = UUID(place["upto"]) if place else UUID(str(max_uuid_from_time(now)))
                yield from self._scan(reading, place["scan"] if place else None, upto)
                place = {"after": str(upto), "held": []}
                yield Taken(place)
            yield from self._follow(reading, place, UUID(str(max_uuid_from_time(now))))

    def lag_after(self, place: Any) -> SourceLag:
        """Return how many appended events come after a place, intents without events included."""
        with self._session() as session:
            if place is None or "scan" in place:
                return SourceLag(None, None)
            reading, now = _Reading(session, self._place.table), UUID(str(max_uuid_from_time(time.time())))
            held = sum(count for _, _, count, _ in place["held"])
            later = [(at, intent) for at, intent in reading.intents(UUID(place["after"]), now)]
            oldest = min((at.time for at, _ in later), default=None)
            reasons = (f"{counted(held, 'event')} without the version before",) if held else ()
            return SourceLag(held + sum(intent.count for _, intent in later), age_of(oldest), reasons)

    def _scan(self, reading: "_Reading", begin: list[Any] | None, upto: UUID) -> Iterator[Taken]:
        """Yield all events up to a time, stream by stream."""
        some: list[Mapping[str, Any]] = []
        at: list[Any] = []
        for token, row in reading.scan(begin):
            if _is_later(row, upto):
                continue  # an append after the scan began has an intent, which is read later
            some.append(row)
            at = [token, row["stream"], row["version"]]
            if len(some) >= self._options.batch:
                yield self._taken(some, {"scan": at, "upto": str(upto)})
                some = []
        if some:
            yield self._taken(some, {"scan": at, "upto": str(upto)})

    def _follow(self, reading: "_Reading", place: Mapping[str, Any], upto: UUID) -> Iterator[Taken]:
        """Yield the events of intents after a place."""
        held = [_Intent(*each) for each in place["held"]]
        after = str(place["after"])
        intents = reading.intents(UUID(after), upto)
        is_first = True
        for some in _chunks(intents, self._options.batch):
            last = some[-1][0]
            rows, held = reading.events([*held, *(intent for _, intent in some)], last)
            after = str(last)
            yield self._taken(rows, _place(after, held), self._note(held))
            is_first = False
        if is_first and held:
            rows, held = reading.events(held, upto)
            yield self._taken(rows, _place(after, held), self._note(held))

    def _note(self, held: list[_Intent]) -> tuple[str, ...]:
        if not held:
            return ()
        each = held[0]
        count = counted(len(held), "append")
        return (f"{count} held back: version {each.first - 1} of {each.stream!r} cannot be read yet",)

    def _taken(
        self, rows: Iterable[Mapping[str, Any]], place: Mapping[str, Any], notes: tuple[str, ...] = ()
    ) -> Taken:
        events, rejected = self.rows(self._place.table, ((row["version"], row) for row in rows), _record)
        return Taken(place, events, rejected, notes)


class _Reading:
    """The queries of one pull."""

    def __init__(self, session: Any, table: str) -> None:
        self._session, self._table = session, table
        self._rows = session.prepare(
            f"SELECT {_COLUMNS} FROM {table} WHERE stream = ? AND bucket = ? AND version >= ? AND version < ?"  # noqa: S608
        )
        # Such a read completes or forbids an append that is in flight: what it does not see never comes.
        self._rows.consistency_level = ConsistencyLevel.LOCAL_SERIAL

    def scan(self, begin: list[Any] | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield token and row of all events, the buckets of a stream one after the other."""
        token = None
        if begin is not None:
            token, stream, version = begin
            yield from ((token, row) for row in self._stream(stream, version + 1))
        statement = self._session.prepare(
            f"SELECT token(stream, bucket) AS place, {_COLUMNS} FROM {self._table} "  # noqa: S608
            "WHERE token(stream, bucket) > ? AND token(stream, bucket) <= ?"
        )
        for low, high in token_ranges(token):
            for row in self._session.execute(statement, (low, high)):
                found = row._asdict()
                if row.bucket == 0:
                    yield found.pop("place"), found
                    if row.version == BUCKET:
                        yield from ((row.place, each) for each in self._stream(row.stream, BUCKET + 1))

    def intents(self, after: UUID, upto: UUID) -> Iterator[tuple[UUID, _Intent]]:
        """Yield intents in order of their times."""
        hours = self._session.execute(f"SELECT hour FROM {self._table}_hours WHERE name = 'hours'")  # noqa: S608
        statement = self._session.prepare(
            f"SELECT recorded, stream, first, count, event_id FROM {self._table}_by_hour "  # noqa: S608
            "WHERE hour = ? AND recorded > ? AND recorded <= ?"
        )
        first, last = int(seconds_of(after.time)) // _HOUR, int(seconds_of(upto.time)) // _HOUR
        for hour in [row.hour for row in hours if first <= row.hour <= last]:
            for row in self._session.execute(statement, (hour, after, upto)):
                yield row.recorded, _Intent(row.stream, row.first, row.count, row.event_id)

    def events(self, intents: list[_Intent], upto: UUID) -> tuple[list[Mapping[str, Any]], list[_Intent]]:
        """Return the rows of intents that became events, stream by stream in order, and the intents held back."""
        each = [(one.stream, (one.first - 1) // BUCKET, one.first, one.first + one.count) for one in intents]
        before = [(one.stream, (one.first - 2) // BUCKET, one.first - 1, one.first) for one in intents]
        found, earlier = self._select(each), self._select(before)
        held: list[_Intent] = []
        is_held: set[str] = set()
        kept: dict[str, list[Mapping[str, Any]]] = {intent.stream: [] for intent in intents}
        for number in sorted(range(len(intents)), key=lambda number: intents[number].first):
            intent = intents[number]
            if not found[number] or found[number][0]["event_id"] != intent.event_id:
                continue  # the append of another writer is there, or none
            previous = earlier[number]
            is_ready = intent.first == 1 or bool(previous and not _is_later(previous[0], upto))
            if intent.stream in is_held or not is_ready:
                is_held.add(intent.stream)
                held.append(intent)
            else:
                kept[intent.stream] += found[number]
        return [row for rows in kept.values() for row in rows], held

    def _stream(self, stream: str, version: int) -> Iterator[Mapping[str, Any]]:
        bucket = (version - 1) // BUCKET
        while found := self._select([(stream, bucket, version, 2**63 - 1)])[0]:
            yield from found
            bucket += 1

    def _select(self, keys: list[tuple[str, int, int, int]]) -> list[list[Mapping[str, Any]]]:
        results = execute_concurrent_with_args(self._session, self._rows, keys, concurrency=_CONCURRENCY)
        return [[row._asdict() for row in result.result_or_exc] for result in results]


def _place(after: str, held: list[_Intent]) -> dict[str, Any]:
    return {"after": after, "held": [[one.stream, one.first, one.count, one.event_id] for one in held]}


def _chunks(intents: Iterable[tuple[UUID, _Intent]], size: int) -> Iterator[list[tuple[UUID, _Intent]]]:
    """Yield intents, about so many events at a time."""
    some: list[tuple[UUID, _Intent]] = []
    count = 0
    for each in intents:
        some.append(each)
        count += each[1].count
        if count >= size:
            yield some
            some, count = [], 0
    if some:
        yield some


def _is_later(row: Mapping[str, Any], upto: UUID) -> bool:
    """Return whether a row was recorded after a time; one without a time, of another writer, was not."""
    return row["recorded"] is not None and row["recorded"].time > upto.time


def _record(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row as members of the envelope.

    Raises:
        LineError: one of its times is absent, or none that a calendar has.
    """
    try:
        occurred_at = EPOCH + timedelta(microseconds=row["occurred_at"])
        recorded_at = instant_of(row["recorded"])
    except (TypeError, AttributeError, OverflowError) as error:
        raise LineError(
            "occurred_at and recorded: expected times of the years 1 to 9999, got "
            f"{row['occurred_at']} microseconds and {row['recorded']}"
        ) from error
    members = ("event_id", "stream", "version", "type", "data", "metadata")
    return {
        **{name: row[name] for name in members},
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
    }
