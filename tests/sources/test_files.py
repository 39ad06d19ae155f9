"""Files as a source: every line is taken or kept aside, nothing is read twice, memory is bounded."""

import gzip
import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eventsource as es
from eventsource.errors import SourceError
from eventsource.sources._blocks import blocks
from eventsource.sources._mapping import FieldMapping
from eventsource.sources.files import Files
from tests.sources.sourcekit import AT, PACKED
from tests.sources.sourcekit import line as _line
from tests.sources.sourcekit import read as _read


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(PACKED.get(path.suffix, bytes)(content))
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "a.jsonl.zst"])
def test_json_lines_plain_and_packed(tmp_path: Path, name: str) -> None:
    """The same lines give the same events, whatever they are packed in; payloads stay verbatim."""
    path = _write(tmp_path / name, b"\xef\xbb\xbf" + _line(1) + b"\r\n\n" + _line(2, data={"x": 1.50}) + b"\n")
    batch = _read(path)
    assert batch.events["event_id"].to_list() == ["e1", "e2"]
    assert batch.events["data"].to_list() == ['{"n": 1}', '{"x": 1.5}']
    assert batch.rejected.is_empty()
    assert batch.read == path.stat().st_size


REJECTS = {
    b'{"event_id": "x", ': "not JSON",
    b"[1, 2]": "not a JSON object",
    b'{"event_id": "x", "stream": "s", "type": "T", "data": {}}': "occurred_at is missing",
    _line(9, occurred_at="2024-02-30T00:00:00Z"): "2024-02-30",
    _line(9, occurred_at=True): "occurred_at is true",
    _line(9, occurred_at=10**30): "occurred_at is not a time",
    _line(9, stream=None): "stream is missing",
    _line(9, stream={"id": 1}): "stream is",
    _line(9, type=""): "type is empty",
    _line(9, version="one"): "version is",
    _line(9, data=[1]): "data is [1]",
    _line(9, data="text"): "data is a text that is not a JSON object",
    _line(9, recorded_at="yesterday"): "recorded_at is not a time",
    b'{"event_id": "\xff", "stream": "s"}': "not UTF-8: byte 14",
    _line(9, padding="y" * 5000): "beyond the limit",
}


@pytest.mark.parametrize("bad", REJECTS, ids=list(REJECTS.values()))
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_line_that_cannot_be_taken_is_kept_with_its_reason(tmp_path: Path, bad: bytes, name: str) -> None:
    """File, line number, reason and bytes are kept; the lines around it are taken."""
    path = _write(tmp_path / name, b"\n".join([_line(1), b"", bad, _line(2), b""]))
    batch = _read(path, max_line=4096)
    assert batch.events["event_id"].to_list() == ["e1", "e2"]
    [kept] = batch.rejected.to_dicts()
    assert (kept["file"], kept["line"]) == (str(path), 3)
    assert REJECTS[bad] in kept["reason"]
    assert bad.startswith(kept["raw"])
    assert len(kept["raw"]) == min(len(bad), 64 * 1024)


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    """An unchanged file gives nothing, a grown one its new lines, numbered on."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line(1) + b"\n" + _line(2) + b"\n")
    first = _read(path)
    assert _read(path, dict(first.checkpoint)).events.is_empty()
    with path.open("ab") as file:
        file.write(_line(3) + b"\nbroken\n")
    second = _read(path, dict(first.checkpoint))
    assert second.events["event_id"].to_list() == ["e3"]
    assert second.rejected["line"].to_list() == [4]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_packed_files_grow_too(tmp_path: Path, name: str) -> None:
    """A packed file with another member appended gives the new lines."""
    path = _write(tmp_path / name, _line(1) + b"\n")
    first = _read(path)
    _write(tmp_path / f"tail{path.suffix}", _line(2) + b"\n")
    path.write_bytes(path.read_bytes() + (tmp_path / f"tail{path.suffix}").read_bytes())
    assert _read(path, dict(first.checkpoint)).events["event_id"].to_list() == ["e2"]


@pytest.mark.parametrize("again", [_line(7) + b"\n", _line(7) + b"\n" + _line(8) + b"\n" + _line(9) + b"\n"])
def test_a_rewritten_file_is_noticed(tmp_path: Path, again: bytes) -> None:
    """Shorter or longer: it is read from its start, and said."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line(1) + b"\n" + _line(2) + b"\n")
    first = _read(path)
    path.write_bytes(again)
    second = _read(path, dict(first.checkpoint))
    assert second.events.height == again.count(b"\n")
    assert "rewritten" in second.notes[0]


def test_a_half_written_last_line_is_told_and_read_again(tmp_path: Path) -> None:
    """A last line without an end is left for now; when the writer has finished it, it is taken."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line(1) + b"\n" + _line(2)[:30])
    first = _read(path)
    assert first.events["event_id"].to_list() == ["e1"]
    assert "half-written" in first.notes[0]
    with path.open("ab") as file:
        file.write(_line(2)[30:])
    second = _read(path, dict(first.checkpoint))
    assert second.events["event_id"].to_list() == ["e2"]
    assert second.rejected.is_empty()


def test_a_damaged_file_gives_what_can_be_read(tmp_path: Path) -> None:
    """A truncated gz is told as one rejected entry; a mended one is read on."""
    whole = gzip.compress(b"".join(_line(n) + b"\n" for n in range(2000)), compresslevel=0)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.jsonl").write_bytes(_line(5000) + b"\n")
    first = _read(tmp_path)
    assert "cannot be read" in first.rejected["reason"][-1]
    assert "e5000" in first.events["event_id"].to_list()
    path.write_bytes(whole)
    second = _read(tmp_path, dict(first.checkpoint))
    assert set(first.events["event_id"]) | set(second.events["event_id"]) == {
        f"e{n}" for n in [*range(2000), 5000]
    }


MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("2024-01-02T03:04:05.678901Z", {}),
        ("2024-01-02T04:04:05.6789019+01:00", {}),
        ("2024-01-02 03:04:05.678901", {}),
        ("2024-01-02T04:04:05.678901", {"tz": "Europe/Warsaw"}),
        (1704164645678901, {}),
        (1704164645678901, {"unit": "us"}),
        (1704164645678901234, {"unit": "ns"}),
        (1704164645.678901, {"unit": "s"}),
        (1704164645678.901, {}),
    ],
)
def test_times_are_read_to_the_microsecond(tmp_path: Path, value: Any, options: dict[str, str]) -> None:
    """Texts with and without a zone, and epoch numbers of every unit, mean the same instant."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line(1, occurred_at=value) + b"\n")
    assert _read(path, **options).events["occurred_at"].to_list() == [MOMENT]


def test_any_shape_can_be_mapped(tmp_path: Path) -> None:
    """Dotted paths, constants; what is not mapped is the payload, verbatim."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 7, "who": {"key": "c1"}, "when": "2024-01-01", "price": 1.50, "tags": ["a"]}\n')
    batch = _read(path, stream="who.key", occurred_at="when", constants={"type": "Bought"})
    [event] = batch.events.to_dicts()
    assert (event["event_id"], event["stream"], event["type"]) == ("7", "c1", "Bought")
    assert event["data"] == '{"price":1.50,"tags":["a"]}'


def test_cloud_events_and_segment_calls_are_recognised(tmp_path: Path) -> None:
    """By themselves, line by line, mixed with others."""
    cloud = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "Bought", "time": AT, "subject": "c1"}
    track = {
        "type": "track",
        "event": "Ordered",
        "userId": "u1",
        "messageId": "m1",
        "timestamp": AT,
        "receivedAt": "2024-01-01T00:00:01Z",
        "properties": {"p": 1},
    }
    lines = [cloud | {"data": {"a": 1}}, cloud | {"id": "2", "data": "text"}, track]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([*(json.dumps(line).encode() for line in lines), _line(1), b""]))
    found = _read(path).events.select("event_id", "stream", "type", "data").rows()
    assert found == [
        ("/shop#1", "c1", "Bought", '{"a": 1}'),
        ("/shop#2", "c1", "Bought", '{"data":"text"}'),
        ("m1", "u1", "Ordered", '{"p": 1}'),
        ("e1", "s", "T", '{"n": 1}'),
    ]


def test_csv_rows_keep_their_physical_lines(tmp_path: Path) -> None:
    """Quoted line ends, ragged rows and bad bytes: each fault is told with the line where its row begins."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'id,customer,event,ts,note\n1,c1,Bought,2024-01-01,"two\nlines"\n2,c2,Bought,nope,x\n'
        b"3,c3\n4,c4,Sold,2024-01-02,\n5,c5,Sold,2024-01-02,\xff\n"
    )
    mapping = {"event_id": "id", "stream": "customer", "type": "event", "occurred_at": "ts"}
    batch = _read(path, **mapping)
    assert batch.events["event_id"].to_list() == ["1", "4"]
    assert [json.loads(text) for text in batch.events["data"]] == [{"note": "two\nlines"}, {}]
    assert batch.rejected["line"].to_list() == [4, 5, 7]
    with path.open("ab") as file:
        file.write(b"6,c6,Sold,2024-01-03,z\n")
    assert _read(path, dict(batch.checkpoint), **mapping).events["event_id"].to_list() == ["6"]


def test_parquet_rows_are_taken(tmp_path: Path) -> None:
    """Columns are members; what is not of the envelope is the payload."""
    frame = pl.DataFrame(
        {
            "event_id": ["a", "b"],
            "stream": ["s", "s"],
            "type": ["T", "T"],
            "occurred_at": [MOMENT, None],
            "x": [1, 2],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    batch = _read(tmp_path / "a.parquet")
    assert batch.events.select("event_id", "occurred_at", "data").rows() == [("a", MOMENT, '{"x":1}')]
    assert batch.rejected["reason"].to_list() == ["occurred_at is missing"]
    assert _read(tmp_path / "a.parquet", dict(batch.checkpoint)).events.is_empty()


def test_folders_and_globs_are_read_in_order(tmp_path: Path) -> None:
    """All known endings, recursively, by path; others are left alone."""
    (tmp_path / "b").mkdir()
    for number, name in enumerate(["b/2.jsonl", "a.jsonl", "b/1.ndjson"]):
        (tmp_path / name).write_bytes(_line(number) + b"\n")
    (tmp_path / "notes.txt").write_text("not a log")
    assert _read(tmp_path).events["event_id"].to_list() == ["e1", "e2", "e0"]
    assert _read(tmp_path / "b" / "*.jsonl").events["event_id"].to_list() == ["e0"]


def test_rejected_lines_can_be_offered_again(tmp_path: Path) -> None:
    """With a mapping that fits, the raw bytes become events."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"event_id": "1", "who": "c1", "type": "T", "occurred_at": "2024-01-01"}\n')
    rejected = _read(path).rejected
    again = es.source(str(path), stream="who").decode(rejected)
    assert again.events["stream"].to_list() == ["c1"]
    assert again.rejected.is_empty()


def test_wrong_calls_are_told(tmp_path: Path) -> None:
    """No file, an unknown ending, column, unit, format or scheme: an error that says what there is."""
    with pytest.raises(SourceError, match="no file matches"):
        _read(tmp_path / "*.jsonl")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="format"):
        _read(tmp_path / "a.txt")
    for options in ({"colour": "x"}, {"unit": "h"}, {"format": "xml"}):
        with pytest.raises(SourceError):
            es.source("a.jsonl", **options)
    with pytest.raises(SourceError, match="kafka"):
        es.source("kafka://host/topic")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(
    payloads=st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=12),
    garbage=st.lists(st.binary(max_size=20), max_size=5),
    size=st.integers(1, 400),
)
def test_no_line_is_lost(tmp_path_factory: pytest.TempPathFactory, payloads: Any, garbage: Any, size: int) -> None:
    """Cut anywhere: every line that is not blank is taken or rejected, and payloads mean what they meant."""
    lines = [_line(number, data=payload) for number, payload in enumerate(payloads)]
    junk = [line.replace(b"\n", b" ") for line in garbage]
    content = b"\n".join([*lines, *junk]) + b"\n"
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_bytes(content)
    batches = list(Files(str(path), mapping=FieldMapping(), block=size).batches({}))
    events = pl.concat([batch.events for batch in batches])
    rejected = pl.concat([batch.rejected for batch in batches])
    assert [json.loads(text) for text in events["data"]] == payloads
    content_lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert events.height + rejected.height == sum(bool(line.strip()) for line in content_lines)


@given(content=st.binary(max_size=200), size=st.integers(1, 50), limit=st.integers(1, 60))
def test_blocks_stand_for_every_line(content: bytes, size: int, limit: int) -> None:
    """Blocks of any size number all lines, whatever is beyond the limit."""
    stream = io.BytesIO(content)
    found = list(blocks(stream, line=1, size=size, limit=limit))
    assert sum(block.lines for block in found) == content.count(b"\n") + (
        not content.endswith(b"\n") and content != b""
    )
    for block in found:
        assert all(len(line) <= limit for line in block.data.split(b"\n"))


@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A packed file of 400 MB is read within 450 MB, interpreter and libraries included."""
    path = tmp_path / "big.jsonl.gz"
    block = b"".join(_line(number, data={"text": "x" * 400}) + b"\n" for number in range(20_000))
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(block)
    program = (
        "import sys, pathlib, eventsource as es\n"
        "n = sum(b.events.height for b in es.source(sys.argv[1]).batches({}))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(n, int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    count, peak = map(int, done.stdout.split())
    assert count == 800_000
    assert peak < 450
