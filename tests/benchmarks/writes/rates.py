"""Events a second of one writer: `EventStore` beside a bare INSERT of the same rows and another library.

All write the same events to new streams, each stream in one commit, and what arrived is counted afterwards:

    contender      each commit
    bare INSERT    SQLAlchemy with the same driver into the same table; versions, ids and JSON texts are ready
    EventStore     `append` of dicts to a stream that must be new
    eventsourcing  `EventStore.put` of its domain events, into its own table, with its own JSON

What each needs is made before the clock starts. All wait for the disk at every commit.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from eventsourcing.application import Application
from eventsourcing.domain import DomainEvent

from eventsource.store import NO_STREAM, EventStore
from tests.benchmarks.writes.ways import engine

__all__ = ["BATCHES", "CONTENDERS", "Rate", "rates"]

BATCHES: Final = (1, 100)
_NOW: Final = datetime(2024, 1, 1, tzinfo=UTC)
_PAYLOAD: Final = '{"amount":"9.50","city":"Kraków","items":["book","lamp"]}'


class Deposited(DomainEvent):
    """The event of the `eventsourcing` library, with the same payload."""

    amount: str
    city: str
    items: list[str]


@dataclass(frozen=True)
class Rate:
    """What one contender reached: the median of the rounds, in which all contenders took turns.

    Args:
        database: ``SQLite`` or ``PostgreSQL``.
        contender: a name of `CONTENDERS`.
        batch: events in a commit.
        per_second: events a second.
        cpu: microseconds of CPU of this process for an event; a server's are not among them.
    """

    database: str
    contender: str
    batch: int
    per_second: float
    cpu: float

    def row(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def rates(database: str, url: str, *, seconds: float, rounds: int = 3) -> Iterator[Rate]:
    """Yield the rate of every contender and batch size.

    Args:
        database: the name that is shown.
        url: the URL of an empty database.
        seconds: how long a contender writes in each round.
        rounds: how often the contenders take turns.
    """
    for batch in BATCHES:
        writers = {name: make(url, batch) for name, make in CONTENDERS.items()}
        before = {name: writer.stored() for name, writer in writers.items()}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in writers}
        for _ in range(rounds):
            for name, writer in writers.items():
                found[name].append(writer.run(seconds))
        for name, writer in writers.items():
            assert writer.stored() == before[name] + writer.sent, (name, writer.stored(), writer.sent)
            per_second, cpu = (sorted(each)[rounds // 2] for each in zip(*found[name], strict=True))
            yield Rate(database, name, batch, per_second, cpu)


class _Writer:
    """A contender; it makes the commits of a tenth of a second's work at a time, off the clock."""

    def __init__(self, url: str, batch: int) -> None:
        self.batch, self.sent = batch, 0
        self.url, self.table = url, f"rates{batch}"

    def run(self, seconds: float) -> tuple[float, float]:
        """Write for some seconds; return the events a second, and microseconds of CPU for an event."""
        spent, used, sent = 0.0, 0.0, 0
        while spent < seconds:
            commits = [self.prepare(str(uuid4())) for _ in range(max(1, 50 // self.batch))]
            begin, busy = time.perf_counter(), time.process_time()
            for commit in commits:
                self.commit(commit)
            used += time.process_time() - busy
            spent += time.perf_counter() - begin
            sent += len(commits) * self.batch
        self.sent += sent
        return sent / spent, used / sent * 1e6

    def prepare(self, stream: str) -> Any:
        """Return what `commit` takes, for a new stream."""
        raise NotImplementedError

    def commit(self, prepared: Any) -> None:
        """Write the events of one stream, and commit."""
        raise NotImplementedError

    def stored(self) -> int:
        """Return how many events are there."""
        raise NotImplementedError


class _Store(_Writer):
    def __init__(self, url: str, batch: int) -> None:
        super().__init__(url, batch)
        self._store = EventStore(url, table=f"{self.table}_store_append")
        self._store.init()

    def prepare(self, stream: str) -> Any:
        data = {"amount": "9.50", "city": "Kraków", "items": ["book", "lamp"]}
        return stream, [{"type": "Deposited", "occurred_at": _NOW, "data": data} for _ in range(self.batch)]

    def commit(self, prepared: Any) -> None:
        stream, events = prepared
        self._store.append(stream, events, expected_version=NO_STREAM)

    def stored(self) -> int:
        return sum(1 for _ in self._store.read_all(page=10_000))


class _Insert(_Writer):
    """A bare INSERT, through SQLAlchemy and the driver."""

    def __init__(self, url: str, batch: int) -> None:
        super().__init__(url, batch)
        self.table += "_bare"
        EventStore(url, table=self.table).init()
        self._engine = engine(url)
        self._is_sqlite = url.startswith("sqlite")
        names = ("stream", "version", "event_id", "type", "occurred_at", "recorded_at", "data")
        values = ", ".join(f":{name}" if self._is_sqlite else f"%({name})s" for name in names)
        self._insert = f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({values})"

    def prepare(self, stream: str) -> Any:
        now = "2024-01-01T00:00:00.000000Z" if self._is_sqlite else _NOW
        row = {"stream": stream, "type": "Deposited", "occurred_at": now, "recorded_at": now, "data": _PAYLOAD}
        return [{**row, "version": number, "event_id": str(uuid4())} for number in range(1, self.batch + 1)]

    def commit(self, prepared: Any) -> None:
        with self._engine.connect() as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql(self._insert, prepared)
            if self._is_sqlite:
                connection.exec_driver_sql("COMMIT")
            else:
                connection.commit()

    def stored(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(sa.text(f"SELECT count(*) FROM {self.table}")).scalar_one())


class _Eventsourcing(_Writer):
    def __init__(self, url: str, batch: int) -> None:
        super().__init__(url, batch)
        self._app: Application[UUID] = Application(env=_environment(url))

    def prepare(self, stream: str) -> Any:
        return [
            Deposited(  # type: ignore[call-arg]  # its metaclass makes the fields
                originator_id=UUID(stream),
                originator_version=number,
                timestamp=_NOW,
                amount="9.50",
                city="Kraków",
                items=["book", "lamp"],
            )
            for number in range(1, self.batch + 1)
        ]

    def commit(self, prepared: Any) -> None:
        self._app.events.put(prepared)

    def stored(self) -> int:
        return self._app.recorder.max_notification_id() or 0


def _environment(url: str) -> dict[str, str]:
    """Return the settings of the library for the same database; for SQLite, for a file beside it."""
    found = sa.make_url(url)
    if found.get_backend_name() == "sqlite":
        return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{found.database}.eventsourcing"}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(found.database),
        "POSTGRES_HOST": str(found.host),
        "POSTGRES_PORT": str(found.port),
        "POSTGRES_USER": str(found.username),
        "POSTGRES_PASSWORD": str(found.password or "none"),
    }


CONTENDERS: Final = {"bare INSERT": _Insert, "EventStore": _Store, "eventsourcing": _Eventsourcing}
