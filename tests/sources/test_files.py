"""Files as a source: every line becomes an event or a rejected line, and nothing is read twice."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import SourceError
from tests.sources.sourcekit import AT, COMPRESS
from tests.sources.sourcekit import line as _line
from tests.sources.sourcekit import read as _read


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(COMPRESS.get(path.suffix, bytes)(content))
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "a.jsonl.zst"])
def test_json_lines_plain_and_compressed(tmp_path: Path, name: str) -> None:
    """The same lines give the same events, compressed or not; payloads stay verbatim."""
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
    _line(9, occurred_at=True): "occurred_at is not a time: true",
    _line(9, occurred_at=10**30): "occurred_at is not a time",
    _line(9, stream=None): "stream is missing",
    _line(9, stream={"id": 1}): "stream is",
    _line(9, type=""): "type is empty",
    _line(9, version="one"): "version is",
    _line(9, data=[1]): "data is not an object: [1]",
    _line(9, data="text"): "data is a text that is not a JSON object",
    _line(9, recorded_at="yesterday"): "recorded_at is not a time",
    b'{"event_id": "\xff", "stream": "s"}': "not UTF-8: byte 14",
    _line(9, padding="y" * 5000): "beyond the limit",
}


@pytest.mark.parametrize("bad", REJECTS, ids=list(REJECTS.values()))
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_rejected_line_has_its_reason(tmp_path: Path, bad: bytes, name: str) -> None:
    """File, line number, reason and bytes are kept; the lines around it become events."""
    path = _write(tmp_path / name, b"\n".join([_line(1), b"", bad, _line(2), b""]))
    batch = _read(path, max_line=4096)
    assert batch.events["event_id"].to_list() == ["e1", "e2"]
    [rejected] = batch.rejected.to_dicts()
    assert (rejected["file"], rejected["line"]) == (str(path), 3)
    assert REJECTS[bad] in rejected["reason"]
    assert bad.startswith(rejected["raw"])
    assert len(rejected["raw"]) == min(len(bad), 64 * 1024)


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    """An unchanged file gives nothing; one that grew gives its new lines, with their numbers."""
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
def test_compressed_files_grow_too(tmp_path: Path, name: str) -> None:
    """A compressed file with another gzip member or zst frame gives the new lines."""
    path = _write(tmp_path / name, _line(1) + b"\n")
    first = _read(path)
    _write(tmp_path / f"tail{path.suffix}", _line(2) + b"\n")
    path.write_bytes(path.read_bytes() + (tmp_path / f"tail{path.suffix}").read_bytes())
    assert _read(path, dict(first.checkpoint)).events["event_id"].to_list() == ["e2"]


@pytest.mark.parametrize("again", [_line(7) + b"\n", _line(7) + b"\n" + _line(8) + b"\n" + _line(9) + b"\n"])
def test_a_rewritten_file_is_read_again(tmp_path: Path, again: bytes) -> None:
    """Shorter or longer, it is read from its start, and a note says so."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line(1) + b"\n" + _line(2) + b"\n")
    first = _read(path)
    path.write_bytes(again)
    second = _read(path, dict(first.checkpoint))
    assert second.events.height == again.count(b"\n")
    assert "rewritten" in second.notes[0]


def test_a_half_written_last_line_is_left_for_the_next_pull(tmp_path: Path) -> None:
    """A note says so; when the line is complete it becomes an event."""
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


def test_a_damaged_file_gives_the_lines_before_the_damage(tmp_path: Path) -> None:
    """A truncated gz file is one rejected entry; after it was repaired, the rest is read."""
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
def test_times_are_read_to_the_microsecond(tmp_path: Path, value: Any, options: dict[str, Any]) -> None:
    """Texts with and without a zone, and epoch numbers of every unit, mean the same instant."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(_line(1, occurred_at=value) + b"\n")
    assert _read(path, **options).events["occurred_at"].to_list() == [MOMENT]


def test_dotted_paths_and_constants_can_be_mapped(tmp_path: Path) -> None:
    """Members that are not mapped are the payload, verbatim."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 7, "who": {"key": "c1"}, "when": "2024-01-01", "price": 1.50, "tags": ["a"]}\n')
    batch = _read(path, stream="who.key", occurred_at="when", constants={"type": "Bought"})
    [event] = batch.events.to_dicts()
    assert (event["event_id"], event["stream"], event["type"]) == ("7", "c1", "Bought")
    assert event["data"] == '{"price":1.50,"tags":["a"]}'


def test_cloud_events_and_segment_calls_are_recognised(tmp_path: Path) -> None:
    """They need no mapping, and may be mixed with other lines."""
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
    """The number of a rejected row is the line where it begins, after quoted line breaks and ragged rows."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'id,customer,event,ts,note\n1,c1,Bought,2024-01-01,"two\nlines"\n2,c2,Bought,nope,x\n'
        b"3,c3\n4,c4,Sold,2024-01-02,\n5,c5,Sold,2024-01-02,\xff\n"
    )
    mapping: dict[str, Any] = {"event_id": "id", "stream": "customer", "type": "event", "occurred_at": "ts"}
    batch = _read(path, **mapping)
    assert batch.events["event_id"].to_list() == ["1", "4"]
    assert [json.loads(text) for text in batch.events["data"]] == [{"note": "two\nlines"}, {}]
    assert batch.rejected["line"].to_list() == [4, 5, 7]
    with path.open("ab") as file:
        file.write(b"6,c6,Sold,2024-01-03,z\n")
    assert _read(path, dict(batch.checkpoint), **mapping).events["event_id"].to_list() == ["6"]


def test_parquet_rows_become_events(tmp_path: Path) -> None:
    """Columns are members; those that are not in the envelope are the payload."""
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
    """A folder gives the files with known endings, recursively, in order of path."""
    (tmp_path / "b").mkdir()
    for number, name in enumerate(["b/2.jsonl", "a.jsonl", "b/1.ndjson"]):
        (tmp_path / name).write_bytes(_line(number) + b"\n")
    (tmp_path / "notes.txt").write_text("not a log")
    assert _read(tmp_path).events["event_id"].to_list() == ["e1", "e2", "e0"]
    assert _read(tmp_path / "b" / "*.jsonl").events["event_id"].to_list() == ["e0"]


def test_rejected_lines_can_be_decoded_again(tmp_path: Path) -> None:
    """With a corrected mapping the raw bytes become events."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"event_id": "1", "who": "c1", "type": "T", "occurred_at": "2024-01-01"}\n')
    rejected = _read(path).rejected
    again = es.source(str(path), stream="who").decode(rejected)
    assert again.events["stream"].to_list() == ["c1"]
    assert again.rejected.is_empty()


def test_wrong_arguments_are_errors(tmp_path: Path) -> None:
    """No file, an unknown ending, column, unit, format or scheme: the error lists the valid ones."""
    with pytest.raises(SourceError, match="no file matches"):
        _read(tmp_path / "*.jsonl")
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(SourceError, match="format"):
        _read(tmp_path / "a.xyz")
    wrong: tuple[dict[str, Any], ...] = ({"colour": "x"}, {"unit": "h"}, {"format": "xml"})
    for options in wrong:
        with pytest.raises(SourceError):
            es.source("a.jsonl", **options)
    with pytest.raises(SourceError, match="gopher"):
        es.source("gopher://host/topic")
