"""A check finds what is wrong with a log, notes what is unusual, and lists what it contains."""

import json
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

import eventsource as es
from eventsource.check import Findings, _log, _positions, check_log, members
from eventsource.check._positions import OrderedPass
from eventsource.event import STORED
from tests.hostile import effort

START = datetime(2024, 1, 1, tzinfo=UTC)


def event(number: int, **more: Any) -> dict[str, Any]:
    at = START + timedelta(hours=number)
    return {
        "event_id": f"e{number}",
        "stream": "s",
        "type": "T",
        "occurred_at": at,
        "recorded_at": at,
        "data": {},
    } | more


def checked(folder: Path, *events: dict[str, Any]) -> Findings:
    log = es.Log(folder / "log")
    log.append(list(events))
    return check_log(log)


def write_directly(log: es.Log, *rows: dict[str, Any]) -> None:
    """Write rows into the table of a log directly, as a broken tool would."""
    plain = {"version": None, "metadata": None}
    frame = pl.DataFrame([plain | row | {"data": row.get("text", "{}")} for row in rows], schema=STORED)
    write_deltalake(f"{log.path}/events", frame, mode="append")


def notes(found: Findings) -> str:
    return "\n".join(found.notes)


def everything(found: Findings) -> dict[str, Any]:
    """Return all findings as plain values."""
    values = {each.name: getattr(found, each.name) for each in fields(found)}
    return {name: value.to_dicts() if isinstance(value, pl.DataFrame) else value for name, value in values.items()}


def test_a_sound_log_has_no_faults(tmp_path: Path) -> None:
    """A log that is in order has no faults and no notes."""
    found = checked(tmp_path, event(1), event(2), event(3, stream="t"))
    assert (found.faults, found.notes, found.events, found.streams) == ((), (), 3, 2)


def test_versions_that_leave_doubt_are_noted(tmp_path: Path) -> None:
    """Out of order, repeated and missing ones are counted per stream; a stream without versions is in order."""
    numbers: dict[str, list[int | None]] = {"a": [1, 4, 2, 4, None, 7], "b": [1, 2, 3], "c": [None, None]}
    numbers["d"] = [-(2**63), 2**63 - 1]
    flat = [(stream, version) for stream, versions in numbers.items() for version in versions]
    rows = [event(n, stream=stream, version=version) for n, (stream, version) in enumerate(flat)]
    found = checked(tmp_path, *rows)
    assert found.versions.rows() == [("a", 6, 1, 1, 3, 1), ("d", 2, 0, 0, 2**63 - 1, 0)]
    assert "in 2 streams versions leave doubt: 1 out of order, 1 repeated" in notes(found)
    assert "9,223,372,036,854,775,810 missing, 1 without a version; such as 'a', 'd'" in notes(found)
    assert found.faults == ()


def test_an_empty_log_is_sound(tmp_path: Path) -> None:
    """A log without events has no faults."""
    found = check_log(es.Log(tmp_path / "log"))
    assert (found.faults, found.notes, found.events, found.types.height) == ((), (), 0, 0)


def test_gaps_repeated_ids_and_invalid_payloads_are_faults(tmp_path: Path) -> None:
    """So is a number of events that differs from the head of the log."""
    log = es.Log(tmp_path / "log")
    log.append([event(1), event(2)])
    write_directly(log, {**event(2), "position": 2}, {**event(9), "position": 5, "text": "[1]"})
    faults = "\n".join(check_log(log).faults)
    assert "positions have 1 jump, forward or back; the first: expected 3, got 5" in faults
    assert "1 event id occurs more than once; the first: 'e2' at 1, 2" in faults
    assert "1 payload is not a JSON object; the first at position 5" in faults
    assert "expected 2 events, got 4" in faults


def test_a_check_in_parts_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log larger than a part gives the same findings as one that fits."""
    log = es.Log(tmp_path / "log")
    back = [event(n, stream=f"s{n % 7}", recorded_at=START - timedelta(hours=n)) for n in range(50)]
    log.append(back)
    write_directly(log, {**event(7), "position": 50})
    whole = check_log(log)
    monkeypatch.setattr(_log, "_PART_EVENTS", 9)
    monkeypatch.setattr(_positions, "_CHUNK", 4)
    parts = check_log(log)
    assert parts.faults == whole.faults
    assert parts.streams == whole.streams == 8
    assert parts.notes == whole.notes
    assert parts.skew.equals(whole.skew)


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("chunk", [7, 250_000])
def test_a_log_that_another_tool_compacted_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, *, broken: bool
) -> None:
    """Delta's OPTIMIZE leaves rows in any order; a check goes by position."""
    monkeypatch.setattr(_positions, "_CHUNK", chunk)
    monkeypatch.setattr(_log, "_SAMPLE", 10)
    log = es.Log(tmp_path / "log")
    for number in range(60):
        recorded = START + timedelta(minutes=number - 9 * (number % 5 == 0))
        row = event(number, stream=f"s{number % 3}", recorded_at=recorded, type="AB"[number % 7 == 0])
        log.append([row | {"data": {f"m{number // 9}": number}}])
    if broken:
        write_directly(
            log, {**event(8), "position": 60}, {**event(7), "position": 60}, {**event(7), "position": 61}
        )
        write_directly(
            log, {**event(99), "position": 90, "text": "1"}, {**event(98), "position": 80, "text": "[]"}
        )
    before = everything(check_log(log))
    DeltaTable(tmp_path / "log" / "events").optimize.compact()
    again = es.Log(log.path)
    assert not again.scan().collect()["position"].is_sorted()
    assert everything(check_log(again)) == before
    assert ("positions" in str(before)) is broken


def test_unlikely_times_are_notes(tmp_path: Path) -> None:
    """Old, future, missing and inverted times are notes, each with its number of events."""
    soon = datetime.now(UTC) + timedelta(days=9)
    sentences = notes(
        checked(
            tmp_path,
            event(1, occurred_at=datetime(1850, 1, 1, tzinfo=UTC)),
            event(2, occurred_at=datetime(1950, 1, 1, tzinfo=UTC)),
            event(3, occurred_at=datetime(1970, 1, 1, tzinfo=UTC)),
            event(6, occurred_at=datetime(1970, 1, 20, 16, tzinfo=UTC)),
            event(7, occurred_at=datetime(1985, 1, 1, tzinfo=UTC)),
            event(4, occurred_at=soon, recorded_at=soon),
            event(5, occurred_at=START, recorded_at=START - timedelta(days=2), stream="t"),
        )
    )
    for line in (
        "1 event occurred before 1900",
        "1 event occurred from 1900 to 1969",
        "1 event occurred at 1970-01-01 00:00 exactly",
        "1 event occurred later in January 1970, which often means epoch numbers of another unit",
        "1 event occurred in the future",
        "1 event was recorded in the future",
        "1 event was recorded more than a day before it occurred",
        "5 events were recorded a day or more after they occurred",
    ):
        assert line in sentences


def test_clocks_that_run_backwards(tmp_path: Path) -> None:
    """Skew is measured against the latest time of the stream."""
    minutes = [0, 60, 30, 50, 70]
    rows = [event(n, recorded_at=START + timedelta(minutes=minute)) for n, minute in enumerate(minutes)]
    found = checked(tmp_path, *rows, event(9, stream="t"))
    assert found.skew.to_dicts() == [
        {"stream": "s", "events": 5, "backwards": 2, "share": 0.4, "most": timedelta(minutes=30)}
    ]
    assert "in 1 stream recorded_at runs backwards, at 2 events" in notes(found)


def test_members_have_kinds_and_shares() -> None:
    """A member has a dotted path, all its kinds, and the share of the type's events that have it."""
    data = [{"a": {"b": 1}, "n": None}, {"a": {"b": "x"}}, {"a": {}, "l": [1]}, {"a": {"b": True}, "f": 0.5}]
    frame = pl.DataFrame({"type": "T", "data": [json.dumps(each) for each in data]})
    assert {row[1]: row[2:] for row in members(frame).iter_rows()} == {
        "a.b": ("boolean, integer, text", 0.75),
        "a": ("object", 0.25),
        "n": ("null", 0.25),
        "l": ("list", 0.25),
        "f": ("number", 0.25),
    }


def test_a_payload_may_be_absurd(tmp_path: Path) -> None:
    """A check accepts deep nesting and ten thousand names."""
    deep = '{"a":' * 500 + "1" + "}" * 500
    wide = json.dumps({f"id-{n}": n for n in range(10_000)})
    found = checked(tmp_path, event(1, data=deep), event(2, data=wide))
    assert found.faults == ()
    assert found.members.height <= 200


def test_members_come_from_a_sample_of_each_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All events of a rare type are in the sample, and every n-th event of a common type."""
    monkeypatch.setattr(_log, "_SAMPLE", 10)
    rows = [event(n, data={f"m{n // 500}": 1}) for n in range(1000)] + [event(2000, type="Rare", data={"r": 1})]
    found = checked(tmp_path, *rows)
    assert found.members["member"].to_list() == ["r", "m0", "m1"]
    assert found.sampled == 11


def test_rejected_lines_are_grouped_by_kind_of_reason(tmp_path: Path) -> None:
    """Reasons that differ only in values are one kind; the reason of the first line is shown in full."""
    whens = ["31.1.1985", "12:30", 'a "quoted: one', "2024-01-01"]
    lines = [event(n, occurred_at=when, recorded_at=None) for n, when in enumerate(whens)]
    lines += [event(9, occurred_at="2024-01-01", recorded_at=None, version=text) for text in ("v: 1", "v2")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    log = es.Log(tmp_path / "log")
    log.pull(es.source(tmp_path / "a.jsonl"))
    found = check_log(log).rejected
    assert found.select("reason", "lines", "line").rows() == [
        ('occurred_at is not a time: "31.1.1985"', 3, 1),
        ('version is not an integer of 64 bits: "v: 1"', 2, 5),
    ]


def test_blank_and_giant_streams_are_named(tmp_path: Path) -> None:
    """A blank name is a mistake of the source; so, often, is a stream with most events."""
    giant = [event(n, stream="unknown") for n in range(1_500)]
    others = [event(2_000 + n, stream=f"s{n}") for n in range(10)]
    found = notes(checked(tmp_path, *giant, *others, event(3_000, stream=" "), event(3_001, stream=" ")))
    assert "2 events are in streams whose names are blank" in found
    assert "stream 'unknown' has 1,500 of 1,512 events, the median stream 1" in found


def test_a_log_of_one_stream_is_named(tmp_path: Path) -> None:
    """Unless it is short."""
    assert "has 1,000 of 1,000 events" in notes(checked(tmp_path / "a", *[event(n) for n in range(1_000)]))
    assert notes(checked(tmp_path / "b", *[event(n) for n in range(999)])) == ""


def test_types_that_no_field_of_a_model_names(tmp_path: Path) -> None:
    """One note per model, most events first; types that it ignores are left out."""

    class Some(es.Model, ignored="C"):
        n = es.count("A")

    class All(es.Model):
        n = es.count()

    class Rest(es.Model, ignored="*"):
        n = es.count("A")

    log = es.Log(tmp_path / "log")
    log.append([event(n, type=kind) for n, kind in enumerate("ABBBCCDE")])
    found = check_log(log, [Some, All, Rest])
    [note] = found.notes
    assert note.startswith("no field of Some names 3 types of events: B (3 events), D (1 event), E (1 event); if")
    assert found.unnamed.rows() == [("Some", "B", 3), ("Some", "D", 1), ("Some", "E", 1)]
    assert check_log(log).notes == ()


@pytest.mark.hostile
def test_many_event_types(tmp_path: Path) -> None:
    """The time of a check does not grow with the number of types, beyond that of their events."""
    count = effort(5_000, 80_000)
    log = es.Log(tmp_path / "log")
    log.append([event(n, type=f"T{n}", data={"a": {"b": n}}, occurred_at=START) for n in range(count)])
    begin = time.process_time()
    found = check_log(log)
    assert time.process_time() - begin < effort(3, 40)
    assert (found.types.height, found.members.height, found.sampled) == (count, count, count)


def test_the_sample_has_every_nth_event_of_each_type() -> None:
    """Counted per type, from the first chunk on, however the chunks are cut."""
    types = [name for n in range(300) for name in ("A", "B" * (n % 3 == 0), "C" * (n % 7 == 0)) if name]
    data = [f'{{"n":{n}}}' for n in range(len(types))]
    rows = pl.DataFrame({"position": range(len(types)), "type": types, "data": data})
    seen: dict[str, int] = {}
    expected = []
    steps = {"A": 7, "B": 2}
    for name, text in zip(types, data, strict=True):
        if seen.setdefault(name, 0) % steps.get(name, 1) == 0:
            expected.append((name, text))
        seen[name] += 1
    for size in (1, 10, 37, len(types)):
        ordered = OrderedPass(steps)
        for chunk in rows.iter_slices(size):
            ordered.add(chunk)
        assert pl.concat(ordered.sample).rows() == expected
