"""Topics of Kafka: the suite of sources, and what only a broker does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewPartitions

import eventsource as es
from eventsource.errors import SourceError, StoreError
from eventsource.event import LagSource
from eventsource.sources._store_source import StoreSource
from eventsource.testing import SourceSuite, check_copy, some_facts
from tests.services.kafka import Kafka
from tests.sources.kafkakit import AT, Topic, read


@pytest.fixture
def topic(kafka: Kafka) -> Topic:
    """An empty topic with three partitions."""
    return Topic(kafka)


class TestTopics(SourceSuite):
    """The suite."""

    @pytest.fixture
    def system(self, topic: Topic) -> Topic:
        """An empty topic."""
        return topic


def event(number: int, **more: object) -> dict[str, object]:
    """Return a value that has all members of the envelope."""
    at = "2024-01-01T00:00:00Z"
    return {"event_id": f"e{number}", "stream": "s", "type": "T", "occurred_at": at, "data": {"n": number}, **more}


def ids(topic: Topic, query: str = "", **arguments: object) -> list[str]:
    """Return the ids of all events of a topic."""
    return list(read(topic.source(query, **arguments)).events["event_id"])


def test_only_committed_messages_up_to_the_stable_offset_are_read(topic: Topic) -> None:
    """Aborted and open transactions are invisible; control records take offsets; later commits come later."""
    producer = topic.producer(**{"transactional.id": topic.name})
    producer.init_transactions(30)

    def produce(number: int) -> None:
        producer.begin_transaction()
        producer.produce(topic.name, json.dumps(event(number)), key="s", partition=0)
        producer.flush()  # what is aborted before it was sent never takes an offset

    produce(1)
    producer.commit_transaction()
    produce(2)
    producer.abort_transaction()
    produce(3)
    source = topic.source()
    first = read(source)
    assert list(first.events["event_id"]) == ["e1"]
    assert first.checkpoint["place"]["at"]["offsets"] == {"0": 4, "1": 0, "2": 0}
    topic.produce(event(4))
    assert read(source, first.checkpoint).events.is_empty()
    producer.commit_transaction()
    topic.wait_until_stable(0, 7)
    assert list(read(source, first.checkpoint).events["event_id"]) == ["e3", "e4"]


def test_a_pull_ends_behind_the_last_control_record(topic: Topic) -> None:
    """No message is at the last offset; the checkpoint goes past it, and nothing is left to read."""
    producer = topic.producer(**{"transactional.id": topic.name})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic.name, json.dumps(event(1)), partition=1)
    producer.flush()
    producer.abort_transaction()
    topic.wait_until_stable(1, 2)
    source = topic.source()
    batch = read(source)
    assert batch.events.is_empty()
    assert batch.checkpoint["place"]["at"]["offsets"]["1"] == 2
    assert isinstance(source, LagSource)
    assert source.lag(batch.checkpoint).events == 0


def test_a_compacted_topic_is_refused_unless_it_is_allowed(kafka: Kafka) -> None:
    """Kafka keeps only the last messages of each key there: no earlier moment can be answered."""
    topic = Topic(kafka, cleanup_policy="compact")
    topic.produce(event(1))
    with pytest.raises(SourceError, match="is compacted"):
        read(topic.source())
    allowed = read(topic.source(allow_gaps=True))
    assert allowed.events.height == 1
    assert any("is compacted" in note for note in allowed.notes)


def test_lost_history_is_noticed_and_the_gap_is_kept(topic: Topic, tmp_path: Path) -> None:
    """Messages that were deleted before they were read are a gap: refused, or kept in the log's checkpoint."""
    log = es.Log(tmp_path)
    for number in range(5):
        topic.produce(event(number))
    log.pull(topic.source())
    for number in range(5, 10):
        topic.produce(event(number))
    deleted = topic.admin.delete_records([TopicPartition(topic.name, 0, 8)])
    assert [each.result().low_watermark for each in deleted.values()] == [8]
    with pytest.raises(SourceError, match=r"begins at offset 8: the offsets 5 to 7 were deleted"):
        log.pull(topic.source())
    assert log.head == 5
    pulled = log.pull(topic.source(allow_gaps=True))
    assert (pulled.appended, len(pulled.notes)) == (2, 1)
    place = log.checkpoint(topic.source()).get("place")
    assert place["at"]["gaps"] == [[0, 5, 7]]
    assert log.pull(topic.source()).appended == 0


@pytest.mark.hostile
def test_a_time_that_no_calendar_has_rejects_only_its_message(kafka: Kafka) -> None:
    """A producer may write any number of milliseconds, if the topic allows it; the year 9999 is the last one."""
    topic = Topic(kafka, message_timestamp_after_max_ms=str(2**63 - 1))
    for time in (AT, 253_402_300_799_999, 253_402_300_800_000, 2**63 - 1):
        topic.produce({"type": "T"}, timestamp=time)
        topic.produce(None, timestamp=time)
    batch = read(topic.source())
    assert sorted(batch.events["occurred_at"].dt.year()) == [2024, 2024, 9999, 9999]
    assert batch.rejected.height == 4
    assert isinstance(source := topic.source(), LagSource)
    assert source.lag({}).events == 8


def test_a_topic_that_was_never_read_may_have_lost_history(topic: Topic) -> None:
    """The first pull is as strict: the beginning of the topic is gone."""
    topic.produce(event(1))
    topic.produce(event(2))
    for each in topic.admin.delete_records([TopicPartition(topic.name, 0, 1)]).values():
        each.result()
    with pytest.raises(SourceError, match="the offsets 0 to 0 were deleted"):
        read(topic.source())
    assert ids(topic, "?allow_gaps=true") == ["e2"]


def test_a_topic_that_was_created_again_is_another_one(topic: Topic, tmp_path: Path) -> None:
    """Its offsets mean something else: the checkpoint is refused, and nothing is skipped in silence."""
    log = es.Log(tmp_path)
    topic.produce(event(1))
    log.pull(topic.source())
    topic.admin.delete_topics([topic.name])[topic.name].result()
    topic.create()
    topic.produce(event(2))
    with pytest.raises(SourceError, match="belongs to another store"):
        log.pull(topic.source())
    assert log.pull(topic.source(), again=True).appended == 1


def test_new_partitions_are_read_and_noted(topic: Topic) -> None:
    """A topic may get more partitions; keys may then be in two of them."""
    topic.produce(event(1))
    first = read(topic.source())
    topic.admin.create_partitions([NewPartitions(topic.name, 5)])[topic.name].result()
    topic.produce(event(2), partition=4)
    second = read(topic.source(), first.checkpoint)
    assert list(second.events["event_id"]) == ["e2"]
    assert any("5 partitions, it had 3" in note for note in second.notes)


def test_what_the_value_lacks_comes_from_the_message(topic: Topic) -> None:
    """Key, time, offset and headers are stream, times, id and metadata, unless the value has them."""
    topic.produce({"price": 5}, key="c-7", headers=[("type", "Bought"), ("trace", "a"), ("trace", "b")])
    topic.produce({"price": 6, "id": "i", "type": "Sold"}, key="c-7")
    first, second = read(topic.source()).events.to_dicts()
    assert (first["event_id"], first["stream"], first["type"]) == (f"{topic.name}/0:0", "c-7", "Bought")
    assert first["occurred_at"].timestamp() * 1000 == AT
    assert json.loads(first["metadata"]) == {"type": "Bought", "trace": ["a", "b"]}
    assert (second["event_id"], second["type"], second["data"]) == ("i", "Sold", '{"price":6}')


def test_any_member_of_the_message_can_be_mapped(topic: Topic) -> None:
    """Also where the value has all members of the envelope, and in bulk."""
    for number in range(3):
        topic.produce(event(number), key=f"key-{number}", headers=[("v", str(number))])
    batch = read(topic.source(stream="@key", version="@headers.v", recorded_at="@time", occurred_at="occurred_at"))
    assert list(batch.events["stream"]) == ["key-0", "key-1", "key-2"]
    assert list(batch.events["version"]) == [0, 1, 2]
    assert json.loads(batch.events["data"][2]) == {"n": 2}


def test_a_value_cannot_pretend_to_have_another_key(topic: Topic) -> None:
    """The key of the message counts, whatever members its value has."""
    topic.produce({"type": "T", "@key": "admin", "@time": "1999-01-01T00:00:00Z"}, key="guest")
    (row,) = read(topic.source(stream="@key")).events.to_dicts()
    assert (row["stream"], row["occurred_at"].year) == ("guest", 2024)
    assert row["data"] == "{}"


def test_messages_that_are_not_events_are_rejected_with_reasons(topic: Topic) -> None:
    """No key, no JSON, no object, encoded by a registry: each says so, and costs only itself."""
    values = [b"not json", b"[1]", b'{"a": 1} {"b": 2}', b"\0\0\0\0\7abcdef", b'{"type": "T"', b"", b"{}"]
    for value in values:
        topic.produce(value)
    topic.produce({"type": "T"}, key=None)
    topic.produce(event(1), key=None)
    batch = read(topic.source())
    assert list(batch.events["event_id"]) == ["e1"]
    rejected = dict(zip(batch.rejected["line"], batch.rejected["reason"], strict=True))
    assert sorted(rejected) == list(range(len(values) + 1))
    assert "schema 7 of a registry" in rejected[3]
    assert rejected[7] == "stream (@key) is missing"
    assert set(batch.rejected["file"]) == {f"{topic.name}/0"}


def test_rejected_messages_can_be_retried_with_another_mapping(topic: Topic, tmp_path: Path) -> None:
    """The log keeps what the message had beside its value."""
    log = es.Log(tmp_path)
    topic.produce({"kind": "Paid"}, key="c")
    assert log.pull(topic.source()).rejected == 1
    assert log.retry(topic.source(type="kind")).appended == 1
    (row,) = log.scan().collect().to_dicts()
    assert (row["stream"], row["type"], row["event_id"]) == ("c", "Paid", f"{topic.name}/0:0")


def test_pretty_values_and_blanks_around_them_are_read(topic: Topic) -> None:
    """Line breaks between members become blanks."""
    topic.produce(b" " + json.dumps(event(1), indent=2).encode() + b"\n")
    topic.produce(event(2))
    batch = read(topic.source())
    assert list(batch.events["event_id"]) == ["e1", "e2"]
    assert json.loads(batch.events["data"][0]) == {"n": 1}


def test_tombstones_are_events_of_their_key(topic: Topic) -> None:
    """A message without a value says that its key was deleted; in order, whatever the mapping."""
    topic.produce(event(1), key="c")
    topic.produce(None, key="c")
    topic.produce(event(2), key="c")
    topic.produce(None, key=None)
    batch = read(topic.source(type="type"))
    assert list(batch.events["type"]) == ["T", "Tombstone", "T"]
    assert batch.events.row(1, named=True)["stream"] == "c"
    assert list(batch.rejected["reason"]) == ["a message without a value needs a key"]


def test_keys_that_are_not_texts_are_shown_as_base64(topic: Topic) -> None:
    """Such as UUIDs of 16 bytes."""
    topic.produce({"type": "T"}, key=b"\xff\x00")
    assert list(read(topic.source()).events["stream"]) == ["base64:/wA="]


def test_cloud_events_are_read_in_both_modes(topic: Topic) -> None:
    """Structured: the value is the event. Binary: headers are its attributes, the value is its data."""
    attributes = {"specversion": "1.0", "id": "1", "source": "/a", "type": "Paid", "time": "2024-02-03T00:00:00Z"}
    topic.produce({**attributes, "data": {"price": 5}})
    headers = [*((f"ce_{name}", text) for name, text in attributes.items()), ("content-type", "application/json")]
    topic.produce({"price": 5}, headers=[(name, "2" if name == "ce_id" else text) for name, text in headers])
    topic.produce(b"<a/>", headers=[("ce_id", "3"), ("content-type", "text/xml"), *headers[:1], *headers[2:-1]])
    events = read(topic.source()).events
    assert list(events["type"]) == ["Paid"] * 3
    assert list(map(json.loads, events["data"]))[:2] == [{"price": 5}, {"price": 5}]
    assert "PGEvPg==" in events["data"][2]
    assert events["occurred_at"].n_unique() == 1


def test_changes_of_debezium_take_the_key_of_the_message(topic: Topic) -> None:
    """The row's key is in the message, the change in its value; the tombstone after a deletion is an event too."""
    change = {"op": "c", "after": {"no": 7, "name": "Ada"}, "source": {"table": "who", "lsn": 9, "ts_ms": AT}}
    topic.produce({"schema": {}, "payload": change}, key='{"schema":{},"payload":{"no":7}}')
    (row,) = read(topic.source()).events.to_dicts()
    assert (row["stream"], row["type"], json.loads(row["data"])) == (
        "who/7",
        "who.created",
        {"no": 7, "name": "Ada"},
    )


def test_the_age_and_the_number_of_unread_messages_are_known(topic: Topic) -> None:
    """The lag counts what is after the checkpoint."""
    source = topic.source()
    assert isinstance(source, LagSource)
    topic.produce(event(1), timestamp=AT)
    checkpoint = read(source).checkpoint
    assert source.lag(checkpoint).events == 0
    topic.produce(event(2), timestamp=AT)
    topic.produce(event(3), partition=2)
    lag = source.lag(checkpoint)
    assert lag.events == 2
    assert lag.seconds is not None
    assert lag.seconds > 1e7


def test_waiting_ends_when_a_message_comes(topic: Topic) -> None:
    """A service that follows the topic pulls as soon as there is something."""
    source = topic.source()
    assert isinstance(source, StoreSource)
    read(source)
    topic.produce(event(1))
    source.wait(60)
    assert len(ids(topic)) == 1


def test_a_broker_that_restarts_costs_nothing(kafka: Kafka, tmp_path: Path) -> None:
    """A pull while it is away fails with what to do; the next one resumes at the last commit."""
    topic, log, events = Topic(kafka), es.Log(tmp_path), some_facts(40)
    topic.append(events[:20])
    log.pull(topic.source())
    topic.append(events[20:])
    kafka.stop()
    try:
        with pytest.raises(StoreError, match="Connection refused") as raised:
            log.pull(topic.source())
        assert "whether the broker runs" in str(raised.value)
    finally:
        kafka.start()
    assert log.pull(topic.source()).appended == 20
    check_copy(log, topic, events)


_PULL = """
import sys, eventsource as es
url, folder = sys.argv[1:]
es.Log(folder).pull(es.source(url, batch=7))
"""


@pytest.mark.slow
def test_a_pull_that_is_killed_loses_and_repeats_nothing(topic: Topic, tmp_path: Path) -> None:
    """Kill it a little later each time; then the log equals the topic."""
    events = some_facts(300)
    topic.append(events)
    for number in range(8):
        pull = subprocess.Popen([sys.executable, "-c", _PULL, topic.where, str(tmp_path / "log")])
        try:
            pull.wait(1.5 + number / 4)
        except subprocess.TimeoutExpired:
            pull.kill()
            pull.wait()
    log = es.Log(tmp_path / "log")
    assert log.pull(topic.source()).duplicates == 0
    check_copy(log, topic, events)


def test_a_topic_that_does_not_exist_is_named_with_a_similar_one(topic: Topic) -> None:
    """And it is not created by asking for it."""
    url = topic.where.replace(topic.name, topic.name[:-1])
    for _ in range(2):
        with pytest.raises(SourceError, match=f"does not exist[\\s\\S]*did you mean '{topic.name}'"):
            read(es.source(url))


def test_a_broker_that_speaks_no_tls_says_so(topic: Topic) -> None:
    """The error names the option."""
    with pytest.raises(StoreError, match=r"does not speak TLS here: \?security.protocol=PLAINTEXT"):
        read(topic.source("?security.protocol=SSL"))
