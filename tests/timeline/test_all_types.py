"""Fields of all event types, and fields that read the envelope."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import UnknownNameWarning
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.conformance.stored import ALWAYS, temporary_timeline
from tests.logs import log_of

ENGINES: list[Engine] = [PolarsEngine(), ReferenceEngine()]


class Activity(es.Model):
    """Every event of the entity counts."""

    events = es.count()
    last_type = es.latest(of="@type")
    last_id = es.latest(of="@event_id")
    began = es.first()
    seen = es.latest(of="@recorded_at")
    stream = es.latest(of="@stream")
    version = es.largest(of="@version")
    types = es.distinct(of="@type")
    paid = es.count("Paid")


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2024, 1, day, hour, tzinfo=UTC)


EVENTS = [
    event("Opened", "a", at=at(1), recorded_at=at(1, 5), event_id="e1") | {"version": 1},
    event("Paid", "a", at=at(2), recorded_at=at(2, 5), event_id="e2") | {"version": 2},
    event("Never heard of", "a", at=at(3), recorded_at=at(3, 5), event_id="e3"),
    event("Only", "b", at=at(1, 1), recorded_at=at(1, 1), event_id="e4"),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_event_counts(engine: Engine) -> None:
    """Types need no name; any event creates an entity where no type does."""
    timeline = Timeline(MemoryLog(EVENTS), Activity, engine=engine)
    assert timeline.as_of().to_dicts() == [
        {
            "entity": "a",
            "events": 3,
            "last_type": "Never heard of",
            "last_id": "e3",
            "began": at(1),
            "seen": at(3, 5),
            "stream": "a",
            "version": 2,
            "types": ["Never heard of", "Opened", "Paid"],
            "paid": 1,
        },
        {
            "entity": "b",
            "events": 1,
            "last_type": "Only",
            "last_id": "e4",
            "began": at(1, 1),
            "seen": at(1, 1),
            "stream": "b",
            "version": None,
            "types": ["Only"],
            "paid": 0,
        },
    ]
    assert timeline.as_of("2024-01-02")["events"].to_list() == [2, 1]
    assert timeline.changes("last_type")["after"].to_list() == ["Opened", "Only", "Paid", "Never heard of"]
    assert timeline.history("a")["events"].to_list() == [1, 2, 3]


@pytest.mark.parametrize("engine", ENGINES)
def test_existence_with_all_types(engine: Engine) -> None:
    """A deleted entity comes back with any event; with ``created``, only those create."""

    class Open(es.Model, deleted="Closed"):
        events = es.count()

    class Created(es.Model, created="Opened", deleted="Closed"):
        events = es.count()

    log = MemoryLog(
        [
            event("Seen", "a", at=at(1)),
            event("Closed", "a", at=at(2)),
            event("Other", "a", at=at(3)),
            event("Opened", "a", at=at(4)),
        ]
    )
    found = Timeline(log, Open, engine=engine)
    assert [found.as_of(at(day)).rows() for day in (1, 2, 3, 4)] == [[("a", 1)], [], [("a", 3)], [("a", 4)]]
    assert [step.existence for step in found.replay("a")] == ["created", "deleted", "created again", ""]
    found = Timeline(log, Created, engine=engine)
    assert [found.as_of(at(day)).rows() for day in (1, 2, 3, 4)] == [[], [], [], [("a", 4)]]
    assert [step.existence for step in found.replay("a")] == ["", "", "", "created"]


@pytest.mark.parametrize("engine", ENGINES)
def test_other_fields_beside_one_of_all_types(engine: Engine) -> None:
    """Flags, machines and expressions work as without it; trends keep to all entities."""

    class Mixed(es.Model):
        events = es.count()
        paid = es.flag(on="Paid", off="Closed")
        status = es.states("new", [("new", "Paid", "paid"), ("paid", "Closed", "done")])
        many = es.derive(pl.col("events") > 2)
        city = es.latest(of=["city", "@stream"])

    log = MemoryLog(
        [
            event("Paid", "a", at=at(1), city="Oslo"),
            event("Other", "a", at=at(2)),
            event("Closed", "a", at=at(3), city=None),
            event("Unnamed", "b", at=at(3)),
        ]
    )
    timeline = Timeline(log, Mixed, engine=engine)
    assert timeline.as_of().rows() == [("a", 3, False, "done", True, None), ("b", 1, False, "new", False, "b")]
    assert timeline.as_of("2024-01-02").rows() == [("a", 2, True, "paid", False, "a")]
    measures = {"entities": pl.len(), "paid": pl.col("paid").sum()}
    trend = timeline.trend(measures, every="1d", since="2024-01-01", until="2024-01-03")
    assert trend.drop("as_of").rows() == [(1, 1), (1, 1), (2, 0)]


def test_times_of_the_envelope_beside_payloads() -> None:
    """Of several kinds they are texts, as everything is; a dtype makes them times again."""
    log = MemoryLog([event("A", "a", at=at(1), when="2024-05-01T00:00:00Z"), event("A", "b", at=at(2))])

    class Mixed(es.Model):
        when = es.latest("A", of=["when", "@occurred_at"])
        typed = es.latest("A", of=["when", "@occurred_at"], dtype=pl.Datetime("us", "UTC"))
        text = es.latest("A", of="@occurred_at", dtype=pl.String())
        position = es.latest("A", of="@position", dtype=pl.Decimal(9, 1))

    for engine in ENGINES:
        rows = Timeline(log, Mixed, engine=engine).as_of().rows()
        assert [row[1] for row in rows] == ["2024-05-01T00:00:00Z", "2024-01-02T00:00:00.000000Z"]
        assert [row[2] for row in rows] == [datetime(2024, 5, 1, tzinfo=UTC), at(2)]
        assert rows[0][3] == "2024-01-01T00:00:00.000000Z"
        assert [row[4] for row in rows] == [0, 1]


def test_a_member_that_is_called_like_the_envelope_is_in_quotes() -> None:
    """Other names that begin with @ are members as they are."""

    class Node(es.Model):
        kind = es.latest("A", of='"@type"')
        time = es.latest("A", of="@timestamp")
        inside = es.latest("A", of="node.@type")

    data: dict[str, Any] = {"@type": "Person", "@timestamp": 5, "node": {"@type": "x"}}
    assert Timeline(MemoryLog([event("A", "a", at=at(1), **data)]), Node).as_of().rows() == [
        ("a", "Person", 5, "x")
    ]


def test_a_version_that_no_event_has_is_named(tmp_path: Path) -> None:
    """The field would stay null without a word."""

    class Versions(es.Model):
        version = es.latest(of="@version")

    log = es.Log(tmp_path / "log")
    log.append([event("A", "a", at=at(1))])
    with pytest.warns(UnknownNameWarning, match="no member '@version' in any event yet; their source gives none"):
        assert Timeline(log, Versions).as_of().rows() == [("a", None)]


def test_types_that_arrive_later_are_in_files_and_snapshots() -> None:
    """An index of all types takes types that it has never seen, and snapshots are merged with them."""
    sizes = es.index.Sizes(in_memory=0, max_run=3, part=2, max_sort=3)
    policy = es.SnapshotPolicy(events=1, every="1d", keep=2)
    later = [
        event("Brand new", "a", at=at(4), event_id="e5"),
        event("Another", "c", at=at(1), event_id="e6"),
        event("Late", "a", at=at(1, 1), event_id="e7"),
    ]
    with temporary_timeline(Activity.plan, sizes, policy, ALWAYS) as timeline:
        for part in (EVENTS[:2], EVENTS[2:], later):
            log_of(timeline).append(part)
            timeline.as_of()
        events = [*EVENTS, *later]
        for engine in ENGINES:
            plain = Timeline(MemoryLog(events), Activity, engine=engine)
            assert timeline.as_of().equals(plain.as_of())
            assert timeline.as_of("2024-01-02").equals(plain.as_of("2024-01-02"))
            assert timeline.history().equals(plain.history())
            assert timeline.changes("types").equals(plain.changes("types"))
        assert list(timeline.touched(4, 7)) == ["a", "c"]


@pytest.mark.parametrize("engine", ENGINES)
def test_corrections_are_not_events_of_an_entity(engine: Engine) -> None:
    """They count nowhere; a corrected event is read as it is now, also by its type and for conditions."""

    class Seen(es.Model):
        events = es.count()
        big = es.count("Paid", where=pl.col("amount") > 10)
        types = es.distinct(of="@type")

    events = [
        event("Paid", "a", at=at(1), event_id="e1", amount=5),
        event("Paid", "a", at=at(2), event_id="e2", amount=50),
        event("Brand new", "a", at=at(3), event_id="e3"),
        event("$corrected", "a", at=at(4), event_id="k1") | {"data": {"event_id": "e1", "data": {"amount": 11}}},
        event("$retracted", "a", at=at(4), event_id="k2") | {"data": {"event_id": "e3"}},
        event("$corrected", "b", at=at(5), event_id="k3") | {"data": {"event_id": "e2", "type": "Gift"}},
    ]
    timeline = Timeline(MemoryLog(events), Seen, engine=engine)
    assert timeline.as_of(upto=3).rows() == [("a", 3, 1, ["Brand new", "Paid"])]
    assert timeline.as_of(upto=5).rows() == [("a", 2, 2, ["Paid"])]
    assert timeline.as_of().rows() == [("a", 2, 1, ["Gift", "Paid"])]
