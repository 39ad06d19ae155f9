"""Events of one moment fold in the order of their versions, wherever they are stored and whenever they arrive."""

from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

import eventsource as es
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.index import Sizes
from eventsource.testing import MemoryLog
from eventsource.timeline import Timeline, Tuning
from tests.conformance.stored import ALWAYS
from tests.snapshots.snapshotkit import falsify


class Line(es.Model):
    """A line of an order, with the story of its changes."""

    quantity = es.latest("Changed", of="q")
    first = es.first("Changed", of="q")
    log = es.reduce(lambda state, event: f"{state}{event.data['q']}", "Changed", initial="", dtype=pl.String)
    payments = es.count("Changed")


class Order(es.Model):
    """The same in fields that a snapshot can continue."""

    quantity = es.latest("Changed", of="q")
    first = es.first("Changed", of="q")
    payments = es.count("Changed")


MOMENT = "2024-01-01T10:00:00Z"


def changed(q: int, version: int | None, *, at: str = MOMENT, stream: str = "order-1", **more: Any) -> Any:
    event = {"event_id": f"{stream}/{q}", "stream": stream, "version": version, "type": "Changed"}
    return event | {"occurred_at": at, "data": {"q": q}} | more


@pytest.mark.parametrize("engine", [PolarsEngine(), ReferenceEngine()])
@pytest.mark.parametrize("arrivals", list(permutations([2, 3, 4])))
def test_an_export_out_of_order_gives_the_state_of_its_last_version(arrivals: Any, engine: Engine) -> None:
    """Versions 4, 2, 3 of one second once gave version 3's value."""
    line = Timeline(MemoryLog([changed(v, v) for v in arrivals]), Line, engine=engine)
    assert line.as_of().rows() == [("order-1", 4, 2, "234", 3)]
    assert line.changes("quantity")["after"].to_list() == [2, 3, 4]
    assert [step.after["quantity"] for step in line.replay("order-1")] == [2, 3, 4]
    assert line.explain("order-1")["event_id"].to_list()[0] == "order-1/4"


@pytest.mark.parametrize("order", ["occurred_at", "recorded_at"])
def test_a_late_version_is_folded_before_those_of_a_snapshot(tmp_path: Path, order: Any) -> None:
    """An event at the snapshot's moment with a lower version than its last event does not continue it."""
    timeline = _stored(tmp_path, order)
    log = timeline.log
    assert isinstance(log, es.Log)
    log.append([changed(2, 2), changed(5, 5), changed(1, None, stream="order-2"), changed(7, 1, stream="order-3")])
    timeline.snapshot()
    log.append([changed(4, 4), changed(6, 6, stream="order-2"), changed(8, None, stream="order-3")])
    expected = [("order-1", 5, 2, 3), ("order-2", 6, 1, 2), ("order-3", 7, 8, 2)]
    assert timeline.as_of().rows() == timeline.as_of(snapshots=False).rows() == expected
    falsify(timeline)
    assert timeline.as_of()["payments"].to_list() == [3, 1_000_002, 2], "order-2 alone continues its snapshot"


def test_versions_in_any_file_of_an_index(tmp_path: Path) -> None:
    """Parts, runs and pending events, and members without versions beside those with them."""
    timeline = _stored(tmp_path, "occurred_at")
    log = timeline.log
    assert isinstance(log, es.Log)
    arrivals = [None, 5, 3, 9, None, 1, 4, 2]
    for number, version in enumerate(arrivals):
        log.append([changed(number, version), changed(number, version, stream=f"order-{number % 3 + 2}")])
        seen = sorted(arrivals[: number + 1], key=lambda v: (v is not None, v or 0))
        last = max(i for i, v in enumerate(arrivals[: number + 1]) if v == seen[-1])
        assert timeline.as_of(entity="order-1")["quantity"].item() == last
        assert timeline.as_of().equals(Timeline(MemoryLog(log.scan().drop("position").collect()), Order).as_of())


def test_versions_of_an_entity_by_key_do_not_count() -> None:
    """They number the events of another stream; such an event comes before those of the entity's own."""

    class Keyed(es.Model, key={"Moved": "who"}):
        city = es.latest("Moved", "Settled", of="city")

    def at(number: int, type_: str, stream: str, version: int, city: str) -> dict[str, Any]:
        data = {"city": city, "who": "ann"}
        event = {"event_id": f"e{number}", "stream": stream, "version": version, "type": type_}
        return event | {"occurred_at": MOMENT, "data": data}

    events = [
        at(0, "Settled", "ann", 1, "Rome"),
        at(1, "Moved", "trip", 9, "Oslo"),
        at(2, "Moved", "ann", 2, "Bern"),
    ]
    line = Timeline(MemoryLog(events), Keyed)
    assert line.changes("city")["after"].to_list() == ["Oslo", "Bern", "Rome"]


def _stored(folder: Path, order: Any) -> Timeline:
    plan = replace(Order.plan, order=order)
    tiny = Sizes(in_memory=0, max_run=3, part=2, max_sort=3)
    return Timeline(es.Log(folder / "log"), plan, tuning=Tuning(index=tiny, snapshots=ALWAYS))
