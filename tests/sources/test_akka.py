"""Akka's journal in Cassandra. No Akka runs here: the tables are written by their documented columns."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid1, uuid4

import pytest
from cassandra.cluster import Cluster

import eventsource as es
from eventsource.errors import SourceError
from eventsource.event import LagSource, Source
from eventsource.testing import Facts, SourceSuite
from tests.services.cassandra import Cassandra

pytestmark = pytest.mark.xdist_group("cassandra")  # so that one worker has the server

PARTITION = 3
"""Events of a partition; Akka's default is 500,000."""
HOUR = 36_000_000_000
"""Ticks of a time bucket."""

_COMMON = """
  writer_uuid text, ser_id int, ser_manifest text, event_manifest text, event blob,
  meta_ser_id int, meta_ser_manifest text, meta blob"""
_TABLES = (
    "CREATE KEYSPACE akka WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    f"""CREATE TABLE akka.tag_views (
  tag_name text, persistence_id text, sequence_nr bigint, timebucket bigint, timestamp timeuuid,
  tag_pid_sequence_nr bigint, {_COMMON},
  PRIMARY KEY ((tag_name, timebucket), timestamp, persistence_id, tag_pid_sequence_nr))""",
    """CREATE TABLE akka.metadata (
  persistence_id text PRIMARY KEY, deleted_to bigint, properties map<text, text>)""",
)
_MESSAGES = """CREATE TABLE akka.{} (
  persistence_id text, partition_nr bigint, sequence_nr bigint, timestamp timeuuid, timebucket text, {},
  tags set<text>, PRIMARY KEY ((persistence_id, partition_nr), sequence_nr, timestamp))"""
_PAYLOAD = "writer_uuid, ser_id, ser_manifest, event_manifest, event, meta"


@pytest.fixture(scope="session")
def keyspace(cassandra: Cassandra) -> Any:
    """A session, and the address of the node; the tables that all tests share are there."""
    cluster = Cluster(["127.0.0.1"], port=cassandra.port)
    session = cluster.connect()
    for statement in _TABLES:
        session.execute(statement)
    yield session, cassandra.address
    cluster.shutdown()


class Journal:
    """A table of messages of its own, for one test."""

    order: Literal["all", "stream"] = "stream"
    compared: Sequence[str] = ("event_id", "stream", "version", "type", "occurred_at", "data")
    batch: str | None = "batch"

    def __init__(self, session: Any, address: str) -> None:
        self.session, self.table = session, f"m{uuid4().hex}"
        self.session.execute(_MESSAGES.format(self.table, _COMMON))
        self._insert = session.prepare(  # bytes are sent as they are: a text of 10 MB would be 20 MB of digits
            f"INSERT INTO akka.{self.table} (persistence_id, partition_nr, sequence_nr, timestamp, "
            f"{_PAYLOAD}, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self.where = f"cassandra://{address}/akka?layout=akka&table={self.table}"
        self.options: Mapping[str, Any] = {
            "delay": 0.0,
            "event_id": "metadata.meta.id",
            "occurred_at": "metadata.meta.at",
        }

    def append(self, events: Sequence[Facts]) -> None:
        """Write events as one writer would."""
        for event in events:
            self.write(
                event.stream,
                event.version,
                event.data,
                manifest=f"com.example.Shop${event.type}#1",
                meta={"id": event.event_id, "at": event.occurred_at.isoformat()},
            )

    def write(
        self,
        name: str,
        number: int,
        data: Any = None,
        *,
        at: UUID | None = None,
        writer: str = "w1",
        manifest: str = "Placed",
        meta: Any = None,
    ) -> UUID:
        """Write one row; bytes are a payload as they are. Return its time."""
        at = at or uuid1()
        payload = data if isinstance(data, bytes) else json.dumps({"n": number} if data is None else data).encode()
        self.session.execute(
            self._insert,
            (
                *(name, (number - 1) // PARTITION, number, at, writer, 33, manifest, "", payload),
                None if meta is None else json.dumps(meta).encode(),
                {"all"},
            ),
        )
        return at

    def source(self, **arguments: Any) -> Source:
        """Return the journal as a source, with its own ids."""
        return es.source(self.where, **{"delay": 0.0, **arguments})


@pytest.fixture
def journal(keyspace: Any) -> Journal:
    """An empty table."""
    return Journal(*keyspace)


class TestJournal(SourceSuite):
    """The suite."""

    @pytest.fixture
    def system(self, journal: Journal) -> Journal:
        """An empty table."""
        return journal


def pulled(log: es.Log, source: Source) -> tuple[list[str], tuple[str, ...]]:
    """Pull; return the ids of the new events, and the notes."""
    before = log.head
    done = log.pull(source)
    return log.scan(start=before).collect()["event_id"].to_list(), done.notes


def test_a_gap_holds_its_persistence_id_back(journal: Journal, tmp_path: Path) -> None:
    """Events after a missing one wait for it, and say so; other persistence ids do not wait."""
    log = es.Log(tmp_path)
    journal.write("order-1", 1)
    journal.write("order-1", 3)
    journal.write("order-2", 1)
    ids, notes = pulled(log, journal.source())
    assert sorted(ids) == ["order-1:1", "order-2:1"]
    assert notes == ("1 persistence id held back: sequence number 2 of 'order-1' cannot be read yet",)
    source = journal.source()
    assert isinstance(source, LagSource)
    lag = log.lag(source)
    assert (lag.events, lag.held) == (1, ("'order-1' waits for sequence number 2",))
    journal.write("order-1", 2)
    assert pulled(log, journal.source()) == (["order-1:2", "order-1:3"], ())
    assert pulled(log, journal.source()) == ([], ())


def test_a_gap_that_stays_can_be_allowed(journal: Journal, tmp_path: Path) -> None:
    """Otherwise a damaged persistence id would be held back permanently."""
    journal.write("order-1", 1)
    journal.write("order-1", 4)
    ids, notes = pulled(es.Log(tmp_path), journal.source(allow_gaps=True))
    assert (ids, notes) == (["order-1:1", "order-1:4"], ("2 events before 4 of 'order-1' are missing",))


def test_a_pull_stays_behind_now(journal: Journal, tmp_path: Path) -> None:
    """An event of the last seconds is read by a later pull."""
    log = es.Log(tmp_path)
    journal.write("order-1", 1)
    assert pulled(log, journal.source(delay=3600.0)) == ([], ())
    assert pulled(log, journal.source()) == (["order-1:1"], ())


def test_an_event_that_becomes_visible_too_late_is_read_nevertheless(journal: Journal, tmp_path: Path) -> None:
    """Its write took longer than the delay. Nothing follows it: only the last numbers show that it is there."""
    log, at = es.Log(tmp_path), uuid1()
    journal.write("order-1", 1)
    pulled(log, journal.source())
    journal.write("order-2", 1, at=at)
    ids, notes = pulled(log, journal.source())
    assert ids == ["order-2:1"]
    assert notes[0].startswith("events became visible later than 0 s after")
    assert pulled(log, journal.source()) == ([], ())


def test_a_late_event_is_read_though_others_were_deleted(journal: Journal, tmp_path: Path) -> None:
    """As many events of another persistence id were deleted between the same pulls; it has none any more."""
    log = es.Log(tmp_path)
    journal.write("order-1", 1)
    journal.write("order-3", 1)
    at = uuid1()
    pulled(log, journal.source())
    journal.session.execute(
        f"DELETE FROM akka.{journal.table} WHERE persistence_id = 'order-3' AND partition_nr = 0"
    )
    journal.session.execute("INSERT INTO akka.metadata (persistence_id, deleted_to) VALUES ('order-3', 1)")
    journal.write("order-2", 1, at=at)
    ids, notes = pulled(log, journal.source())
    assert ids == ["order-2:1"]
    assert "were deleted: everything is read again" in notes[0]
    assert pulled(log, journal.source()) == ([], ())
    assert log.head == 3


def test_deleted_events_leave_no_gap(journal: Journal, tmp_path: Path) -> None:
    """Akka notes up to which number it deleted; whole partitions may be empty."""
    journal.session.execute("INSERT INTO akka.metadata (persistence_id, deleted_to) VALUES ('old-1', 7)")
    for number in (8, 9, 10):
        journal.write("old-1", number)
    log = es.Log(tmp_path)
    assert pulled(log, journal.source()) == (["old-1:8", "old-1:9", "old-1:10"], ())
    journal.write("old-1", 11)
    assert pulled(log, journal.source(batch=1)) == (["old-1:11"], ())


def test_two_writers_of_one_number_are_noticed(journal: Journal, tmp_path: Path) -> None:
    """The first one is in the log; the other one is a conflict, in the same pull or in a later one."""
    log = es.Log(tmp_path)
    journal.write("order-1", 1, {"n": "first"})
    journal.write("order-1", 1, {"n": "second"}, writer="w2")
    journal.write("order-1", 2)
    ids, notes = pulled(log, journal.source())
    assert ids == ["order-1:1", "order-1:2"]
    assert notes == ("sequence number 1 of 'order-1' was written by two writers",)
    journal.write("order-1", 2, {"n": "late"}, writer="w2")
    done = log.pull(journal.source())
    assert (done.appended, done.conflicts) == (0, 1)
    assert "sequence number 2 of 'order-1' was written by two writers" in done.notes
    assert [json.loads(data)["n"] for data in log.scan().collect()["data"]] == ["first", 2]
    assert log.pull(journal.source()).notes == ()


def test_payloads_that_are_json(journal: Journal, tmp_path: Path) -> None:
    """Also compressed ones, and values that are not objects; others are rejected with their serializer."""
    log = es.Log(tmp_path)
    journal.write("order-1", 1, b'{"amount": 12345678901234567890}', manifest="shop.Order$Placed#2")
    journal.write("order-1", 2, gzip.compress(b'{"amount": 5}'), manifest="shop.Paid")
    journal.write("order-1", 3, b"5", manifest="shop.Counted", meta={"user": "ann"})
    for number, payload in enumerate((b"\x0a\x07\xff", b"\x1f\x8b\x00", b"", b'{"a": "\xff"}'), 4):
        journal.write("order-1", number, payload, manifest="shop.Proto")
    done = log.pull(journal.source())
    events = log.scan().collect()
    assert events["type"].to_list() == ["Placed", "Paid", "Counted"]
    assert events["data"].to_list() == ['{"amount": 12345678901234567890}', '{"amount": 5}', '{"value":5}']
    metadata = json.loads(events["metadata"][2])
    assert metadata["meta"] == {"user": "ann"}
    assert (metadata["serializer"], metadata["writer"], metadata["tags"]) == (33, "w1", ["all"])
    assert done.rejected == 4
    rejected = log.rejected()
    assert set(rejected["reason"]) == {'the payload is not JSON: serializer 33, manifest "shop.Proto"'}
    assert b"Cgf/" in rejected["raw"][0]


@pytest.mark.hostile
def test_a_payload_that_grows_too_large_is_rejected(journal: Journal, tmp_path: Path) -> None:
    """64 KB would be more than 64 MB, and is not made; other rows are read."""
    bomb = gzip.compress(b" " * (64 * 1024 * 1024 + 1))
    log = es.Log(tmp_path)
    journal.write("order-1", 1, bomb)
    journal.write("order-2", 1)
    done = log.pull(journal.source())
    assert (done.appended, done.rejected) == (1, 1)
    assert log.rejected()["reason"].to_list() == [
        "expected at most 67,108,864 bytes in a compressed payload, got more"
    ]


def test_a_pull_that_ends_inside_a_persistence_id_resumes_there(journal: Journal, tmp_path: Path) -> None:
    """What came in between waits for the next scan, and is not counted as late."""
    log = es.Log(tmp_path)
    for number in range(1, 9):
        journal.write("order-1", number)
    source = journal.source(batch=3)
    batches = source.batches({})
    for batch in (next(batches), next(batches)):
        checkpoint = batch.checkpoint
    journal.write("order-1", 9)
    again = [each for batch in journal.source(batch=3).batches(checkpoint) for each in batch.events["event_id"]]
    assert again == ["order-1:7", "order-1:8"]
    log.pull(source)
    assert log.head == 9
    assert pulled(log, source) == ([], ())


def view(journal: Journal, tag: str, name: str, number: int, *, at: UUID | None = None) -> UUID:
    """Write a row of the view of a tag, whose numbers are those of the persistence id here."""
    at = at or uuid1()
    bucket = (at.time - 0x01B21DD213814000) // HOUR * HOUR // 10_000
    journal.session.execute(
        "INSERT INTO akka.tag_views (tag_name, timebucket, timestamp, persistence_id, tag_pid_sequence_nr, "
        f"sequence_nr, {_PAYLOAD}) VALUES (%s, %s, %s, %s, %s, %s, 'w1', 33, 'Placed', '', %s, null)",
        (tag, bucket, at, name, number, 10 * number, json.dumps({"n": number}).encode()),
    )
    return at


def test_a_tag_is_read_by_its_time_buckets(journal: Journal, tmp_path: Path) -> None:
    """Events of earlier hours, of this one, and of other tags; nothing twice, whatever the size of batches."""
    tag, log = uuid4().hex, es.Log(tmp_path)
    now = uuid1()
    for hours in (30, 2):
        earlier = UUID(fields=_fields(now.time - hours * HOUR))
        view(journal, tag, f"order-{hours}", 1, at=earlier)
    view(journal, tag, "order-1", 1)
    view(journal, f"{tag}-other", "order-1", 1)
    source = journal.source(tag=tag, batch=1)
    assert pulled(log, source) == (["order-30:10", "order-2:10", "order-1:10"], ())
    view(journal, tag, "order-1", 2)
    view(journal, tag, "order-3", 1)
    assert isinstance(source, LagSource)
    assert log.lag(source).events == 2
    assert pulled(log, source) == (["order-1:20", "order-3:10"], ())
    lag = log.lag(source)
    assert (lag.events, lag.seconds, lag.held) == (0, 0.0, ())
    assert json.loads(log.scan().collect()["metadata"][0])["tags"] == [tag]


def test_a_number_of_a_tag_that_is_missing_holds_back(journal: Journal, tmp_path: Path) -> None:
    """The missing event comes late, with an earlier time: it is read, and then what waits for it."""
    tag, log = uuid4().hex, es.Log(tmp_path)
    view(journal, tag, "order-1", 1)
    late = uuid1()
    view(journal, tag, "order-1", 3)
    view(journal, tag, "order-2", 1)
    source = journal.source(tag=tag)
    ids, notes = pulled(log, source)
    assert ids == ["order-1:10", "order-2:10"]
    assert notes == ("1 persistence id held back: number 2 of the tag and 'order-1' cannot be read yet",)
    assert isinstance(source, LagSource)
    assert log.lag(source).held == ("number 2 of the tag and 'order-1' is not there",)
    view(journal, tag, "order-1", 2, at=late)
    assert pulled(log, source) == (["order-1:20", "order-1:30"], ())
    assert pulled(log, source) == ([], ())


def test_a_journal_that_was_created_again_is_another_one(journal: Journal, tmp_path: Path) -> None:
    """Its sequence numbers mean something else."""
    log = es.Log(tmp_path)
    journal.write("order-1", 1)
    pulled(log, journal.source())
    journal.session.execute(f"DROP TABLE akka.{journal.table}")
    with pytest.raises(SourceError, match="there is no table"):
        log.pull(journal.source())
    journal.session.execute(_MESSAGES.format(journal.table, _COMMON))
    with pytest.raises(SourceError, match="belongs to another store"):
        log.pull(journal.source())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": "akkka"}, "expected a layout of eventsource or akka, got 'akkka'"),
        ({"layout": "eventsource", "tag": "t"}, "tag and allow_gaps are for Akka's journal"),
        ({"layout": "akka", "delay": -1.0}, "expected delay >= 0"),
    ],
)
def test_options_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    """They are refused before a connection is made."""
    with pytest.raises(SourceError, match=message):
        es.source("cassandra://nowhere/akka", **arguments)


def _fields(ticks: int) -> tuple[int, int, int, int, int, int]:
    return ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF | 0x1000, 0x80, 0, 7
