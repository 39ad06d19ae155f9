"""KurrentDB: the suite of sources, and what only its streams do; on a test server that speaks its protocol."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState

import eventsource as es
from eventsource.errors import SourceError, StoreError
from eventsource.event import Batch, LagSource, Source
from eventsource.sources._store_source import StoreSource
from eventsource.testing import Facts, SourceSuite, check_copy, some_facts
from tests.services._process import free_port
from tests.services.kurrent import Kurrent
from tests.services.kurrent._database import Database
from tests.sources.kafkakit import read


class Streams:
    """A server with streams, for one test."""

    order: Literal["all", "stream"] = "all"
    compared: Sequence[str] = ("event_id", "stream", "type", "occurred_at", "data")
    batch: str | None = "batch"

    def __init__(self, server: Kurrent, path: str = "") -> None:
        self.server = server
        self.client = KurrentDBClient(f"kurrentdb://{server.address}?Tls=false")
        self.where = f"kurrentdb://{server.address}/{path}?Tls=false"
        self.options: Mapping[str, Any] = {"occurred_at": "metadata.at"}

    def append(self, events: Sequence[Facts]) -> None:
        """Append events to their streams."""
        for event in events:
            self.write(event.stream, event.type, event.data, event.event_id, {"at": event.occurred_at.isoformat()})

    def write(
        self,
        stream: str,
        type: str,  # noqa: A002 - the word of the store
        data: Any,
        event_id: str | None = None,
        metadata: Any = None,
        content_type: Literal["application/json", "application/octet-stream"] = "application/json",
    ) -> None:
        """Append one event."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        own = {} if event_id is None else {"id": UUID(event_id)}
        about = b"" if metadata is None else json.dumps(metadata).encode()
        event = NewEvent(type=type, data=raw, metadata=about, content_type=content_type, **own)
        self.client.append_to_stream(stream, events=[event], current_version=StreamState.ANY)

    def source(self, path: str = "", **arguments: Any) -> Source:
        """Return the server, or a stream, as a source."""
        return es.source(f"kurrentdb://{self.server.address}/{path}?Tls=false", **arguments)

    def read(self, path: str = "", **arguments: Any) -> Batch:
        """Read everything."""
        return read(self.source(path, **arguments))


@pytest.fixture
def server() -> Iterator[Kurrent]:
    """An empty server."""
    server = Kurrent()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def streams(server: Kurrent) -> Iterator[Streams]:
    """Its streams."""
    streams = Streams(server)
    yield streams
    streams.client.close()


class TestAll(SourceSuite):
    """The suite, with all streams."""

    @pytest.fixture
    def system(self, streams: Streams) -> Streams:
        """An empty server."""
        return streams


class TestCategory(SourceSuite):
    """The suite, with the streams of a category."""

    @pytest.fixture
    def system(self, streams: Streams) -> Streams:
        """An empty category, beside a stream of another one."""
        streams.options = {**streams.options, "category": "order"}
        streams.write("orders-1", "Other", {})
        return streams


class TestLinks(SourceSuite):
    """The suite, with the stream of links that the server keeps for a category."""

    @pytest.fixture
    def system(self, streams: Streams) -> Streams:
        """An empty category."""
        streams.where = f"kurrentdb://{streams.server.address}/$ce-order?Tls=false"
        return streams


def test_events_are_taken_as_they_are_recorded(streams: Streams) -> None:
    """Ids, streams, versions, types and times are columns; a payload keeps members with the names of columns."""
    streams.write("order-1", "Placed", {"type": "book", "stream": "x"}, metadata={"$correlationId": "c"})
    streams.write("order-1", "Paid", {"price": 5})
    first, second = streams.read().events.to_dicts()
    assert (first["stream"], first["version"], first["type"]) == ("order-1", 0, "Placed")
    assert json.loads(first["data"]) == {"type": "book", "stream": "x"}
    assert json.loads(first["metadata"]) == {"$correlationId": "c"}
    assert (second["version"], second["metadata"]) == (1, None)
    assert first["occurred_at"] == first["recorded_at"]


def test_members_of_payload_and_metadata_can_be_mapped(streams: Streams) -> None:
    """The payload is ``data``, what is beside it is ``metadata``."""
    streams.write("order-1", "Placed", {"at": "2024-01-01T00:00:00Z", "who": "ben"}, metadata={"id": "m"})
    mapped = streams.read(occurred_at="data.at", stream="data.who", event_id="metadata.id").events
    (row,) = mapped.to_dicts()
    assert (row["stream"], row["event_id"], row["occurred_at"].year) == ("ben", "m", 2024)


def test_links_and_system_events_are_left_out(streams: Streams) -> None:
    """``$all`` also holds links of categories and metadata of streams: the log gets each event once."""
    streams.write("order-1", "Placed", {})
    streams.client.set_stream_metadata("order-1", metadata={"$maxCount": 5}, current_version=StreamState.ANY)
    types = [record.type for record in streams.server.database.log]
    assert types == ["Placed", "$>", "$metadata"]
    assert list(streams.read().events["type"]) == ["Placed"]


def test_a_pull_without_new_events_goes_past_what_it_leaves_out(streams: Streams) -> None:
    """The next pull does not filter the same records again."""
    streams.write("order-1", "Placed", {})
    streams.client.set_stream_metadata("order-1", metadata={"$maxCount": 5}, current_version=StreamState.ANY)
    place = streams.read().checkpoint["place"]["at"]
    assert place["position"] == streams.server.database.log[-1].position


def test_other_payloads_are_kept_and_flagged(streams: Streams) -> None:
    """Bytes, other JSON, redacted payloads and tombstones are taken, and the metadata says what they were."""
    streams.write("a-1", "Photo", b"\x00\x01", content_type="application/octet-stream", metadata={"by": "ben"})
    streams.write("a-1", "Counted", b"5")
    streams.write("a-1", "Named", {"name": "Ada"}, "00000000-0000-4000-8000-000000000001")
    streams.write("a-1", "Broken", b"{")
    streams.server.database.redact("00000000-0000-4000-8000-000000000001")
    streams.client.tombstone_stream("a-1", current_version=StreamState.ANY)
    rows = streams.read().events.to_dicts()
    found = [(row["type"], json.loads(row["data"]), json.loads(row["metadata"])) for row in rows]
    assert found == [
        ("Photo", {"base64": "AAE="}, {"by": "ben", "$flags": ["binary"]}),
        ("Counted", {"value": 5}, {"$flags": ["not-an-object"]}),
        ("Named", {}, {"$flags": ["redacted"]}),
        ("Broken", {"base64": "ew=="}, {"$flags": ["binary"]}),
        ("Tombstone", {}, {"$flags": ["tombstone"]}),
    ]
    assert [row["version"] for row in rows] == [0, 1, 2, 3, None]


def test_one_stream_one_category_or_the_links_of_a_category_can_be_read(streams: Streams) -> None:
    """By the path of the URL, or by the names of streams."""
    for stream in ("order-1", "orders-1", "order-2", "order-1"):
        streams.write(stream, "Placed", {"in": stream})
    assert list(streams.read("order-1").events["version"]) == [0, 1]
    assert list(streams.read(category="order").events["stream"]) == ["order-1", "order-2", "order-1"]
    links = streams.read("$ce-order")
    assert list(links.events["stream"]) == ["order-1", "order-2", "order-1"]
    assert links.checkpoint["place"]["at"]["position"] == 2


def test_links_whose_events_are_gone_are_counted(streams: Streams) -> None:
    """A deleted stream leaves links behind, which resolve to nothing."""
    for stream in ("order-1", "order-2", "order-1", "order-3"):
        streams.write(stream, "Placed", {})
    streams.client.delete_stream("order-1", current_version=StreamState.ANY)
    batch = streams.read("$ce-order")
    assert list(batch.events["stream"]) == ["order-2", "order-3"]
    assert [note.partition(" of ")[0] for note in batch.notes] == ["2 links"]


def test_a_stream_that_lost_events_is_noticed(streams: Streams) -> None:
    """``$maxCount`` hides older events from readers of the stream; ``$all`` has them until a scavenge."""
    for _ in range(3):
        streams.write("order-1", "Placed", {})
    first = streams.read("order-1")
    streams.client.set_stream_metadata("order-1", metadata={"$maxCount": 1}, current_version=StreamState.ANY)
    for _ in range(3):
        streams.write("order-1", "Placed", {})
    with pytest.raises(SourceError, match=r"begins at event 5: 2 events before it were deleted"):
        read(streams.source("order-1"), first.checkpoint)
    rest = read(streams.source("order-1", allow_gaps=True), first.checkpoint)
    assert (list(rest.events["version"]), len(rest.notes)) == ([5], 1)
    assert streams.read().events.height == 6


def test_another_database_is_noticed(streams: Streams) -> None:
    """Positions of a restored or replaced database mean something else."""
    streams.write("order-1", "Placed", {})
    of_all, of_stream = streams.read().checkpoint, streams.read("order-1").checkpoint
    other = streams.server.database = Database()
    streams.server.stop()
    streams.server.start()
    KurrentDBClient(f"kurrentdb://{streams.server.address}?Tls=false").append_to_stream(
        "order-1",
        events=[NewEvent("Placed", b"{}"), NewEvent("Paid", b"{}")],
        current_version=StreamState.NO_STREAM,
    )
    assert len(other.log) == 4
    with pytest.raises(SourceError, match="another event at position 0"):
        read(streams.source("order-1"), of_stream)
    with pytest.raises(SourceError, match=r"another event at position|no event at position"):
        read(streams.source(), of_all)


def test_a_checkpoint_that_was_scavenged_is_noticed(streams: Streams) -> None:
    """The event where the last pull ended is gone: what came after it may be gone too, unless that is allowed."""
    streams.write("b-1", "Kept", {})
    streams.write("a-1", "Lost", {})
    checkpoint = streams.read().checkpoint
    streams.write("b-1", "Later", {})
    log = streams.server.database.log
    log.remove(next(each for each in log if each.position == checkpoint["place"]["at"]["position"]))
    with pytest.raises(SourceError, match="it was scavenged, or this is another database"):
        read(streams.source(), checkpoint)
    rest = read(streams.source(allow_gaps=True), checkpoint)
    assert (list(rest.events["type"]), len(rest.notes)) == (["Later"], 1)


def test_the_lag_of_a_stream_is_counted(streams: Streams) -> None:
    """And so is that of all streams, as long as it is short."""
    streams.write("order-1", "Placed", {})
    source, of_all = streams.source("order-1"), streams.source()
    assert isinstance(source, LagSource)
    assert isinstance(of_all, LagSource)
    assert source.lag({}).events == 1
    assert source.lag(read(source).checkpoint).events == 0
    assert of_all.lag({}).events == 1
    assert of_all.lag(read(of_all).checkpoint).events == 0


@pytest.mark.parametrize("path", ["", "order-1"])
def test_waiting_ends_when_an_event_comes(streams: Streams, path: str) -> None:
    """By a subscription; without an event it ends in time."""
    streams.write("order-1", "Placed", {})
    source = streams.source(path)
    assert isinstance(source, StoreSource)
    read(source)
    source.wait(0.2)
    streams.write("order-1", "Paid", {})
    source.wait(60)


def test_a_server_that_restarts_costs_nothing(streams: Streams, tmp_path: Path) -> None:
    """A pull while it is away fails with what to do; the next one resumes."""
    log, events = es.Log(tmp_path), some_facts(20)
    streams.append(events[:10])
    source = es.source(streams.where, **streams.options)
    log.pull(source)
    streams.append(events[10:])
    streams.server.stop()
    with pytest.raises(StoreError, match="whether the server runs"):
        log.pull(source)
    streams.server.start()
    assert log.pull(source).appended == 10
    check_copy(log, streams, events)


def test_credentials_are_asked_for_and_never_shown(tmp_path: Path) -> None:
    """Clients send them with TLS only. A wrong password is an error that does not show it."""
    server = Kurrent(user="admin", password="changeit", certificate=tmp_path)  # noqa: S106 - of a test server
    server.start()
    try:
        tls = f"?Tls=true&TlsCaFile={tmp_path / 'ca.pem'}"
        with pytest.raises(StoreError, match="check user and password") as raised:
            list(es.source(f"kurrentdb://admin:wr0ng@{server.address}{tls}").batches({}))
        assert "wr0ng" not in str(raised.value)
        source = es.source(f"kurrentdb://admin:changeit@{server.address}{tls}")
        assert "changeit" not in f"{source.name} {source!r}"
        assert list(source.batches({})) == []
        with pytest.raises(StoreError, match=r"TlsCaFile|Tls=true"):
            list(es.source(f"kurrentdb://admin:changeit@{server.address}?Tls=false").batches({}))
    finally:
        server.stop()


def test_errors_say_what_to_do(streams: Streams) -> None:
    """Streams that are not there, servers that are not there, URLs that mean nothing."""
    with pytest.raises(SourceError, match=r"stream 'order-9' .* does not exist"):
        list(streams.source("order-9").batches({}))
    streams.client.tombstone_stream("order-8", current_version=StreamState.ANY)
    with pytest.raises(SourceError, match="deleted forever"):
        list(streams.source("order-8").batches({}))
    with pytest.raises(StoreError, match="whether the server runs"):
        list(es.source(f"esdb://127.0.0.1:{free_port()}?Tls=false").batches({}))
    with pytest.raises(SourceError, match="without TLS"):
        list(es.source(f"kurrentdb://{streams.server.address}").batches({}))
    with pytest.raises(SourceError, match="got both"):
        streams.source("order-1", category="order")


def test_the_server_refuses_what_was_not_expected(streams: Streams) -> None:
    """Conflicts, repeated appends and tombstones, as the documentation says."""
    event = NewEvent(type="Placed", data=b"{}")
    first = streams.client.append_to_stream("a-1", events=[event], current_version=StreamState.NO_STREAM)
    assert streams.client.append_to_stream("a-1", events=[event], current_version=StreamState.NO_STREAM) == first
    other = NewEvent(type="Placed", data=b"{}")
    with pytest.raises(Exception, match="Stream position of last event is 0"):
        streams.client.append_to_stream("a-1", events=[other], current_version=3)
    streams.client.delete_stream("a-1", current_version=0)
    streams.client.append_to_stream("a-1", events=[other], current_version=StreamState.NO_STREAM)
    assert [each.stream_position for each in streams.client.get_stream("a-1")] == [1]
