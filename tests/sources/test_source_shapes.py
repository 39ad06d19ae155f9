"""Mappings and known formats: which member is a column, which is payload, and how a reason names it."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import SourceError
from tests.sources.sourcekit import AT, all_of, ids, line, read, write


def _one(path: Path, text: str, **options: Any) -> dict[str, Any]:
    batch = read(write(path / "a.jsonl", text.encode()), **options)
    assert batch.rejected.is_empty(), batch.rejected["reason"].to_list()
    return batch.events.to_dicts()[0]


@pytest.mark.parametrize(
    ("more", "payload"),
    [
        ('"who":{"key":"c","name":1.50}', '{"who":{"name":1.50}}'),
        ('"who":{"key":"c"},"x":{}', '{"x":{}}'),
        ('"who.key":"c","who":{"key":"d"}', "{}"),
        ('"who":{"key":"c"},"type":"own"', '{"type":"own"}'),
        ('"who":{"key":"c"},"data":{"a": 1}', '{"a": 1}'),
        ('"who":{"key":"c"},"data":null', "{}"),
        ('"who":{"key":"c"},"data":" {\\"a\\": 1}"', '{"a": 1}'),
        ('"who":{"key":"c"},"data":"{\\"a\\":\\n1}"', '{"a":\n1}'),
    ],
)
def test_what_is_not_mapped_is_the_payload(tmp_path: Path, more: str, payload: str) -> None:
    """The payload has all other members, verbatim, also those of an object that is mapped in part."""
    event = _one(
        tmp_path, f'{{"id":"1",{more},"ts":"{AT}"}}', stream="who.key", occurred_at="ts", constants={"type": "X"}
    )
    assert (event["stream"], event["type"], event["data"]) == ("c", "X", payload)


def test_a_nested_payload_stays_verbatim(tmp_path: Path) -> None:
    """Digits and order are kept, at any depth."""
    payload = '{"z":1.50,"a":10000000000000000000000}'
    text = f'{{"event_id":"1","stream":"s","type":"T","occurred_at":"{AT}","a":{{"b":{payload}}}}}'
    assert _one(tmp_path, text, data="a.b")["data"] == payload


def test_reasons_name_the_column_and_its_path(tmp_path: Path) -> None:
    """They show a wrong mapping at once."""
    path = write(tmp_path / "a.jsonl", line(1), line(2, meta={"ts": "soon"}), line(3, meta={"ts": [1]}))
    reasons = read(path, occurred_at="meta.ts").rejected["reason"].to_list()
    assert reasons == [
        "occurred_at (meta.ts) is missing",
        'occurred_at (meta.ts) is not a time: "soon"',
        "occurred_at (meta.ts) is not a time: [1]",
    ]


CLOUD = {"specversion": "1.0", "id": "1", "source": "/s", "type": "T", "time": AT}
CALL = {"type": "track", "event": "E", "messageId": "m", "userId": "u", "timestamp": AT}


@pytest.mark.parametrize(
    ("given", "column", "expected"),
    [
        (CLOUD, "stream", "/s"),
        (CLOUD | {"subject": None}, "stream", "/s"),
        (CLOUD | {"subject": "c"}, "stream", "c"),
        (CLOUD | {"data": [1]}, "data", '{"data":[1]}'),
        (CLOUD | {"data_base64": "eA==", "datacontenttype": "image/png"}, "data", '{"data_base64":"eA=="}'),
        (CLOUD | {"trace": "t"}, "metadata", '{"id":"1","source":"/s","trace":"t"}'),
        (CLOUD | {"recordedtime": "2024-01-02T00:00:00Z"}, "recorded_at", "2024-01-02"),
        (CALL | {"timestamp": None, "originalTimestamp": AT}, "type", "E"),
        (CALL | {"userId": "", "anonymousId": "an"}, "stream", "an"),
        (CALL | {"receivedAt": "2024-01-02T00:00:00Z"}, "recorded_at", "2024-01-02"),
        (CALL | {"properties": None}, "data", "{}"),
        (CALL | {"traits": {"a": 1}}, "metadata", f'{{"userId":"u","timestamp":"{AT}","traits":{{"a":1}}}}'),
        ({**CALL, "type": "identify", "traits": {"a": 1}}, "data", '{"a":1}'),
        ({**CALL, "type": "page", "properties": {"p": 1}}, "type", "page"),
    ],
)
def test_known_formats(tmp_path: Path, given: dict[str, Any], column: str, expected: str) -> None:
    """CloudEvents and calls of Segment: null is absent, other members become metadata."""
    event = _one(tmp_path, json.dumps(given, separators=(",", ":")))
    assert str(event[column]).startswith(expected)


def _base64(text: str, charset: str = "utf-8") -> str:
    return b64encode(text.encode(charset)).decode()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"data_base64": _base64('{"amount": 5.10}')}, '{"amount": 5.10}'),
        ({"data_base64": _base64('{"a":1}'), "datacontenttype": "application/json; charset=utf-8"}, '{"a":1}'),
        ({"data_base64": _base64('{"a":1}'), "datacontenttype": "Application/vnd.Shop+JSON"}, '{"a":1}'),
        ({"data_base64": _base64('{"a":1}'), "datacontenttype": "text/json"}, '{"a":1}'),
        (
            {"data_base64": _base64('{"a":"ö"}', "utf-16"), "datacontenttype": 'a/json;charset="utf-16"'},
            '{"a":"ö"}',
        ),
        ({"data_base64": _base64('\ufeff{"a":1}\n')}, '{"a":1}'),
        ({"data_base64": _base64("[1]"), "data": None}, '{"data":[1]}'),
        ({"data_base64": _base64(json.dumps('{"a":1}'))}, '{"a":1}'),
        ({"data_base64": _base64("null")}, "{}"),
        ({"data_base64": ""}, "{}"),
        ({"data_base64": _base64('{"a":1}'), "datacontenttype": "text/plain"}, '{"data_base64":"eyJhIjoxfQ=="}'),
        ({"data": '{"a": 1.50}'}, '{"a": 1.50}'),
        ({"data": ' {"a":1} ', "datacontenttype": "application/cloudevents+json"}, '{"a":1}'),
        ({"data": '{"a":1}', "datacontenttype": "text/plain"}, '{"data":"{\\"a\\":1}"}'),
        ({"data": "{a"}, '{"data":"{a"}'),
        ({"data": "[1]"}, '{"data":"[1]"}'),
    ],
)
def test_the_payload_of_a_cloud_event(tmp_path: Path, payload: dict[str, Any], expected: str) -> None:
    """JSON is decoded from base64 and from a string, if its type is JSON or absent; others stay."""
    assert _one(tmp_path, json.dumps(CLOUD | payload))["data"] == expected


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"data_base64": "eA=="}, "data_base64 is not JSON in base64: JSON is malformed"),
        ({"data_base64": "e"}, "data_base64 is not JSON in base64: "),
        ({"data_base64": "{}"}, "data_base64 is not JSON in base64: "),
        ({"data_base64": 5}, "data_base64 is not JSON in base64: "),
        ({"data_base64": _base64('{"a":1} {"a":2}')}, "data_base64 is not JSON in base64: JSON is malformed"),
        ({"data_base64": _base64('{"a":"ö"}', "latin-1")}, "data_base64 is not JSON in base64: 'utf-8' codec"),
        (
            {"data_base64": _base64("{}"), "datacontenttype": "a/json;charset=klingon"},
            "data_base64 is not JSON in",
        ),
        ({"data_base64": _base64("{}"), "data": {}}, "expected data or data_base64, got both"),
        ({"data": {}, "datacontenttype": 5}, "datacontenttype is not a text: 5"),
    ],
)
def test_a_payload_that_cannot_be_decoded_is_a_rejected_line(
    tmp_path: Path, payload: dict[str, Any], reason: str
) -> None:
    """It is not an event without a payload; the other lines are read."""
    path = write(tmp_path / "a.jsonl", json.dumps(CLOUD | payload).encode(), line(1))
    found = read(path)
    assert (ids(found), found.rejected.height) == (["e1"], 1)
    assert found.rejected["reason"][0].startswith(reason)


def test_reasons_name_the_members_of_known_formats(tmp_path: Path) -> None:
    """A CloudEvent lacks its time, a call its event; a line that a mapping fits is not a known format."""
    lines = [
        json.dumps({key: value for key, value in shape.items() if key not in ("time", "event")}).encode()
        for shape in (CLOUD, CALL)
    ]
    path = write(tmp_path / "a.jsonl", *lines, json.dumps(CLOUD).encode())
    assert read(path).rejected["reason"].to_list() == ["occurred_at (time) is missing", "type is missing"]
    assert ids(read(path, occurred_at="time", stream="source")) == ["1"]


def test_only_file_urls_are_supported(tmp_path: Path) -> None:
    """Another scheme is an error. The name of a source consists of its paths and globs."""
    path = write(tmp_path / "a b.jsonl", line(1))
    assert ids(all_of(es.source(path.as_uri()))) == ["e1"]
    with pytest.raises(SourceError, match="file://"):
        es.source(["a.jsonl", "kafka://host/topic"])
    assert es.source(str(path)).name == str(path)
    assert es.source([str(tmp_path), str(tmp_path / "x" / ".." / "*.csv")]).name == f"{tmp_path};{tmp_path}/*.csv"
    with pytest.raises(SourceError, match="both a member and a constant"):
        es.source("a.jsonl", type="kind", constants={"type": "X"})


def test_a_source_finds_files_that_come_later(tmp_path: Path) -> None:
    """Each pull evaluates globs; a file that two patterns match is read once; endings may be in capitals."""
    write(tmp_path / "a.JSONL", line(1))
    source = es.source([tmp_path, tmp_path / "*.JSONL"])
    assert ids(all_of(source)) == ["e1"]
    write(tmp_path / "b.jsonl", line(2))
    assert ids(all_of(source)) == ["e1", "e2"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_columns_with_dots_are_members_of_objects(tmp_path: Path, form: str) -> None:
    """A mapping and a model reach a column by its name; an object without filled cells is absent."""
    cells = {"no": "1", "who.id": "ada", "what": "Joined", "when": "2024-01-01", "who.name.first": "Ada", "x": "y"}
    table = pl.DataFrame([cells, cells | {"no": "2", "who.name.first": None}])
    path = tmp_path / f"a.{form}"
    getattr(table, f"write_{form}")(path)
    log = es.Log(tmp_path / "log")
    source = es.source(path, event_id="no", stream="who.id", type="what", occurred_at="when")
    assert log.pull(source).rejected == 0
    texts = log.scan().collect()["data"].to_list()
    assert json.loads(texts[0]) == {"who": {"name": {"first": "Ada"}}, "x": "y"}

    class Who(es.Model):
        name = es.latest("Joined", of="who.name.first")

    assert es.Timeline(log, Who).as_of(upto=1).rows() == [("ada", "Ada")]


def test_a_column_keeps_its_dots_where_an_object_is_impossible(tmp_path: Path) -> None:
    """There is a column with the name of the object, or a part of the name is empty."""
    path = tmp_path / "a.csv"
    path.write_text("id,stream,type,occurred_at,a,a.b,.c,d..e,f.\n1,s,T,2024-01-01,1,2,3,4,5\n")
    (text,) = read(path).events["data"]
    assert json.loads(text) == {"a": "1", "a.b": "2", ".c": "3", "d..e": "4", "f.": "5"}


def test_rejected_rows_with_dotted_columns_can_be_decoded_again(tmp_path: Path) -> None:
    """A row that is decoded again has the same members."""
    path = tmp_path / "a.csv"
    path.write_text("id,stream,type,occurred_at,a.b\n1,s,T,31.1.2024,x\n")
    log = es.Log(tmp_path / "log")
    when: dict[str, Any] = {"occurred_at": "a.b"}
    log.pull(es.source(path))
    path.write_text("id,stream,type,occurred_at,a.b\n1,s,T,31.1.2024,2024-01-31\n")
    log.pull(es.source(path))
    assert log.retry(es.source(path, **when)).appended == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_without_a_column_of_times_is_named(tmp_path: Path, form: str) -> None:
    """A misspelt name would otherwise make no event, without a word."""
    frame = pl.DataFrame({"id": ["7"], "OrderDate": ["2024-01-01"], "ShippedDate": ["2024-01-05"]})
    path = tmp_path / f"orders.{form}"
    getattr(frame, f"write_{form}")(path)
    times = [{"type": "Ordered", "occurred_at": "OrderDate"}, {"type": "Shipped", "occurred_at": "ShipedDate"}]
    source = es.source(path, event_id=["id", "@type"], stream="id", events=times)
    [reason] = pl.concat(batch.rejected for batch in source.batches({}))["reason"]
    assert reason.endswith("events: no column 'ShipedDate'; there are id, OrderDate, ShippedDate")


def test_an_event_of_ocel_without_an_id_is_named(tmp_path: Path) -> None:
    """What is not OCEL is a reason, not an error of Python."""
    path = tmp_path / "log.jsonocel"
    path.write_text('{"events": [{"type": "Pay", "time": "2024-01-01T00:00:00Z"}], "objects": []}')
    [reason] = pl.concat(batch.rejected for batch in es.source(path).batches({}))["reason"]
    assert reason.endswith("an event or object is not as OCEL 2.0 has it: KeyError('id')")
