"""Times as people write them: formats, zones, epoch numbers of a local clock, other spellings."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import eventsource as es
from eventsource.errors import SourceError
from tests.sources.sourcekit import line, read, write


def _at(tmp_path: Path, value: Any, **options: Any) -> str:
    batch = read(write(tmp_path / "a.jsonl", line(1, occurred_at=value)), **options)
    return str(batch.events["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%S%.f").item())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-31 12:00:00 UTC", "2024-01-31T12:00:00"),
        ("2024-01-31 12:00:00+00", "2024-01-31T12:00:00"),
        ("2024-01-31 12:00:00 +0100", "2024-01-31T11:00:00"),
        ("2024/01/31 12:00:00", "2024-01-31T12:00:00"),
        ("20240131T120000Z", "2024-01-31T12:00:00"),
        ("31/Jan/2024:12:00:00 +0100", "2024-01-31T11:00:00"),
        ("Wed, 31 Jan 2024 12:00:00 GMT", "2024-01-31T12:00:00"),
        ("/Date(1706702400000)/", "2024-01-31T12:00:00"),
        ("/Date(1706702400000+0100)/", "2024-01-31T12:00:00"),
    ],
)
def test_common_spellings(tmp_path: Path, value: str, expected: str) -> None:
    """They need no format, also beside times in ISO 8601."""
    assert _at(tmp_path, value) == expected
    batch = read(write(tmp_path / "b.jsonl", line(1), line(2, occurred_at=value)))
    assert batch.events["occurred_at"].null_count() == 0


@pytest.mark.parametrize(
    ("value", "time_format", "expected"),
    [
        ("31.01.2024 12:00", "%d.%m.%Y %H:%M", "2024-01-31T11:00:00"),
        (19970101, ["%d.%m.%Y", "%Y%m%d"], "1996-12-31T23:00:00"),
        ("19970101", "%Y%m%d", "1996-12-31T23:00:00"),
        ("1/2/2024 3:04 PM", "%m/%d/%Y %I:%M %p", "2024-01-02T14:04:00"),
        ("31.01.2024 12:00 +0300", "%d.%m.%Y %H:%M %z", "2024-01-31T09:00:00"),
        ("2024-01-31T12:00:00Z", "%d.%m.%Y", "2024-01-31T12:00:00"),
    ],
)
def test_formats_are_named(tmp_path: Path, value: Any, time_format: Any, expected: str) -> None:
    """The first that fits counts; local times are those of the zone; other times are read as usual."""
    assert _at(tmp_path, value, time_format=time_format, tz="Europe/Warsaw") == expected


def test_epoch_numbers_of_a_local_clock(tmp_path: Path) -> None:
    """They count from 1970 in the zone; in UTC they would be an hour off."""
    options = {"tz": "Europe/Warsaw", "epoch": "local"}
    for value in (1706702400, "1706702400", 1706702400000):
        assert _at(tmp_path, value, **options) == "2024-01-31T11:00:00"
    assert _at(tmp_path, 1706702400, tz="Europe/Warsaw") == "2024-01-31T12:00:00"
    assert _at(tmp_path, "2024-01-31T12:00:00Z", **options) == "2024-01-31T12:00:00"


def test_times_without_a_zone_are_counted(tmp_path: Path) -> None:
    """A note says how many there are and what they are taken as; broken lines beside them count once."""
    lines = [line(number, occurred_at=f"2024-01-01 00:00:{number:02}") for number in range(8)]
    lines.append(line(9, occurred_at="2024-01-02"))
    path = write(tmp_path / "a.jsonl", *lines, line(10), b"broken", line(11, occurred_at=1706702400))
    assert read(path, tz="Europe/Warsaw").notes == ("9 times name no zone: taken as Europe/Warsaw",)
    assert read(write(tmp_path / "b.jsonl", line(1))).notes == ()


@pytest.mark.parametrize("options", [{"time_format": "DD.MM.YYYY"}, {"epoch": "moon"}, {"unit": "h"}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """At once, before a file is read."""
    with pytest.raises(SourceError):
        es.source("a.jsonl", **options)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (19970101, "1997-01-01"),
        ("19970101", "1997-01-01"),
        (199701012359, "1997-01-01T23:59"),
        (19970101235958, "1997-01-01T23:59:58"),
        ("20991231235958", "2099-12-31T23:59:58"),
        (18050101, "1805-01-01"),
        ("99991230", "9999-12-30"),
        (18991231235958, "1899-12-31T23:59:58"),
        (20240101235959123, "2024-01-01T23:59:59.123"),
        (20240101.0, "2024-01-01"),
        ("20240101.0", "2024-01-01"),
        ("202401012359.0", "2024-01-01T23:59"),
        (20240101235959.0, "2024-01-01T23:59:59"),
        (86400000, "1972-09-27T00:00:00Z"),
        (850101120000, "1996-12-09T03:12:00Z"),
        ("2024-01-31 12:00:00,123", "2024-01-31T12:00:00.123"),
        ("2024-01-31T12:00:00.5+01:00[Europe/Paris]", "2024-01-31T11:00:00.5Z"),
        ("2024-01-31T12:00Z[UTC]", "2024-01-31T12:00Z"),
        ("2024-01-31 12:00:00.123456789 +0000 UTC", "2024-01-31T12:00:00.123456Z"),
        ("Wed Jan  3 12:00:00 2024", "2024-01-03T12:00"),
        ("Wed Jan 31 12:00:00 UTC 2024", "2024-01-31T12:00Z"),
        ("/Date(1706702400000)/", "2024-01-31T12:00Z"),
    ],
)
def test_more_spellings(tmp_path: Path, given: Any, expected: str) -> None:
    """Numbers that look like dates are dates, not seconds of August 1970; a time without zone is one of ``tz``."""
    batch = read(write(tmp_path / "a.jsonl", line(1, occurred_at=given)), tz="Asia/Tokyo")
    instant = datetime.fromisoformat(expected)
    local = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    assert batch.events["occurred_at"].to_list() == [local]
    assert len(batch.notes) == (0 if instant.tzinfo else 1)


def test_a_year_of_a_format_has_four_digits(tmp_path: Path) -> None:
    """The parser would take 24 for the year 24."""
    path = write(tmp_path / "a.jsonl", line(1, occurred_at="01/02/2024"), line(2, occurred_at="01/02/24"))
    batch = read(path, time_format="%m/%d/%Y")
    assert batch.events["occurred_at"].dt.year().to_list() == [2024]
    assert batch.rejected["reason"].to_list() == ['occurred_at is not a time: "01/02/24"']


def test_a_unit_makes_such_numbers_epochs(tmp_path: Path) -> None:
    """And a number that only looks like a date is not a time without a unit."""
    path = write(tmp_path / "a.jsonl", line(1, occurred_at=19970101), line(2, occurred_at=19971301))
    assert read(path, unit="s").events["occurred_at"].dt.year().to_list() == [1970, 1970]
    batch = read(path)
    assert batch.events["occurred_at"].dt.year().to_list() == [1997]
    assert batch.rejected["reason"].to_list() == ["occurred_at is not a time: 19971301"]


def test_only_times_of_events_count_as_without_zone(tmp_path: Path) -> None:
    """Texts that are not times, and rejected lines, do not."""
    given = ["2024-01-01", "soon", "2024-01-01T00:00:00Z", 20240101, 1704067200]
    batch = read(write(tmp_path / "a.jsonl", *(line(n, occurred_at=time) for n, time in enumerate(given))))
    assert batch.notes == ("2 times name no zone: taken as UTC",)
