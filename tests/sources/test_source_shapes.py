"""Mappings and shapes: what is a column, what is payload, and how a reason names it."""

import json
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
    """Verbatim, without what is mapped and with everything else, down to the parts of a member."""
    event = _one(
        tmp_path, f'{{"id":"1",{more},"ts":"{AT}"}}', stream="who.key", occurred_at="ts", constants={"type": "X"}
    )
    assert (event["stream"], event["type"], event["data"]) == ("c", "X", payload)


def test_a_payload_below_other_members_stays_verbatim(tmp_path: Path) -> None:
    """Digits and order are kept, at any depth."""
    payload = '{"z":1.50,"a":10000000000000000000000}'
    text = f'{{"event_id":"1","stream":"s","type":"T","occurred_at":"{AT}","a":{{"b":{payload}}}}}'
    assert _one(tmp_path, text, data="a.b")["data"] == payload


def test_reasons_name_the_column_and_where_it_was_looked_for(tmp_path: Path) -> None:
    """So that a wrong mapping is seen at once."""
    path = write(tmp_path / "a.jsonl", line(1), line(2, meta={"ts": "soon"}), line(3, meta={"ts": [1]}))
    reasons = read(path, occurred_at="meta.ts").rejected["reason"].to_list()
    assert reasons == [
        "occurred_at (meta.ts) is missing",
        'occurred_at (meta.ts) is not a time: "soon"',
        "occurred_at (meta.ts) is [1], not a time",
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
        (CLOUD | {"data": None, "data_base64": "eA=="}, "data", '{"data_base64":"eA=="}'),
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
def test_known_shapes(tmp_path: Path, given: dict[str, Any], column: str, expected: str) -> None:
    """CloudEvents and Segment's calls: null is absent, nothing is lost."""
    event = _one(tmp_path, json.dumps(given, separators=(",", ":")))
    assert str(event[column]).startswith(expected)


def test_known_shapes_are_rejected_with_their_own_names(tmp_path: Path) -> None:
    """A CloudEvent without its time, a call without its event; a mapping by hand turns recognition off."""
    lines = [
        json.dumps({key: value for key, value in shape.items() if key not in ("time", "event")}).encode()
        for shape in (CLOUD, CALL)
    ]
    path = write(tmp_path / "a.jsonl", *lines, json.dumps(CLOUD).encode())
    assert read(path).rejected["reason"].to_list() == ["time is missing", "event is missing"]
    assert ids(read(path, occurred_at="time", stream="source")) == ["1"]


def test_sources_are_chosen_by_their_scheme(tmp_path: Path) -> None:
    """file:// is a file; another scheme says what there is. A source's name is where it looks."""
    path = write(tmp_path / "a b.jsonl", line(1))
    assert ids(all_of(es.source(path.as_uri()))) == ["e1"]
    with pytest.raises(SourceError, match="file://"):
        es.source(["a.jsonl", "kafka://host/topic"])
    assert es.source(str(path)).name == str(path)
    assert es.source([str(tmp_path), str(tmp_path / "x" / ".." / "*.csv")]).name == f"{tmp_path};{tmp_path}/*.csv"
    with pytest.raises(SourceError, match="both a member and a constant"):
        es.source("a.jsonl", type="kind", constants={"type": "X"})


def test_a_source_sees_files_that_come_later(tmp_path: Path) -> None:
    """A glob is looked up at each pull; a file that two patterns name is read once; endings may be in capitals."""
    write(tmp_path / "a.JSONL", line(1))
    source = es.source([tmp_path, tmp_path / "*.JSONL"])
    assert ids(all_of(source)) == ["e1"]
    write(tmp_path / "b.jsonl", line(2))
    assert ids(all_of(source)) == ["e1", "e2"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_columns_with_dots_are_members_of_objects(tmp_path: Path, form: str) -> None:
    """A mapping and a model reach a column by its name, dots or not; an object without filled cells is absent."""
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


def test_a_column_with_dots_gives_way_to_one_in_its_place(tmp_path: Path) -> None:
    """Where a column stands at the object's place, or a part of the name is empty, the name stays as it is."""
    path = tmp_path / "a.csv"
    path.write_text("id,stream,type,occurred_at,a,a.b,.c,d..e,f.\n1,s,T,2024-01-01,1,2,3,4,5\n")
    (text,) = read(path).events["data"]
    assert json.loads(text) == {"a": "1", "a.b": "2", ".c": "3", "d..e": "4", "f.": "5"}


def test_rejected_rows_with_dotted_columns_are_taken_again(tmp_path: Path) -> None:
    """A row that is offered again has the members that it had at first."""
    path = tmp_path / "a.csv"
    path.write_text("id,stream,type,occurred_at,a.b\n1,s,T,31.1.2024,x\n")
    log, when = es.Log(tmp_path / "log"), {"occurred_at": "a.b"}
    log.pull(es.source(path))
    path.write_text("id,stream,type,occurred_at,a.b\n1,s,T,31.1.2024,2024-01-31\n")
    log.pull(es.source(path))
    assert log.retry(es.source(path, **when)).appended == 1
