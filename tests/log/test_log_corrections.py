"""Correcting events of a log: by the API, from files, and what `scan` shows then."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from eventsource import Log
from eventsource.errors import FrameError, LogError

AT = datetime(2024, 1, 1, tzinfo=UTC)


def paid(number: int, amount: Any, **parts: Any) -> dict[str, Any]:
    """Return an event ``e<number>``."""
    return {
        "event_id": f"e{number}",
        "stream": f"s{number % 2}",
        "type": "Paid",
        "occurred_at": AT,
        "data": {"amount": amount},
        **parts,
    }


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log(tmp_path / "log")
    log.append([paid(number, number) for number in range(5)])
    return log


def read(log: Log) -> dict[str, list[Any]]:
    """Return how each event is read now."""
    rows = log.scan(corrected=True).select("event_id", "type", "occurred_at", "data").collect()
    return {name: rest for name, *rest in rows.iter_rows()}


def test_a_correction_replaces_parts_from_its_position_on(log: Log) -> None:
    """The log keeps both; the corrected event is read with the new parts, in its place and stream."""
    done = log.correct("e1", data={"amount": 10}, occurred_at="2024-02-01T10:00:00+02:00", reason="typed wrong")
    assert done.changed == {
        "occurred_at": ("2024-01-01 00:00:00 UTC", "2024-02-01 08:00:00 UTC"),
        "data": ('{"amount":1}', '{"amount":10}'),
    }
    assert log.head == 6
    last = log.scan(start=5).collect().row(0, named=True)
    assert (last["type"], last["stream"]) == ("$corrected", "s1")
    assert log.scan().collect()["data"][1] == '{"amount":1}'
    corrected = log.scan(corrected=True).collect()
    assert corrected["position"].to_list() == [0, 1, 2, 3, 4]
    assert corrected.row(1, named=True) | {"data": "", "occurred_at": ""} == log.scan().collect().row(
        1, named=True
    ) | {"data": "", "occurred_at": ""}
    assert read(log)["e1"] == ["Paid", datetime(2024, 2, 1, 8, tzinfo=UTC), '{"amount":10}']


def test_a_retraction_takes_an_event_back_and_a_correction_brings_it_back(log: Log) -> None:
    """The last one counts, and replaces parts of the original."""
    assert log.retract("e2", reason="never paid").after is None
    assert "e2" not in read(log)
    assert log.correct("e2", type="Refunded").before is None
    assert read(log)["e2"] == ["Refunded", AT, '{"amount":2}']
    log.correct("e2", data={"amount": 9})
    assert read(log)["e2"] == ["Paid", AT, '{"amount":9}']
    log.correct("e2")
    assert read(log)["e2"] == ["Paid", AT, '{"amount":2}']
    assert log.head == 9


def test_what_is_read_so_already_is_not_appended(log: Log) -> None:
    """A correction that changes nothing is idempotent; numbers are compared by their digits."""
    assert log.correct("e1").envelope is None
    assert str(log.correct("e1", data='{ "amount": 1 }')) == "e1 at position 1 already reads like that"
    assert log.head == 5
    assert log.correct("e1", data='{"amount": 1.0}').envelope is not None
    log.retract("e2")
    assert log.retract("e2").envelope is None
    assert log.head == 7


def test_dates_and_local_times_are_utc(log: Log) -> None:
    """A date means its midnight."""
    log.correct("e0", occurred_at=date(2024, 5, 1))
    log.correct("e1", occurred_at=datetime(2024, 5, 1, 10))  # noqa: DTZ001 - a user's
    assert [read(log)[name][1] for name in ("e0", "e1")] == [
        datetime(2024, 5, 1, tzinfo=UTC),
        datetime(2024, 5, 1, 10, tzinfo=UTC),
    ]


def test_scan_filters_corrected_events(log: Log) -> None:
    """Types, times and positions mean what is read; `upto` hides later corrections too."""
    log.correct("e1", type="Refunded", occurred_at="2024-03-01")
    log.retract("e3")
    found = log.scan(corrected=True, types="Refunded", since="2024-02-01").collect()
    assert found["event_id"].to_list() == ["e1"]
    assert log.scan(corrected=True, start=2).collect()["event_id"].to_list() == ["e2", "e4"]
    assert log.scan(corrected=True, upto=6, types="Paid").collect()["position"].to_list() == [0, 2, 3, 4]
    assert log.scan(corrected=True, upto=5).collect().equals(log.scan(upto=5).collect())
    assert log.scan(types="$retracted").collect().height == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"event_id": "e1", "data": [1]}, "expected an object as data"),
        ({"event_id": "e1", "data": "{"}, "expected a JSON object as data"),
        ({"event_id": "e1", "type": ""}, "expected an event type"),
        ({"event_id": "e1", "type": "$corrected"}, "no event can become a correction"),
        ({"event_id": "e1", "occurred_at": "soon"}, "expected a time as occurred_at, got 'soon'"),
        ({"event_id": "e1", "occurred_at": 5}, "expected a time as occurred_at, got 5"),
        ({"event_id": "e1", "stream": "x"}, "a correction has no member 'stream'"),
        ({"event_id": "e1", "retract": True, "type": "X"}, "is retracted, so it cannot have another type"),
        ({"event_id": "e1", "retract": "yes"}, "expected true or false as retract"),
        ({"event_id": "e1", "reason": 5}, "expected a text as reason"),
        ({"data": {}}, "expected the id of an event as event_id, got None"),
    ],
)
def test_wrong_corrections_are_refused(log: Log, request_: dict[str, Any], message: str) -> None:
    """Nothing is appended, not even the right ones among them."""
    with pytest.raises(FrameError, match=message):
        log.correct_all([{"event_id": "e0", "retract": True}, request_])
    assert log.head == 5


@pytest.mark.parametrize("wrong", ["e1", None, 5])
def test_corrections_that_are_not_dicts(log: Log, wrong: Any) -> None:
    """They were an AttributeError; nothing is appended."""
    head = log.head
    with pytest.raises(FrameError, match="expected a dict, got"):
        log.correct_all([wrong])
    assert log.head == head


def test_a_correction_with_a_number_that_json_does_not_have(log: Log) -> None:
    """It was appended as null, without a word."""
    head = log.head
    with pytest.raises(FrameError, match="data: expected finite numbers"):
        log.correct("e1", data={"n": float("nan")})
    assert log.head == head


def test_an_unknown_id_names_a_near_one(log: Log) -> None:
    """A typo in an id is found; so is a correction that someone tries to correct."""
    log.append([paid(0, 0, event_id="order-2024-0017")])
    with pytest.raises(LogError, match=r"no event 'order-2024-0071'[\s\S]*did you mean 'order-2024-0017'"):
        log.correct("order-2024-0071", data={})
    with pytest.raises(LogError, match=r"no event 'ORDER-2024-0017'[\s\S]*did you mean 'order-2024-0017'"):
        log.retract("ORDER-2024-0017")
    with pytest.raises(LogError, match=r"no event 'zz'[\s\S]*log.scan"):
        log.retract("zz")
    own = log.retract("e0").envelope
    assert own is not None
    with pytest.raises(LogError, match="corrections cannot be corrected"):
        log.correct(own["event_id"], data={})


def test_several_corrections_come_from_a_file(log: Log, tmp_path: Path) -> None:
    """JSON Lines and CSV say the same; the second time nothing is left to correct."""
    lines = tmp_path / "fixes.jsonl"
    lines.write_text(
        '\ufeff{"event_id": "e1", "data": {"amount": 1.10}, "reason": "typed wrong"}\n\n'
        '{"event_id": "e2", "retract": true}\n',
        encoding="utf-8",
    )
    table = tmp_path / "fixes.CSV"
    table.write_text('event_id,type,data,retract,reason\ne3,Refunded,,,\ne4,,"{""amount"": 4.40}",false,odd\n')
    assert [done.envelope is None for path in (lines, table) for done in log.correct_all(path)] == [False] * 4
    assert {name: rest[2] for name, rest in read(log).items()} == {
        "e0": '{"amount":0}',
        "e1": '{"amount": 1.10}',
        "e3": '{"amount":3}',
        "e4": '{"amount": 4.40}',
    }
    assert all(done.envelope is None for path in (str(lines), table) for done in log.correct_all(path))
    assert log.head == 9


def test_wrong_files_are_refused(log: Log, tmp_path: Path) -> None:
    """The line that cannot be read is named."""
    path = tmp_path / "fixes.jsonl"
    path.write_text('{"event_id": "e1"}\n[1]\n')
    with pytest.raises(FrameError, match="line 2 is not a JSON object"):
        log.correct_all(path)
    with pytest.raises(LogError, match="cannot be read"):
        log.correct_all(tmp_path / "missing.jsonl")
    path.write_text('{"event_id": "e1"}\n{"event_id": "e9"}\n{"event_id": "e8"}\n')
    with pytest.raises(LogError, match=r"no event 'e8' \(1 more ids are unknown\)"):
        log.correct_all(path)
    assert log.head == 5


def test_corrections_are_listed_with_their_effect(log: Log) -> None:
    """`corrections` shows what each names, and why one has no effect."""
    log.correct("e1", type="Refunded", reason="typed wrong")
    log.append([paid(9, 9, event_id="k", type="$retracted", data={"event_id": "missing"})])
    found = log.corrections()
    assert found["target_id"].to_list() == ["e1", "missing"]
    assert found["target"].to_list() == [1, None]
    assert found["reason"].to_list() == ["typed wrong", None]
    assert found["problem"].to_list() == [None, "the log has no event missing at a smaller position"]
    assert log.corrections(upto=6).height == 1
    assert Log(Path(log.path).parent / "empty").corrections().schema["target"] == pl.Int64()
