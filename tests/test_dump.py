"""A dump has all events of one entity, verbatim."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

import eventsource as es
from eventsource import dump as dumping
from eventsource.dump import dump
from eventsource.event import EventLog
from eventsource.testing import MemoryLog
from tests.laws import examples

EVERYTHING = es.Plan("Everything", ())
KEYED = es.Plan.from_dict({"name": "Keyed", "key": {"K": "who.id"}, "created": ["K"], "fields": []})


def event(number: int, stream: str, kind: str = "T", data: Any = "{}", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "stream": stream,
        "type": kind,
        "occurred_at": "2024-01-01",
        "data": data,
    } | more


def ids(log: EventLog, plan: es.Plan, entity: str, **more: Any) -> list[str]:
    return [json.loads(line)["event_id"] for line in dump(es.Timeline(log, plan), entity, **more)]


def test_an_event_belongs_to_its_key_or_its_stream() -> None:
    """An event of a type with a key belongs to the entity that the key names, others to their stream."""
    log = MemoryLog(
        [
            event(1, "a", "K", {"who": {"id": 7}}),
            event(2, "7"),
            event(3, "7", "K", {"who": {"id": "a"}}),
            event(4, "7", "K", {}),
            event(5, "a"),
        ]
    )
    assert ids(log, KEYED, "7") == ["e1", "e2"]
    assert ids(log, KEYED, "a") == ["e3", "e5"]
    assert ids(log, EVERYTHING, "7") == ["e2", "e3", "e4"]


def test_a_dump_may_end_at_a_position_or_a_transaction_time() -> None:
    """``upto`` leaves out greater positions, ``known_at`` events that were recorded later."""
    log = MemoryLog([event(n, "a", recorded_at=f"2024-01-0{n}") for n in (1, 2, 3)])
    timeline = es.Timeline(log, EVERYTHING)
    assert [b'"e1"' in line for line in dump(timeline, "a", upto=1)] == [True]
    assert len(list(dump(timeline, "a", known_at="2024-01-02"))) == 2


def test_each_event_is_one_line() -> None:
    """Line breaks between members, unusual separators and control characters in texts do not break lines."""
    texts = ['{\r\n "a":\n 1}', json.dumps({"b": "x\ny\u2028\x85"}, ensure_ascii=False)]
    log = MemoryLog([event(n, "s", data=text) for n, text in enumerate(texts)])
    found = list(dump(es.Timeline(log, EVERYTHING), "s"))
    assert [line.count(b"\n") for line in found] == [1, 1]
    assert [json.loads(line)["data"] for line in found] == [json.loads(text) for text in texts]


def test_a_dump_is_in_order_of_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delta's OPTIMIZE leaves rows in any order; the lines, of a range of positions or of many, are the same."""
    log = es.Log(tmp_path / "log")
    for number in range(40):
        log.append([event(number, "ab"[number % 3 == 0], "TK"[number % 2], {"who": {"id": "a"}})])
    expected = {plan.name: list(dump(es.Timeline(log, plan), "a")) for plan in (EVERYTHING, KEYED)}
    DeltaTable(tmp_path / "log" / "events").optimize.compact()
    again = es.Log(log.path)
    assert not again.scan().collect()["position"].is_sorted()
    for size in (250_000, 40, 7):
        monkeypatch.setattr(dumping, "_POSITIONS", size)
        found = {plan.name: list(dump(es.Timeline(again, plan), "a")) for plan in (EVERYTHING, KEYED)}
        assert found == expected
        assert ids(again, EVERYTHING, "a", upto=20) == ids(log, EVERYTHING, "a")[:13]


PAYLOADS = st.dictionaries(
    st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.none(), max_size=3
)


ROWS = st.lists(st.tuples(PAYLOADS, st.none() | PAYLOADS, st.none() | st.integers(0, 9), st.text(min_size=1)))


@settings(max_examples=examples(30), deadline=None)
@given(ROWS)
def test_a_dump_pulled_is_the_same(tmp_path_factory: Any, rows: Any) -> None:
    """Ids, versions, times to the microsecond and payloads are the same in the other log."""
    made = [
        event(n, "s", data=json.dumps(data), metadata=about and json.dumps(about), version=version, type=kind)
        | {"occurred_at": f"2024-01-01T00:00:00.{n:06}Z", "recorded_at": f"2024-01-02T00:00:00.{n:06}Z"}
        for n, (data, about, version, kind) in enumerate(rows)
    ]
    log = MemoryLog(made)
    folder: Path = tmp_path_factory.mktemp("dump")
    (folder / "s.jsonl").write_bytes(b"".join(dump(es.Timeline(log, EVERYTHING), "s")))
    again = pl.concat(batch.events for batch in es.source(folder / "s.jsonl").batches({}))
    expected = log.scan().drop("position").collect()
    assert again.select(expected.columns).equals(expected)


def test_corrections_come_with_their_events(tmp_path: Path) -> None:
    """Another log gives the same answers: an event moved to the entity comes too, one of another does not."""

    class Order(es.Model, key={"Paid": "order"}):
        paid = es.total("Paid", of="amount")

    log = es.Log(tmp_path / "log")
    at = {"stream": "shop", "type": "Paid", "occurred_at": "2024-01-01"}
    log.append([{**at, "event_id": f"e{n}", "data": {"order": "ab"[n % 2], "amount": n}} for n in range(6)])
    log.correct("e1", data={"order": "a", "amount": 100}, reason="wrong order")
    log.retract("e2", reason="twice")
    log.correct("e3", data={"order": "b", "amount": 7})
    lines = b"".join(dump(es.Timeline(log, Order), "a"))
    (tmp_path / "a.jsonl").write_bytes(lines)
    copy = es.Log(tmp_path / "copy")
    copy.pull(es.source(str(tmp_path / "a.jsonl")))
    assert copy.scan().collect()["event_id"].to_list()[:4] == ["e0", "e1", "e2", "e4"]
    assert copy.corrections()["target_id"].to_list() == ["e1", "e2"]
    answers = [es.Timeline(each, Order).as_of(entity="a") for each in (log, copy)]
    assert answers[0].equals(answers[1])
    assert answers[0]["paid"].to_list() == [104]
