"""Akka's journal in Cassandra, without a tag: every pull scans all persistence ids, and takes what is new.

```text
place                                                   what it says
{"after": T, "ends": 940…, "held": {"order-7": 3}}      all up to the time T was taken, but order-7 from 3 on;
                                                        "ends" is the fingerprint of all last sequence numbers
{…, "upto": U, "scan": {"token": …, "within": …}}       a scan up to the time U, and how far it is
```

Of each persistence id a row is taken if all rows before it are there, and it is not newer than ``delay`` seconds:

```text
sequence_nr    timestamp      after the pull up to U
1 2            before T       taken before
3              T … U          taken
5              T … U          held back, as 4 is not there: the next pull begins with 4
```

The journal has no order of all events. So a row whose write took longer than the delay may become visible after a
pull has passed its time. The next pull notices this, as the last numbers up to that time have another fingerprint.
Then everything is read again, and the log drops the events that it has, by their ids. So it is where all rows of a
persistence id were deleted: a late row may hide behind them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain, groupby
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import asdict

from eventsource.errors import SourceError
from eventsource.event import SourceLag
from eventsource.messages import counted
from eventsource.sources._store_source import Taken
from eventsource.sources.cassandra._akka_rows import COLUMNS, record_of
from eventsource.sources.cassandra._options import Options
from eventsource.sources.cassandra._tables import TablesSource
from eventsource.sources.cassandra._tokens import token_ranges
from eventsource.sources.cassandra._uuid_times import age_of, ticks_before

__all__ = ["AkkaJournal", "AkkaSource"]

_MARKS: Final = 2**53
"""Fingerprints are below this, as checkpoints are JSON."""


class Walk(Struct):
    """How far a scan is. A fingerprint is that of persistence ids with their last sequence numbers; see `_mark`.

    Args:
        token: all partitions up to this token are done.
        within: the persistence id that is not done yet, and the last sequence number that was taken of it.
        before: the fingerprint of what earlier pulls should have taken.
        taken: the fingerprint of what is taken after this one.
        held: persistence id → the sequence number from which it is held back.
    """

    token: int | None = None
    within: tuple[str, int] | None = None
    before: int = 0
    taken: int = 0
    held: dict[str, int] = field(default_factory=dict)


class AkkaJournal(TablesSource):
    """What both ways to read a journal share; see `TablesSource` for the arguments."""

    def store(self) -> str:
        """Return the id of the table: one that was created again has another one."""
        with self._session() as session:
            asked = "SELECT id FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s"
            found = session.execute(asked, (self._place.keyspace, self._place.table)).one()
        if found is None:
            raise SourceError(
                f"{self.name}: expected a journal of Akka, but there is no table {self._place.table}",
                hint="check the keyspace, or name the table: ?layout=akka&table=messages",
            )
        return str(found.id)

    def _taken(self, rows: list[Mapping[str, Any]], place: Any, notes: tuple[str, ...] = ()) -> Taken:
        # JSON does not know the sets of the driver, and a rejected row is kept as JSON.
        pairs = ((row["sequence_nr"], {**row, "tags": sorted(row["tags"] or ())}) for row in rows)
        return Taken(place, *self.rows(self._place.table, pairs, record_of), notes)


class AkkaSource(AkkaJournal):
    """All persistence ids of a journal; see `TablesSource` for the arguments."""

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place; see `StoreSource.read`."""
        with self._session() as session:
            scan = _Scan(session, self._place.table, self._options, place)
            for rows, at, notes in scan.steps():
                yield self._taken(rows, at, notes)

    def lag_after(self, place: Any) -> SourceLag:
        """Return how many rows come after a place, by a scan without payloads; before the first pull not known."""
        if place is None or "scan" in place:
            return SourceLag(None, None)
        with self._session() as session:
            return _Scan(session, self._place.table, self._options, place).lag()


class _Scan:
    """One scan of all partitions.

    Args:
        session: the connection.
        table: the table of messages.
        options: how it is read.
        place: where the last pull ended.
    """

    def __init__(self, session: Any, table: str, options: Options, place: Any) -> None:
        self._session, self._table, self._options = session, table, options
        at = place or {}
        self._after, self._ends = int(at.get("after", 0)), at.get("ends")
        self._held: dict[str, int] = at.get("held", {})
        self._upto = int(at.get("upto", ticks_before(options.delay)))
        scan = at.get("scan")
        self._walk = Walk() if scan is None else Walk(**scan)
        self._notes: list[str] = []

    def steps(self) -> Iterator[tuple[list[Mapping[str, Any]], Any, tuple[str, ...]]]:
        """Yield rows, the place after them, and notes."""
        yield from self._pass()
        if self._ends is not None and self._walk.before != self._ends:
            self._notes.append(
                f"events became visible later than {self._options.delay:g} s after their time, or all events of a "
                "persistence id were deleted: everything is read again; if it happens often, give a longer delay"
            )
            self._after, self._ends, self._held, self._walk = 0, None, {}, Walk()
            yield from self._pass()
        held = self._walk.held
        if held:
            first, number = next(iter(held.items()))
            self._notes.append(
                f"{counted(len(held), 'persistence id')} held back: sequence number {number} of {first!r} cannot "
                "be read yet"
            )
        yield [], {"after": self._upto, "ends": self._walk.taken, "held": held}, self._noted()

    def lag(self) -> SourceLag:
        """Count the rows that a pull without a delay would read, and those that are held back."""
        count, oldest = 0, None
        columns = "persistence_id, sequence_nr, timestamp"
        for _, name, rows in self._streams(columns, None):
            for row in rows:
                begin = self._held.get(name)
                if row["timestamp"].time > self._after if begin is None else row["sequence_nr"] >= begin:
                    count += 1
                    oldest = min(oldest or row["timestamp"].time, row["timestamp"].time)
        held = tuple(f"{name!r} waits for sequence number {number}" for name, number in self._held.items())
        return SourceLag(count, age_of(oldest), held[:10])

    def _pass(self) -> Iterator[tuple[list[Mapping[str, Any]], Any, tuple[str, ...]]]:
        """Yield the new rows of all persistence ids, from where the walk is."""
        found: list[Mapping[str, Any]] = []
        for token, name, rows in self._streams(COLUMNS, self._walk.token):
            for row in self._new(name, rows):
                found.append(row)
                if len(found) >= self._options.batch:
                    self._walk.within = name, row["sequence_nr"]
                    yield found, self._so_far(), self._noted()
                    found = []
            self._walk.token, self._walk.within = token, None
        if found:
            yield found, self._so_far(), self._noted()

    def _new(self, name: str, rows: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of one persistence id that are new and follow each other; remember what is held back."""
        walk, begin = self._walk, self._held.get(name)
        done = walk.within[1] if walk.within is not None and walk.within[0] == name else 0
        last, before, writer = -1, 0, None
        is_stopped = is_held = False
        for row in rows:
            number, at = row["sequence_nr"], row["timestamp"].time
            if last < 0:
                last = before = 0 if number == 1 else self._deleted_to(name)
            if (at <= self._after) if begin is None else (number < begin):
                last = before = number
            elif at <= self._upto and not is_stopped and (number == last or self._follows(name, number, last)):
                if number == last and writer != row["writer_uuid"]:
                    self._notes.append(f"sequence number {number} of {name!r} was written by two writers")
                last = number
                if number > done:
                    yield row
            else:
                is_stopped = True
                is_held |= at <= self._upto
            writer = row["writer_uuid"]
        walk.before = (walk.before + _mark(name, before)) % _MARKS
        walk.taken = (walk.taken + _mark(name, last)) % _MARKS
        if is_held:
            walk.held[name] = max(0, last) + 1

    def _follows(self, name: str, number: int, last: int) -> bool:
        if number > last + 1 and self._options.allow_gaps:
            self._notes.append(f"{counted(number - last - 1, 'event')} before {number} of {name!r} are missing")
            return True
        return number == last + 1

    def _streams(self, columns: str, token: int | None) -> Iterator[tuple[int, str, Iterator[Mapping[str, Any]]]]:
        """Yield token, persistence id and rows of each persistence id: its partitions one after the other."""
        key = "token(persistence_id, partition_nr)"
        statement = self._session.prepare(
            f"SELECT {key} AS place, partition_nr, {columns} FROM {self._table} WHERE {key} > ? AND {key} <= ?"  # noqa: S608 - names are checked
        )
        for low, high in token_ranges(token):
            rows = (row._asdict() for row in self._session.execute(statement, (low, high)))
            groups = groupby(rows, lambda row: (row["place"], row["persistence_id"], row["partition_nr"]))
            for (place, name, number), group in groups:
                if number == 0 or self._is_first(name, number):
                    yield place, name, chain(group, self._later(columns, name, number + 1))

    def _is_first(self, name: str, number: int) -> bool:
        """Return whether the partition before is empty: its rows were deleted."""
        asked = f"SELECT sequence_nr FROM {self._table} WHERE persistence_id = %s AND partition_nr = %s LIMIT 1"  # noqa: S608
        return self._session.execute(asked, (name, number - 1)).one() is None

    def _later(self, columns: str, name: str, number: int) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a persistence id from a partition on, until one is empty."""
        asked = f"SELECT {columns} FROM {self._table} WHERE persistence_id = %s AND partition_nr = %s"  # noqa: S608
        is_there = True
        while is_there:
            is_there = False
            for row in self._session.execute(asked, (name, number)):
                is_there = True
                yield row._asdict()
            number += 1

    def _deleted_to(self, name: str) -> int:
        """Return up to which sequence number the events of a persistence id were deleted."""
        found = self._session.execute("SELECT deleted_to FROM metadata WHERE persistence_id = %s", (name,)).one()
        return 0 if found is None or found.deleted_to is None else int(found.deleted_to)

    def _so_far(self) -> dict[str, Any]:
        # The walk goes further while this is committed, so it is copied.
        scan = {**asdict(self._walk), "held": dict(self._walk.held)}
        own = {"after": self._after, "upto": self._upto, "held": self._held, "scan": scan}
        return own if self._ends is None else {**own, "ends": self._ends}

    def _noted(self) -> tuple[str, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes


def _mark(name: str, number: int) -> int:
    """Return what a persistence id adds to a fingerprint; nothing if no row of it was taken."""
    text = f"{name}:{number}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) % _MARKS if number > 0 else 0
