"""Our own tables in Cassandra: the suite of sources, and what only a store without a global order does."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid1, uuid4

import polars as pl
import pytest
from cassandra.cluster import Cluster

import eventsource as es
from eventsource.errors import ConcurrencyError, FrameError, SourceError, StoreError
from eventsource.event import LagSource, Source
from eventsource.store import NO_STREAM
from eventsource.store.cassandra import BUCKET, CassandraStore
from eventsource.store.cassandra._store import _time_after
from eventsource.testing import Facts, SourceSuite, some_facts
from tests.services._process import free_port
from tests.services.cassandra import Cassandra
from tests.sources.kafkakit import read

KEYSPACE = "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


pytestmark = pytest.mark.xdist_group("cassandra")  # so that one worker has the server


@pytest.fixture(scope="session")
def keyspace(cassandra: Cassandra) -> str:
    """The URL of a keyspace."""
    cluster = Cluster(["127.0.0.1"], port=cassandra.port)
    cluster.connect().execute(KEYSPACE)
    cluster.shutdown()
    return f"cassandra://{cassandra.address}/shop"


class Tables:
    """Tables of their own, for one test."""

    order: Literal["all", "stream"] = "stream"
    compared: Sequence[str] = ("event_id", "stream", "version", "type", "occurred_at", "data")
    batch: str | None = "batch"

    def __init__(self, keyspace: str) -> None:
        self.table = f"t{uuid4().hex}"
        self.where = f"{keyspace}?table={self.table}"
        self.options: Mapping[str, Any] = {"delay": 0.0}
        self.store = CassandraStore(self.where)
        self.store.init()

    def append(self, events: Sequence[Facts]) -> None:
        """Append events one by one."""
        for event in events:
            members = asdict(event)
            members = {name: members[name] for name in ("event_id", "type", "occurred_at", "data")}
            self.store.append(event.stream, [members], NO_STREAM if event.version == 1 else event.version - 1)

    def source(self, **arguments: Any) -> Source:
        """Return the tables as a source."""
        return es.source(self.where, **{**self.options, **arguments})

    def execute(self, statement: str, *values: Any) -> Any:
        """Run a statement."""
        return self.store._session.execute(statement.format(table=self.table), values)


@pytest.fixture
def tables(keyspace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """Empty tables. However slow this machine is, no append announces its events twice."""
    monkeypatch.setattr("eventsource.store.cassandra._store._SLOW", 3600)
    tables = Tables(keyspace)
    yield tables
    tables.store.close()


class TestTables(SourceSuite):
    """The suite."""

    @pytest.fixture
    def system(self, tables: Tables) -> Tables:
        """Empty tables."""
        return tables


def placed(number: int = 0) -> dict[str, Any]:
    """Return an event."""
    return {"type": "Placed", "data": {"n": number}}


def test_an_append_expects_a_version(tables: Tables) -> None:
    """A stale expectation changes nothing; an append repeated with the same ids is the same append."""
    store = tables.store
    events = [{"type": "Placed", "event_id": "e1"}, {"type": "Paid", "event_id": "e2"}]
    assert store.append("order-1", events, NO_STREAM) == 2
    assert store.append("order-1", events, NO_STREAM) == 2
    assert store.append("order-1", events) == 2
    for stale in (NO_STREAM, 1, 3):
        with pytest.raises(ConcurrencyError):
            store.append("order-1", [{"type": "Late"}], stale)
    assert store.append("order-1", [{"type": "Shipped"}], 2) == 3
    assert [row["type"] for row in store.read("order-1")] == ["Placed", "Paid", "Shipped"]


def test_of_writers_with_one_expectation_one_wins(tables: Tables, tmp_path: Path) -> None:
    """The intents of the others lead to nothing."""

    def append(number: int) -> int:
        try:
            tables.store.append("hot", [placed(number)], NO_STREAM)
        except ConcurrencyError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(append, range(8))) == 1
    log = es.Log(tmp_path)
    log.pull(tables.source())
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda number: tables.store.append("hot", [placed(number)]), range(8))) == [
            *range(2, 10)
        ]
    assert log.pull(tables.source()).appended == 8
    assert log.scan().collect()["version"].to_list() == [*range(1, 10)]


def test_an_append_stays_in_one_bucket(tables: Tables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bucket is a partition, in which an append is all or nothing; streams continue in the next one."""
    for module in ("eventsource.store.cassandra._store", "eventsource.sources.cassandra._source"):
        monkeypatch.setattr(f"{module}.BUCKET", 4)
    tables.store.append("long", [placed(number) for number in range(3)], NO_STREAM)
    with pytest.raises(FrameError, match="append the first 1 alone"):
        tables.store.append("long", [placed(3), placed(4)], 3)
    for number in range(3, 10):
        tables.store.append("long", [placed(number)], number)
    assert [row["version"] for row in tables.store.read("long", 3)] == [*range(3, 11)]
    log = es.Log(tmp_path)
    log.pull(tables.source(batch=3))
    tables.store.append("long", [placed(10)], 10)
    log.pull(tables.source(batch=3))
    assert [json.loads(data)["n"] for data in log.scan().collect()["data"]] == [*range(11)]
    assert BUCKET == 10_000


def test_an_append_waits_for_the_version_before_it(tables: Tables, tmp_path: Path) -> None:
    """A version that is recorded later than its successor: the stream is held back, reported, and then read."""
    log = es.Log(tmp_path)
    tables.append(some_facts(1))
    log.pull(tables.source())
    tables.store.append("skewed", [placed(1)], NO_STREAM)
    tables.store.append("skewed", [placed(2)], 1)
    tables.store.append("other", [placed(3)], NO_STREAM)
    (row,) = tables.execute("SELECT * FROM {table} WHERE stream = 'skewed' AND bucket = 0 AND version = 1")
    tables.execute("DELETE FROM {table} WHERE stream = 'skewed' AND bucket = 0 AND version = 1")
    pulled = log.pull(tables.source())
    assert (pulled.appended, pulled.notes[-1]) == (
        1,
        "1 append held back: version 1 of 'skewed' cannot be read yet",
    )
    source = tables.source()
    assert isinstance(source, LagSource)
    lag = log.lag(source)
    assert (lag.events, lag.held) == (1, ("1 event without the version before",))
    recorded = _time_after(None)
    tables.execute(
        "INSERT INTO {table} (stream, bucket, version, event_id, type, occurred_at, recorded, data) "
        "VALUES ('skewed', 0, 1, %s, 'Placed', 0, %s, '{{}}')",
        row.event_id,
        recorded,
    )
    tables.execute(
        "INSERT INTO {table}_by_hour (hour, recorded, stream, first, count, event_id) "
        "VALUES (%s, %s, 'skewed', 1, 1, %s)",
        (recorded.time - 0x01B21DD213814000) // 36_000_000_000,
        recorded,
        row.event_id,
    )
    assert log.pull(tables.source()).appended == 2
    rows = log.scan().collect().filter(is_of("skewed"))
    assert rows["version"].to_list() == [1, 2]


def is_of(name: str) -> Any:
    """Return the condition that an event is of a stream."""
    return pl.col("stream") == name


def test_a_slow_append_announces_its_events_again(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers may have passed its first intent. Those that have not drop what they read twice."""
    log = es.Log(tmp_path)
    log.pull(tables.source())
    monkeypatch.setattr("eventsource.store.cassandra._store._SLOW", -1)
    tables.store.append("slow", [placed()], NO_STREAM)
    first = tables.execute("SELECT recorded FROM {table} WHERE stream = 'slow' AND bucket = 0").one().recorded
    tables.execute(
        "DELETE FROM {table}_by_hour WHERE hour = %s AND recorded = %s",
        (first.time - 0x01B21DD213814000) // 36_000_000_000,
        first,
    )
    assert log.pull(tables.source()).appended == 1


@pytest.mark.hostile
def test_a_row_of_another_writer_without_a_time_is_rejected(tables: Tables) -> None:
    """Its times are absent, or none that a calendar has; the events beside it are read."""
    tables.append(some_facts(1))
    insert = (
        "INSERT INTO {table} (stream, bucket, version, event_id, type, occurred_at, recorded, data) "
        "VALUES (%s, 0, 1, 'e', 'Placed', %s, %s, '{{}}')"
    )
    for stream, at, recorded in (("far", 2**62, uuid1()), ("null", None, uuid1()), ("never", 0, None)):
        tables.execute(insert, stream, at, recorded)
    batch = read(tables.source())
    assert (batch.events.height, batch.rejected.height) == (1, 3)
    assert batch.rejected["reason"].str.contains("expected times of the years 1 to 9999").all()


def test_a_pull_stays_behind_now(tables: Tables) -> None:
    """What was appended within the delay is left for a later pull."""
    tables.append(some_facts(3))
    behind = tables.source(delay=3600.0)
    batch = read(behind)
    assert batch.events.is_empty()
    assert isinstance(behind, LagSource)
    assert behind.lag(batch.checkpoint).events == 3
    assert read(tables.source(), batch.checkpoint).events.height == 3


def test_tables_that_were_created_again_are_other_ones(tables: Tables) -> None:
    """Their identity differs."""
    tables.append(some_facts(1))
    checkpoint = read(tables.source()).checkpoint
    tables.execute("TRUNCATE {table}_store")
    tables.store.init()
    with pytest.raises(SourceError, match="belongs to another store"):
        read(tables.source(), checkpoint)


def test_later_versions_have_later_times() -> None:
    """Also where the clock goes back."""
    last = _time_after(None)
    ahead = UUID(fields=(last.time_low, last.time_mid, last.time_hi_version + 1, *last.fields[3:]))
    assert _time_after(last).time > last.time
    assert _time_after(ahead).time == ahead.time + 10


def test_errors_say_what_to_do(keyspace: str) -> None:
    """Hosts, keyspaces and tables that are not there, URLs that mean nothing."""
    with pytest.raises(StoreError, match="whether the nodes run"):
        list(es.source(f"cassandra://127.0.0.1:{free_port()}/shop", timeout=2.0).batches({}))
    with pytest.raises(StoreError, match="create the keyspace nowhere"):
        list(es.source(keyspace.replace("/shop", "/nowhere")).batches({}))
    with pytest.raises(StoreError, match="create the tables"):
        list(es.source(keyspace, table="nothing").batches({}))
    with pytest.raises(SourceError, match="expected hosts, a keyspace"):
        es.source("cassandra://host")
    with pytest.raises(SourceError, match="expected hosts, a keyspace"):
        es.source(keyspace, table="a; DROP")
    source = es.source(keyspace.replace("://", "://ben:s3cret@"))
    assert "s3cret" not in f"{source.name} {source!r} {source.__dict__}"
