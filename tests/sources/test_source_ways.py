"""Decoding in bulk and line by line give the same events, wherever a block begins."""

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import eventsource as es
from eventsource.event import PLACED
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._options import FileOptions
from eventsource.sources._records import LineMapping
from eventsource.sources.files import Files
from tests.laws import examples
from tests.sources.sourcekit import AT, all_of, ids, line, read, write


def _text(**members: Any) -> bytes:
    return json.dumps(members).encode()


CLOUD = {"specversion": "1.0", "id": "c", "source": "/s", "type": "T", "time": AT}
CALL = {"type": "track", "event": "E", "messageId": "m", "userId": "u", "timestamp": AT}
ODD = [
    line(1),
    line(2, stream=7, event_id=8),
    line(3, event_id=None, id="other"),
    line(4, id="other"),
    _text(id="own", stream="s", type="T", occurred_at=AT, data={}),
    _text(id="flat", stream="s", type="T", occurred_at=AT, price=1.5),
    line(5) + b" " + line(6),
    line(7)[:30],
    line(7)[30:],
    b'{"data":' + b"[" * 3000 + b"]" * 3000 + b"}",
    line(8, occurred_at="+12024-01-01T00:00:00Z"),
    line(8, occurred_at="-0001-01-01T00:00:00Z"),
    line(8, occurred_at=1704164645678),
    line(8, occurred_at=-1),
    line(8, occurred_at=1.5),
    line(8, occurred_at="1704164645"),
    line(8, recorded_at=""),
    line(8, recorded_at=None),
    line(9, version=3),
    line(9, version=3.0),
    line(9, version="²"),
    line(9, version="--5"),
    line(9).replace(b'"data"', b'"version":' + b"9" * 5000 + b',"data"'),
    line(9).replace(b'"s"', b"1e999"),
    line(10, data=None),
    line(10, data="{}"),
    line(10, data=[1]),
    line(10, metadata={"a": 1}),
    line(10, metadata="x"),
    line(11).replace(b'{"n": 11}', b'{"n": 1e999}'),
    line(11).replace(b'{"n": 11}', b'{"n": NaN}'),
    line(11).replace(b'{"n": 11}', b'{"n": "\\ud800"}'),
    line(11).replace(b'{"n": 11}', b'{"n": "\xff"}'),
    line(11)[:-1] + b',"more":"\xff"}',
    line(12)[:-1] + b',"stream":"again"}',
    line(13, data={"text": "ąę \U0001f600"}),
    json.dumps(
        {"event_id": "ą", "stream": "ę", "type": "ż", "occurred_at": AT, "data": {}}, ensure_ascii=False
    ).encode(),
    _text(**CLOUD),
    _text(**CLOUD, stream="s", occurred_at=AT, data={}),
    _text(**CALL, properties={"p": 1}),
    _text(**CALL, stream="s", occurred_at=AT),
    b"",
    b"   ",
    b"\xef\xbb\xbf" + line(14),
    line(15) + b"\r",
    b"\r",
    b"null",
    b"[]",
    b'"text"',
    b"\x00",
]
MAPPINGS = [
    {},
    {"occurred_at": "meta.ts"},
    {"stream": "id", "event_id": "id"},
    {"event_id": "event_id", "data": "payload.inner"},
    {"stream": 'a"b'},
    {"occurred_at": "meta", "recorded_at": "meta.ts"},
]


def _taken(path: Path, size: int, mapping: LineMapping) -> tuple[list[Any], list[Any]]:
    batch = all_of(Files(str(path), mapping=mapping, options=FileOptions(block=size)))
    return batch.events.rows(), batch.rejected.drop("source").rows()


@settings(deadline=None, max_examples=examples(150))
@given(
    lines=st.lists(st.sampled_from(ODD), max_size=30),
    size=st.integers(1, 3000),
    paths=st.sampled_from(MAPPINGS),
    constants=st.sampled_from([{}, {"type": "X"}]),
)
@example(lines=ODD, size=1 << 20, paths={}, constants={})
def test_a_line_is_decoded_independently_of_its_neighbours(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, paths: Any, constants: Any
) -> None:
    """Lines in blocks of any size give what each line gives alone; none is lost, none comes twice."""
    folder = tmp_path_factory.mktemp("ways")
    mapping = LineMapping(FieldMapping(paths, constants))
    together = _taken(write(folder / "all.jsonl", b"", *lines), size, mapping)
    events, rejected = [], []
    for number, each in enumerate(lines, 2):
        taken, left = _taken(write(folder / "one.jsonl", b"", each), 1 << 20, mapping)
        events += [(*row[:-2], str(folder / "all.jsonl"), number) for row in taken]
        rejected += [(str(folder / "all.jsonl"), number, *row[2:]) for row in left]
        assert len(taken) + len(left) == bool(each.strip())
    assert together == (events, rejected)


def test_a_bad_line_among_many_is_one_rejected_line(tmp_path: Path) -> None:
    """In a block of many thousands of lines the lines around it are decoded in bulk."""
    lines = [line(number) for number in range(20_000)]
    for number in (0, 7_777, 19_999):
        lines[number] = b"broken"
    batch = read(write(tmp_path / "a.jsonl", *lines))
    assert batch.rejected["line"].to_list() == [1, 7_778, 20_000]
    assert ids(batch) == [f"e{number}" for number in range(20_000) if lines[number] != b"broken"]


def test_epoch_numbers_are_exact_in_every_unit(tmp_path: Path) -> None:
    """Integers become microseconds without becoming floats, in bulk and one by one."""
    generator = random.Random(7)
    micros = [generator.randrange(-62_135_596_800_000_000, 253_402_300_800_000_000) for _ in range(200)]
    for unit, factor in {"s": 1_000_000, "ms": 1000, "us": 1}.items():
        path = write(tmp_path / f"{unit}.jsonl", *(line(0, occurred_at=each // factor) for each in micros))
        found = read(path, unit=unit).events["occurred_at"].to_physical()
        assert found.to_list() == [each // factor * factor for each in micros]
    path = write(
        tmp_path / "ns.jsonl",
        *(line(0, occurred_at=each * 1000 + 999) for each in micros[:3] if abs(each) < 2**53),
    )
    assert read(path, unit="ns").events.height == sum(abs(each) < 2**53 for each in micros[:3])


def test_numbers_beyond_the_calendar_are_rejected(tmp_path: Path) -> None:
    """Multiplying by a unit does not overflow."""
    path = write(
        tmp_path / "a.jsonl", *(line(0, occurred_at=value) for value in (2**63 - 1, -(2**63), 10**15, 2**64))
    )
    assert read(path, unit="s").events.is_empty()
    assert read(path, unit="s").rejected.height == 4


def test_times_of_parquet_beyond_the_calendar_are_rejected(tmp_path: Path) -> None:
    """A row whose own time is outside the years 1 to 9999 is rejected; in a payload such a time is a text."""
    day, moment = pl.Series([10**8, None, 1], dtype=pl.Int32), [1704067200000 * 1000, 1704067200000, 2**63 - 1]
    dated = {"event_id": ["0", "1", "2"], "stream": "s", "type": "T"}
    nested = {"in": [{"days": [number]} for number in day]}
    schema = {"in": pl.Struct({"days": pl.List(pl.Int32)})}
    frame = pl.DataFrame(dated | {"day": day, "at": moment} | nested, schema_overrides=schema)
    dates = pl.col("day").cast(pl.Date), pl.col("in").cast(pl.Struct({"days": pl.List(pl.Date)}))
    path = tmp_path / "a.parquet"
    frame.with_columns(*dates, occurred_at=pl.col("at").cast(pl.Datetime("ms"))).drop("at").write_parquet(path)
    batch = read(path)
    assert [why.partition(":")[0] for why in batch.rejected["reason"]] == ["occurred_at is not a time"] * 2
    assert '"1704067200000000 ms since 1970"' in batch.rejected["reason"][0]
    assert batch.rejected["line"].to_list() == [1, 3]
    assert ids(batch) == ["1"]
    assert es.source(str(path)).decode(batch.rejected).rejected.height == 2
    frame.with_columns(*dates, occurred_at=pl.lit(AT)).drop("at").write_parquet(path)
    assert [json.loads(text) for text in read(path).events["data"]] == [
        {"day": "100000000 days since 1970", "in": {"days": ["100000000 days since 1970"]}},
        {"day": None, "in": {"days": [None]}},
        {"day": "1970-01-02", "in": {"days": ["1970-01-02"]}},
    ]


@pytest.mark.parametrize(("moment", "tz"), [(datetime.min, "Europe/Warsaw"), (datetime.max, "America/New_York")])  # noqa: DTZ901 - local
def test_local_times_of_parquet_at_the_ends_of_the_calendar(tmp_path: Path, moment: datetime, tz: str) -> None:
    """A local time is rejected if its instant is outside the calendar, and accepted if only its local form is."""
    path, event = tmp_path / "a.parquet", {"event_id": ["1"], "stream": "s", "type": "T"}
    pl.DataFrame(event | {"occurred_at": [moment]}).write_parquet(path)
    assert read(path, tz=tz).rejected.height == 1
    far = {"Europe/Warsaw": "America/New_York", "America/New_York": "Europe/Warsaw"}[tz]
    aware = pl.Series([moment]).dt.replace_time_zone("UTC")
    pl.DataFrame(event | {"occurred_at": aware.dt.convert_time_zone(far)}).write_parquet(path)
    assert read(path).events["occurred_at"].to_list() == aware.to_list()


@pytest.mark.parametrize("unit", [None, "ms"])
def test_the_zone_of_a_source_applies_to_times_without_one(tmp_path: Path, unit: str | None) -> None:
    """A time that a clock change skips has the offset before it; of one that it repeats, the first is meant."""
    texts = ["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-07-01T12:00:00Z"]
    path = write(tmp_path / "a.jsonl", *(line(n, occurred_at=text) for n, text in enumerate(texts)))
    batch = read(path, tz="Europe/Warsaw", unit=unit)
    assert batch.events["occurred_at"].dt.to_string("%FT%TZ").to_list() == [
        "2024-03-31T01:30:00Z",
        "2024-10-27T00:30:00Z",
        "2024-07-01T12:00:00Z",
    ]
    assert batch.rejected.is_empty()


@pytest.mark.parametrize("tz", ["UTC", "Europe/Warsaw"])
def test_a_leap_second_stays_on_its_day(tmp_path: Path, tz: str) -> None:
    """It is before the next midnight, however the line is decoded."""
    texts = ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2016-12-31T23:59:60.25Z"]
    for more in ([], [b"x"]):
        path = write(tmp_path / "a.jsonl", *(line(n, occurred_at=text) for n, text in enumerate(texts)), *more)
        found = read(path, tz=tz).events["occurred_at"].dt.to_string("%FT%T%.6f").to_list()
        assert found == ["2016-12-31T23:59:59.999999", "2017-01-01T00:00:00.000000", "2016-12-31T23:59:59.999999"]


def test_frames_have_the_dtypes_of_placed_events(tmp_path: Path) -> None:
    """This holds for both ways of decoding: the envelope, and where each event was read."""
    for lines in ([line(1)], [line(1), b"x"], [b"x"], []):
        assert pl.Schema(read(write(tmp_path / "a.jsonl", *lines)).events.schema) == PLACED
