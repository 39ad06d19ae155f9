"""Lines with several events, texts of several parts, and documents whose elements are events."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eventsource as es
from eventsource.errors import SourceError
from eventsource.sources._checkpoint import UnreadableError
from eventsource.sources._json_documents import RecordScanner
from tests.sources.sourcekit import AT, all_of, ids, read, write

LINE = {
    "id": 7,
    "who": {"org": "acme", "user": "ada"},
    "kind": "Bought",
    "at": AT,
    "items": [{"sku": "a"}, {"sku": "b"}],
}
MAPPING: dict[str, Any] = {"stream": "who.user", "type": "kind", "occurred_at": "at"}


def _lines(path: Path, *lines: Any) -> Path:
    return write(path, *(json.dumps(each).encode() for each in lines))


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [
        ("id", "7"),
        (["kind", "id"], "Bought:7"),
        (["id", "@type"], "7:Bought"),
        ("@line", "a.jsonl:1"),
        (["@file", "id"], "a.jsonl:7"),
        ("{who.org}/{who.user}#{id}", "acme/ada#7"),
        ("{{{id}}}", "{7}"),
        ("{@type}-{id}", "Bought-7"),
    ],
)
def test_an_id_may_have_several_parts(tmp_path: Path, event_id: Any, expected: str) -> None:
    """Paths, parts such as @line, patterns, and lists of them."""
    assert ids(read(_lines(tmp_path / "a.jsonl", LINE), event_id=event_id, **MAPPING)) == [expected]


def test_parts_of_an_id_never_run_together(tmp_path: Path) -> None:
    """("a:b", "c") and ("a", "b:c") are two ids."""
    lines = [LINE | {"x": "a:b", "y": "c"}, LINE | {"x": "a", "y": "b:c"}, LINE | {"x": "a\\", "y": "c"}]
    found = ids(read(_lines(tmp_path / "a.jsonl", *lines), event_id=["x", "y"], **MAPPING))
    assert found == ["a\\:b:c", "a:b\\:c", "a\\\\:c"]


def test_the_hash_of_a_line_tells_equal_lines(tmp_path: Path) -> None:
    """Equal lines have equal ids, in any file; others have not."""
    write(tmp_path / "a.jsonl", json.dumps(LINE).encode(), json.dumps(LINE | {"id": 8}).encode())
    write(tmp_path / "b.jsonl", json.dumps(LINE).encode())
    one, other, again = ids(all_of(es.source(tmp_path, event_id="@hash", **MAPPING)))
    assert one == again != other


def test_lines_of_files_in_folders_have_ids_of_their_own(tmp_path: Path) -> None:
    """The part @line is relative to the folder or glob that was given, and stays when the folder is moved."""
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        _lines(tmp_path / name / "a.jsonl", LINE)
    for where in (tmp_path, tmp_path / "*" / "a.jsonl"):
        assert ids(all_of(es.source(where, event_id="@line", **MAPPING))) == ["x/a.jsonl:1", "y/a.jsonl:1"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"event_id": "@row"}, "unknown part '@row'"),
        ({"event_id": []}, "expected a path or a list of paths"),
        ({"occurred_at": ["a", "b"]}, "occurred_at: expected a path"),
        ({"events": [{"type": "Ordered"}]}, "expected a type and the path of occurred_at"),
        ({"separator": ";"}, "separator needs explode"),
        ({"records": "Records", "format": "csv"}, "records names an array of JSON"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(mapping: dict[str, Any], message: str) -> None:
    """At once, before a file is read."""
    with pytest.raises(SourceError, match=message):
        es.source("a.jsonl", **mapping)


def test_each_element_of_an_array_is_an_event(tmp_path: Path) -> None:
    """With the members around it; an empty array gives no event, and a line without the array is rejected."""
    path = _lines(
        tmp_path / "a.jsonl", LINE, LINE | {"items": []}, {k: v for k, v in LINE.items() if k != "items"}
    )
    batch = read(path, event_id=["id", "@index"], explode="items", **MAPPING)
    assert ids(batch) == ["7:0", "7:1"]
    assert [json.loads(data) for data in batch.events["data"]] == [
        {"id": 7, "who": {"org": "acme"}, "items": {"sku": sku}} for sku in "ab"
    ]
    assert batch.rejected.select("line", "reason").rows() == [(3, "items is missing")]


def test_the_reason_of_an_element_says_which_one(tmp_path: Path) -> None:
    """In an array of many it would have to be searched."""
    path = _lines(tmp_path / "a.jsonl", LINE | {"items": [{"sku": "a"}, {}]})
    batch = read(path, event_id="items.sku", explode="items", **MAPPING)
    assert batch.rejected["reason"].to_list() == ["event_id (items.sku) is missing (element 1 of items)"]


def test_elements_can_name_the_entity(tmp_path: Path) -> None:
    """An event of several entities becomes one event for each: nested arrays, texts, and texts with separators."""
    common: dict[str, Any] = {"event_id": "{id}:{@index}", "type": "kind", "occurred_at": "at"}
    nested = _lines(tmp_path / "a.jsonl", {"id": 1, "kind": "Met", "at": AT, "with": {"people": ["ada", "bob"]}})
    batch = read(nested, stream="with.people", explode="with.people", **common)
    assert batch.events["stream"].to_list() == ["ada", "bob"]
    for name, cell, separator in (("b.csv", "ada; bob", ";"), ("c.csv", '"[""ada"", ""bob""]"', None)):
        (tmp_path / name).write_text(f"id,kind,at,people\n1,Met,{AT},{cell}\n")
        batch = read(tmp_path / name, stream="people", explode="people", separator=separator, **common)
        assert batch.events["stream"].to_list() == ["ada", "bob"]


def test_a_row_of_a_wide_table_is_several_events(tmp_path: Path) -> None:
    """One per time that is there; times of other events are not payload; a row without any time is rejected."""
    path = tmp_path / "orders.csv"
    path.write_text("id,ordered,shipped,by,total\n8,2024-01-01,,,5\n9,2024-01-02,2024-01-05,dhl,7\n10,,,,1\n")
    events = [
        {"type": "Ordered", "occurred_at": "ordered"},
        {"type": "Shipped", "occurred_at": "shipped", "stream": "by"},
    ]
    batch = read(path, event_id=["id", "@type"], stream="id", events=events)
    assert ids(batch) == ["8:Ordered", "9:Ordered", "9:Shipped"]
    assert batch.events["stream"].to_list() == ["8", "9", "dhl"]
    assert [json.loads(data) for data in batch.events["data"]] == [
        {"total": "5"},
        {"by": "dhl", "total": "7"},
        {"id": "9", "total": "7"},
    ]
    assert batch.rejected["reason"].to_list() == ["no event: all of ordered, shipped are absent"]


def test_a_line_is_taken_as_a_whole(tmp_path: Path) -> None:
    """If one of its events is rejected, none is appended: after a correction all of them are."""
    path = tmp_path / "orders.csv"
    path.write_text("id,ordered,shipped\n8,2024-01-01,soon\n9,2024-01-02,2024-01-05\n")
    events = [{"type": "Ordered", "occurred_at": "ordered"}, {"type": "Shipped", "occurred_at": "shipped"}]
    batch = read(path, event_id=["id", "@type"], stream="id", events=events)
    assert ids(batch) == ["9:Ordered", "9:Shipped"]
    assert batch.rejected.select("line", "reason").rows() == [(2, 'occurred_at (shipped) is not a time: "soon"')]


DOCUMENTS: dict[str, Callable[[Any], str]] = {
    "compact": json.dumps,
    "pretty": lambda rows: json.dumps(rows, indent=2),
    "one per line": lambda rows: "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]",
    "without line breaks": lambda rows: "".join(map(json.dumps, rows)),
    "pretty objects": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
    "text sequence": lambda rows: "".join(f"\x1e{json.dumps(row)}\n" for row in rows),
    "lines": lambda rows: "\n".join(map(json.dumps, rows)),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_documents_of_any_shape(tmp_path: Path, kind: str, ending: str) -> None:
    """The elements of an array, or objects one after another, are events; numbers are those of the elements."""
    rows = [LINE | {"id": number} for number in range(5)]
    content = DOCUMENTS[kind](rows).encode()
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    batch = read(path, event_id="id", **MAPPING)
    assert (ids(batch), batch.rejected.height) == ([str(number) for number in range(5)], 0)
    assert all_of(es.source(str(path), event_id="id", **MAPPING), dict(batch.checkpoint)).events.height == 0


def test_an_array_inside_a_document(tmp_path: Path) -> None:
    """`records` names it; a wrong name is an error that lists those that are there."""
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps({"meta": {"Records": [1]}, "Records": [LINE, LINE | {"id": 8}, 3], "n": 3}, indent=1)
    )
    batch = read(path, records="Records", event_id="id", **MAPPING)
    assert ids(batch) == ["7", "8"]
    assert batch.rejected.select("line", "reason", "raw").rows() == [(3, "not a JSON object", b"3")]
    reason = read(path, records="data.rows", event_id="id", **MAPPING).rejected["reason"].item()
    assert "no array at 'data.rows'; members that hold an array or an object: meta, Records" in reason


def test_a_document_that_was_cut_off_keeps_its_whole_records(tmp_path: Path) -> None:
    """The rest is a rejected line; when the document is complete, the new records are taken."""
    path, text = tmp_path / "a.json", json.dumps([LINE, LINE | {"id": 8}])
    path.write_text(text[:-20])
    first = read(path, event_id="id", **MAPPING)
    assert (ids(first), first.rejected.height) == (["7"], 1)
    path.write_text(text)
    again = read(path, dict(first.checkpoint), event_id="id", **MAPPING)
    assert ids(again) == ["7", "8"]


def _value(made: random.Random, depth: int = 0) -> Any:
    if depth > 3 or made.random() < 0.3:
        return made.choice([1, None, 'a\\"}]{[b', "\\", "\n{", 'é"', True, 1.5])
    if made.random() < 0.4:
        return [_value(made, depth + 1) for _ in range(made.randint(0, 3))]
    return {made.choice(["a", "Records", 'x"']): _value(made, depth + 1) for _ in range(made.randint(0, 3))}


def _scanned(text: str, path: tuple[str, ...], step: int) -> list[Any]:
    scanner, data = RecordScanner(path, 1 << 20), text.encode()
    found = [record for at in range(0, len(data), step) for record in scanner.feed(data[at : at + step])]
    return [json.loads(record) for record in found + scanner.finish()]


@pytest.mark.parametrize("seed", range(200))
def test_records_are_found_wherever_the_bytes_are_cut(seed: int) -> None:
    """In documents of any content, at any size of the pieces."""
    made = random.Random(seed)
    rows = [{"k": _value(made)} for _ in range(made.randint(0, 4))]
    indent, step = made.choice([None, 2]), made.choice([1, 3, 7, 50, 10_000])
    document = {"m": _value(made), "a": {"q": _value(made), "Records": rows}, "z": _value(made)}
    assert _scanned(json.dumps(rows, indent=indent), (), step) == rows
    assert _scanned(json.dumps(document, indent=indent), ("a", "Records"), step) == rows


def test_brackets_that_do_not_match_are_named() -> None:
    """A bracket too many is damage; a line break inside a text is not JSON and stays a fault."""
    with pytest.raises(UnreadableError, match="a bracket closes that was not opened"):
        RecordScanner((), 100).feed(b'{"a": 1}]')
    assert RecordScanner((), 100).feed(b'[{"a": "x\ny"}]') == [b'{"a": "x\0y"}']
    scanner = RecordScanner((), 10)
    scanner.feed(b'[{"a": "' + b"x" * 20)
    with pytest.raises(UnreadableError, match="more than 10 bytes"):
        scanner.feed(b"x")
