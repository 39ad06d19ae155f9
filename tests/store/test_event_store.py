"""The store: optimistic concurrency, repeated appends, order, and forms of events."""

import math
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pydantic
import pytest
import sqlalchemy as sa

import eventsource as es
from eventsource.errors import ConcurrencyError, FrameError, StoreError
from eventsource.store import EXISTS, NO_STREAM, Append, EventStore, Stream

PLACED = {"type": "Placed", "amount": 10}


@pytest.fixture
def store(url: str) -> Iterator[EventStore]:
    """An empty store."""
    found = es.EventStore(url)
    yield found
    found.close()


def types(store: EventStore, stream: str) -> list[str]:
    return [event.type for event in store.read(stream)]


def test_versions_count_from_one(store: EventStore) -> None:
    """Each append returns the version of the last event of its stream."""
    assert store.append("a", [PLACED, PLACED], NO_STREAM) == 2
    assert store.append("a", [{"type": "Paid"}], 2) == 3
    assert store.append("b", [{"type": "Paid"}]) == 1
    assert store.append("a", [{"type": "Shipped"}], EXISTS) == 4
    assert [event.version for event in store.read("a")] == [1, 2, 3, 4]
    assert [event.type for event in store.read("a", 2, 3)] == ["Placed", "Paid"]
    assert store.streams() == [Stream("a", 4), Stream("b", 1)]
    assert store.version("a") == 4


@pytest.mark.parametrize("expected", [0, NO_STREAM, 1, 3, 7])
def test_a_stale_expectation_changes_nothing(store: EventStore, expected: Any) -> None:
    """Another version than the stream has is a conflict: lower, higher, or none at all."""
    store.append("a", [PLACED, PLACED])
    with pytest.raises(ConcurrencyError, match="got 2"):
        store.append("a", [{"type": "Paid"}], expected)
    assert types(store, "a") == ["Placed", "Placed"]
    assert list(store.read_all())[-1].version == 2


def test_a_stream_that_must_exist(store: EventStore) -> None:
    """EXISTS refuses a stream without events."""
    store.append("other", [PLACED])
    with pytest.raises(ConcurrencyError, match="'a' to have events"):
        store.append("a", [PLACED], EXISTS)
    assert store.read("a") == []


@pytest.mark.parametrize("expected", [NO_STREAM, 0, None])
def test_an_append_that_is_repeated_is_the_same_append(store: EventStore, expected: Any) -> None:
    """The same ids again, also much later, return the version that the first append returned."""
    events = [{**PLACED, "event_id": uuid4()}, {"type": "Paid", "event_id": "paid-1"}]
    assert store.append("a", events, expected) == 2
    store.append("a", [{"type": "Shipped"}], 2)
    assert store.append("a", events, expected) == 2
    assert types(store, "a") == ["Placed", "Paid", "Shipped"]


def test_an_id_belongs_to_one_event(store: EventStore) -> None:
    """An id with another payload, type, stream or company is refused."""
    store.append("a", [{**PLACED, "event_id": "1"}, {"type": "Paid", "event_id": "2"}])
    for stream, events in (
        ("a", [{"type": "Placed", "amount": 11, "event_id": "1"}]),
        ("a", [{"type": "Other", "amount": 10, "event_id": "1"}]),
        ("b", [{**PLACED, "event_id": "1"}]),
        ("a", [{"type": "Paid", "event_id": "2"}, {**PLACED, "event_id": "1"}]),
        ("a", [{"type": "Paid", "event_id": "2"}, {"type": "New", "event_id": "3"}]),
        ("a", [{"type": "New", "event_id": "3"}, {"type": "Paid", "event_id": "2"}]),
    ):
        with pytest.raises(FrameError, match="belongs to another append"):
            store.append(stream, events)
    assert types(store, "a") == ["Placed", "Paid"]
    assert store.streams() == [Stream("a", 2)]


def test_several_streams_in_one_transaction(store: EventStore) -> None:
    """All streams get their events, or none; the whole may be repeated."""
    move = [
        Append("from", [{"type": "Withdrawn", "event_id": "w"}], 1),
        Append("to", [{"type": "Deposited", "event_id": "d"}], NO_STREAM),
    ]
    with pytest.raises(ConcurrencyError, match="'from', got 0"):
        store.append_all(move)
    assert store.streams() == []
    store.append("from", [{"type": "Opened"}])
    assert store.append_all(move) == {"from": 2, "to": 1}
    assert store.append_all(move) == {"from": 2, "to": 1}
    assert len(list(store.read_all())) == 3


def test_writers_at_once_lose_nothing(store: EventStore) -> None:
    """Eight writers decide on the version that they read, and try again after a conflict."""
    store.append("hot", [{"type": "Opened"}])
    conflicts = []

    def write(writer: int) -> None:
        for number in range(10):
            while True:
                version = store.version("hot")
                try:
                    store.append("hot", [{"type": "Added", "seen": version, "by": f"{writer}:{number}"}], version)
                    break
                except ConcurrencyError:
                    conflicts.append(1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    events = store.read("hot")
    assert [event.data["seen"] for event in events[1:]] == list(range(1, 81))
    assert len({event.data["by"] for event in events[1:]}) == 80


def test_appends_without_an_expectation_all_succeed(store: EventStore) -> None:
    """Without an expectation, writers of one stream wait for each other."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: store.append("hot", [{"type": "Added", "n": n}]), range(60)))
    assert sorted(event.data["n"] for event in store.read("hot")) == list(range(60))
    assert [event.version for event in store.read("hot")] == list(range(1, 61))


@pytest.mark.parametrize("statement", ["UPDATE events SET type = 'x'", "DELETE FROM events"])
def test_events_are_only_appended(store: EventStore, url: str, statement: str) -> None:
    """Triggers refuse everything but INSERT."""
    store.append("a", [PLACED])
    engine = sa.create_engine(url)
    with engine.begin() as connection, pytest.raises(sa.exc.DBAPIError, match="only appended"):
        connection.execute(sa.text(statement))
    engine.dispose()
    assert types(store, "a") == ["Placed"]


def test_read_all_resumes_after_a_checkpoint(store: EventStore) -> None:
    """A reader can resume after any event; the checkpoint of another store is refused."""
    for number in range(10):
        store.append(f"s{number % 3}", [{"type": "T", "n": number}])
    events = list(store.read_all(page=3))
    assert [event.data["n"] for event in events] == list(range(10))
    for number, event in enumerate(events):
        rest = store.read_all(event.checkpoint, page=2)
        assert [each.data["n"] for each in rest] == list(range(number + 1, 10))
    with pytest.raises(StoreError, match="another store"):
        list(store.read_all(f"x{events[0].checkpoint}"))


def test_a_subscription_waits_for_events(store: EventStore) -> None:
    """It yields what is there, and then what others append."""
    store.append("a", [{"type": "First"}])
    subscription = store.subscribe(every=0.01)
    assert next(subscription).type == "First"
    writer = threading.Timer(0.05, lambda: store.append("a", [{"type": "Second"}, {"type": "Third"}]))
    writer.start()
    assert [event.type for event in islice(subscription, 2)] == ["Second", "Third"]
    writer.join()


def test_nothing_is_read_before_the_first_append(store: EventStore) -> None:
    """A store without a table has no streams, and reading does not create one."""
    assert (store.read("a"), store.streams(), list(store.read_all()), store.version("a")) == ([], [], [], 0)
    store.init()
    store.init()
    assert (store.read("a"), store.streams(), list(store.read_all())) == ([], [], [])


@dataclass
class OrderPlaced:
    """A dataclass."""

    amount: Decimal
    event_id: str


class OrderPaid(msgspec.Struct, tag="Paid"):
    """A Struct whose tag is the type."""

    by: UUID
    occurred_at: datetime


class OrderShipped(pydantic.BaseModel):
    """A pydantic model."""

    to: str
    at: datetime
    metadata: dict[str, str] = {}


AT = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))


def test_events_have_any_form(store: EventStore) -> None:
    """Dicts, dataclasses, Structs and pydantic models become events, and come back."""
    by = uuid4()
    shipped = OrderShipped(to="Ghent", at=AT, metadata={"user": "ann"})
    texts = {"type": "Noted", "data": '{"a": 1.50, "a": 2}', "metadata": {"x": 1}, "occurred_at": AT.isoformat()}
    store.append("a", [OrderPlaced(Decimal("1.50"), "p1"), OrderPaid(by, AT), shipped, texts])
    placed, paid, sent, noted = store.read("a")
    assert (placed.event_id, placed.type, placed.text) == ("p1", "OrderPlaced", '{"amount":1.50}')
    assert (paid.type, paid.data, paid.occurred_at) == ("Paid", {"by": str(by)}, AT.astimezone(UTC))
    assert (sent.type, sent.data["to"], sent.metadata) == ("OrderShipped", "Ghent", {"user": "ann"})
    assert (noted.text, noted.metadata, noted.occurred_at) == ('{"a": 1.50, "a": 2}', {"x": 1}, AT.astimezone(UTC))
    assert placed.to(OrderPlaced) == OrderPlaced(Decimal("1.50"), "p1")
    assert paid.to(OrderPaid) == OrderPaid(by, AT.astimezone(UTC))
    assert sent.to(OrderShipped) == shipped
    assert timedelta(0) <= datetime.now(UTC) - placed.recorded_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"amount": 1}, "type: expected a text"),
        ({"type": ""}, "type: expected a text"),
        ({"type": "T\0"}, "NUL"),
        ({"type": "T", "event_id": 7}, "event_id: expected a text"),
        ({"type": "T", "occurred_at": datetime(2024, 1, 1)}, "a datetime with a zone"),  # noqa: DTZ001
        ({"type": "T", "occurred_at": "yesterday"}, "a datetime with a zone"),
        ({"type": "T", "data": [1]}, "writes as an object"),
        ({"type": "T", "data": "{broken"}, "writes as an object"),
        ({"type": "T", "x": object()}, "writes as an object"),
        ({"type": "T", "x": "\ud800"}, "writes as an object"),
        (7, "expected a dict with a type"),
    ],
)
def test_what_cannot_be_an_event_is_refused(tmp_path: Path, event: Any, expected: str) -> None:
    """The message names the part, and nothing is created."""
    with pytest.raises(FrameError, match=expected):
        es.EventStore(f"sqlite:///{tmp_path}/x.db").append("a", [event])
    assert not list(tmp_path.iterdir())


def test_values_arrive_unchanged(store: EventStore) -> None:
    """Unicode, NUL in a payload, numbers beyond 2**53, and a payload of 10 MB."""
    data = {"ü": "\0 😀", "n": 2**63, "big": "x" * 10_000_000, "nothing": None}
    store.append("straße", [{"type": "Ä", "data": data}])
    (event,) = store.read("straße")
    assert (event.type, event.data) == ("Ä", data)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://h/d", "SQLite or PostgreSQL"),
        ("sqlite://", "URL of a file"),
        ("shop.db", "URL of a database"),
        ("postgresql://u:s3cret@127.0.0.1:1/none", "onnection refused"),
        ("sqlite:////none/such/folder/x.db", "unable to open"),
    ],
)
def test_a_url_that_cannot_be_used(url: str, expected: str) -> None:
    """The error says what to do, without the password."""
    with pytest.raises(StoreError, match=expected) as caught:
        es.EventStore(url).append("a", [PLACED])
    assert "Hint" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("table", ["Events", "e; DROP", "", "öl"])
def test_a_name_that_no_table_has(tmp_path: Path, table: str) -> None:
    """Names are identifiers: they are part of statements."""
    with pytest.raises(StoreError, match="name of a table"):
        es.EventStore(f"sqlite:///{tmp_path}/x.db", table=table)


def test_tables_of_one_database_are_separate(url: str) -> None:
    """Each table is a store of its own."""
    one, other = es.EventStore(url), es.EventStore(url, table="invoices")
    one.append("a", [PLACED])
    assert other.read("a") == []
    assert other.append("a", [PLACED], NO_STREAM) == 1
    assert one.identity() != other.identity()
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            {"type": "T", "data": {"x": 1}, "amount": 5},
            "beside event_id, type, occurred_at, metadata and data, got 'amount'",
        ),
        ({"type": "T", "n": math.nan}, "JSON has no number nan"),
        ({"type": "T", "data": {"n": [1, {"m": math.inf}]}}, "JSON has no number inf"),
        ({"type": "T", "metadata": {"n": -math.inf}}, "JSON has no number -inf"),
    ],
)
def test_what_an_event_would_lose_is_refused(store: EventStore, event: dict[str, Any], message: str) -> None:
    """Members beside the payload, and numbers that JSON does not have."""
    with pytest.raises(FrameError, match=re.escape(message)):
        store.append("s", [event])
    assert store.append("s", [{"type": "T", "n": None}]) == 1


@pytest.mark.parametrize("expected", ["1", 1.0, True])
def test_an_expected_version_is_an_integer(store: EventStore, expected: Any) -> None:
    """A text of digits is not, nor is a boolean."""
    with pytest.raises(FrameError, match="expected an integer, NO_STREAM, EXISTS or None, got"):
        store.append("s", [PLACED], expected)
