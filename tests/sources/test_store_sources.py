"""What all sources by URL share: checkpoints that know their store, records that become events."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource.errors import SourceError
from eventsource.event import LagSource, Source, SourceLag
from eventsource.sources import _schemes
from eventsource.sources._store_source import Message, RecordMapping, StoreSource, Taken, address

AT = "2024-01-01T00:00:00Z"


class Topic(StoreSource):
    """Messages in memory."""

    identity = "topic 1"
    messages_of_topic: tuple[Message, ...] = ()

    def __init__(self, url: str, mapping: RecordMapping, batch: int = 2) -> None:
        defaults = {"event_id": "{@place}:{@position}", "stream": "@key", "occurred_at": "@time"}
        super().__init__(address(url), mapping, defaults)
        self._batch = batch

    def store(self) -> str:
        """Return which topic it is."""
        return self.identity

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield some messages at a time."""
        begin = 0 if place is None else place["next"]
        for start in range(begin, len(self.messages_of_topic), self._batch):
            some = self.messages_of_topic[start : start + self._batch]
            events, rejected = self.messages("orders/0", some)
            yield Taken({"next": start + len(some), "held": [[None, "a" * 40]]}, events, rejected)

    def lag_after(self, place: Any) -> SourceLag:
        """Count the messages after a place."""
        return SourceLag(len(self.messages_of_topic) - (0 if place is None else place["next"]), None)


def open_source(url: str, mapping: RecordMapping, *, batch: int = 2) -> Source:
    """Open the topic in memory."""
    return Topic(url, mapping, batch)


def message(position: int, value: Any, **more: Any) -> Message:
    """Return a message with a JSON value."""
    return Message(position, json.dumps(value).encode(), **{"key": "order-1", "time": AT, **more})


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme ``memory``, which this module reads."""
    monkeypatch.setattr(_schemes, "import_module", lambda _: __import__(__name__, fromlist=["open_source"]))
    scheme = _schemes.Scheme("memory", "a topic in memory", "memory://topic")
    monkeypatch.setattr(_schemes, "SCHEMES", {"memory": scheme})
    monkeypatch.setattr(Topic, "messages_of_topic", tuple(message(n, {"type": "T", "n": n}) for n in range(5)))
    monkeypatch.setattr(Topic, "identity", "topic 1")


def test_members_of_a_record_can_be_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, headers, place, position and time are members beside those of the value, and no payload."""
    sent = message(7, {"n": 1, "who": "b"}, headers={"kind": "Paid", "trace": "x"})
    monkeypatch.setattr(Topic, "messages_of_topic", (sent,))
    log = es.Log(tmp_path)
    log.pull(es.source("memory://h/t", type="@headers.kind", stream="{who}/{@key}", metadata="@headers"))
    (row,) = log.scan().collect().to_dicts()
    assert (row["event_id"], row["stream"], row["type"]) == ("orders/0:7", "b/order-1", "Paid")
    assert json.loads(row["data"]) == {"n": 1, "who": "b"}
    assert json.loads(row["metadata"]) == {"kind": "Paid", "trace": "x"}


def test_known_formats_are_recognised_in_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CloudEvent in a message needs no mapping."""
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "Made", "time": AT, "data": {"n": 1}}
    monkeypatch.setattr(Topic, "messages_of_topic", (message(0, event),))
    log = es.Log(tmp_path)
    log.pull(es.source("memory://h/t"))
    (row,) = log.scan().collect().to_dicts()
    assert (row["event_id"], row["type"], json.loads(row["data"])) == ("/s#1", "Made", {"n": 1})


def test_the_checkpoint_has_any_value_of_json(tmp_path: Path) -> None:
    """The place of the last batch is what the next pull reads from, whatever it consists of."""
    log = es.Log(tmp_path)
    source = es.source("memory://ann:secret@h/t")
    log.pull(source)
    stored = es.Log(tmp_path).checkpoint(source).get("place")
    assert stored["at"] == {"next": 5, "held": [[None, "a" * 40]]}
    assert source.name == "memory://h/t"
    assert log.pull(source).appended == 0
    assert isinstance(source, LagSource)
    assert source.lag(log.checkpoint(source)).events == 0
    assert source.lag({}).events == 5


def test_a_shorter_value_replaces_a_longer_one(tmp_path: Path) -> None:
    """Pieces of a longer value that remain in the log do not matter."""
    log = es.Log(tmp_path)

    class Growing(Topic):
        def read(self, place: Any) -> Iterator[Taken]:
            yield Taken({"gaps": list(range(0 if place else 500))})

    source = Growing("memory://h/t", es.source("memory://h/t")._mapping)  # type: ignore[attr-defined]
    for gaps in (500, 0):
        log.pull(source)
        assert len(log.checkpoint(source).get("place")["at"]["gaps"]) == gaps


def test_the_checkpoint_of_another_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that was created again has other messages at the same positions."""
    log = es.Log(tmp_path)
    source = es.source("memory://h/t")
    log.pull(source)
    monkeypatch.setattr(Topic, "identity", "topic 2")
    with pytest.raises(SourceError, match="another store \\(topic 1\\)"):
        log.pull(source)
    assert log.pull(source, again=True).duplicates == 5
    assert log.pull(source).appended == 0


def test_rejected_messages_are_retried_with_another_mapping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rejected line of a message has its members, also those beside the value."""
    sent = (message(0, {"n": 1}), Message(1, b"[1]"), message(2, {"type": "T"}))
    monkeypatch.setattr(Topic, "messages_of_topic", sent)
    log = es.Log(tmp_path)
    pulled = log.pull(es.source("memory://h/t"))
    assert (pulled.appended, pulled.rejected) == (1, 2)
    lines = log.rejected().select("file", "line", "reason").rows()
    assert lines == [("orders/0", 0, "type is missing"), ("orders/0", 1, "not a JSON object")]
    again = log.retry(es.source("memory://h/t", constants={"type": "Fixed"}))
    assert (again.appended, again.rejected) == (1, 1)
    assert log.scan().select("event_id").collect().to_series().to_list() == ["orders/0:2", "orders/0:0"]


def test_another_mapping_is_noted(tmp_path: Path) -> None:
    """Only new events are read with it."""
    log = es.Log(tmp_path)
    log.pull(es.source("memory://h/t"))
    (note,) = log.pull(es.source("memory://h/t", metadata="@headers")).notes or ("",)
    assert not note  # nothing was read
    Topic.messages_of_topic += (message(5, {"type": "T"}),)
    (note,) = log.pull(es.source("memory://h/t", metadata="@headers")).notes
    assert "another mapping" in note


@pytest.mark.parametrize(
    ("where", "options", "expected"),
    [
        ("nowhere://x", {}, "file, memory"),
        ("memory://h/t", {"bacth": 3}, "did you mean 'batch'"),
        ("memory://h/t", {"encoding": "cp1252"}, "encoding is for files"),
        (["memory://h/t", "b"], {}, "give the URL of a store alone"),
        ("data/raw", {"stream": "@key"}, "'@key' is a member of messages"),
        ("data/raw", {"occurred_at": "@time|x"}, "is a member of messages"),
    ],
)
def test_mistakes_are_named(where: Any, options: dict[str, Any], expected: str) -> None:
    """Each with what helps."""
    with pytest.raises(SourceError) as caught:
        es.source(where, **options)
    assert expected in str(caught.value)


def test_a_missing_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""

    def missing(_: str) -> Any:
        raise ImportError("No module named 'confluent_kafka'", name="confluent_kafka")

    monkeypatch.setattr(_schemes, "import_module", missing)
    monkeypatch.setattr(_schemes, "SCHEMES", {"memory": _schemes.Scheme("kafka", "", "", "kafka")})
    with pytest.raises(SourceError, match='pip install "eventsource-workbench\\[kafka\\]"'):
        es.source("memory://h/t")


def test_addresses_have_no_secrets() -> None:
    """A changed password does not make another source."""
    assert address("kafka://ann:pw@h:9092/t?sasl=x", table="t", query=None) == "kafka://h:9092/t?table=t"
