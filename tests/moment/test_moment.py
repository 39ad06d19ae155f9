"""Moments: which instants dates, datetimes and texts mean."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventsource.errors import MomentError
from eventsource.moment import (
    day_of,
    first_instant,
    instant_of_local_time,
    last_instant,
    last_instants,
    parse_moment,
    parse_times,
    readable_time,
    steps,
    time_zone,
)

WARSAW = "Europe/Warsaw"
_TICK = timedelta(microseconds=1)
_ZONES = st.sampled_from(["UTC", WARSAW, "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
_DAYS = st.dates(date(1950, 1, 1), date(2100, 1, 1))
_TIMES = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - local times


@pytest.mark.parametrize(
    ("moment", "tz", "expected"),
    [
        ("2024-06-30", "UTC", "2024-06-30T23:59:59.999999Z"),
        (date(2024, 6, 30), WARSAW, "2024-06-30T21:59:59.999999Z"),
        ("2024-03-31", WARSAW, "2024-03-31T21:59:59.999999Z"),
        ("2024-06-30T12:00", WARSAW, "2024-06-30T10:00:00Z"),
        ("2024-06-30T12:00:00Z", WARSAW, "2024-06-30T12:00:00Z"),
        (" 2024-06-30 12:00:00.123456+02:00 ", "UTC", "2024-06-30T10:00:00.123456Z"),
        (datetime(2024, 6, 30, 12), "UTC", "2024-06-30T12:00:00Z"),  # noqa: DTZ001 - local to tz
        (datetime(2024, 6, 30, 12, tzinfo=timezone(timedelta(hours=-3))), "UTC", "2024-06-30T15:00:00Z"),
        (datetime(2024, 10, 27, 2, 30), WARSAW, "2024-10-27T00:30:00Z"),  # noqa: DTZ001 - the first of two
        (pd.Timestamp("2024-06-30T12:00:00.123456789Z"), "UTC", "2024-06-30T12:00:00.123456Z"),
    ],
)
def test_a_moment_is_an_instant(moment: Any, tz: str, expected: str) -> None:
    """A date means the end of its day in the zone; a datetime without a zone is local to it."""
    found = last_instant(moment, tz)
    assert found == datetime.fromisoformat(expected)
    assert found.tzinfo is UTC


@given(_DAYS, _ZONES)
@example(date(2018, 11, 3), "America/Sao_Paulo")
def test_days_follow_each_other_without_a_gap(day: date, tz: str) -> None:
    """A day begins a microsecond after the end of the day before, so each instant belongs to exactly one day."""
    assert first_instant(day + timedelta(days=1), tz) == last_instant(day, tz) + _TICK
    assert first_instant(day, tz) <= last_instant(day, tz) or (tz, day) == ("Pacific/Apia", date(2011, 12, 30))


@given(st.lists(st.none() | _DAYS), _ZONES)
@example([date(2011, 12, 29), None, date(2011, 12, 30)], "Pacific/Apia")
@example([date(2018, 11, 3), date(2018, 11, 4)], "America/Sao_Paulo")
def test_a_column_of_dates_means_what_its_dates_mean(days: list[date | None], tz: str) -> None:
    """The instants of a column of dates are those of its values."""
    column = pl.Series("d", days, pl.Date)
    assert last_instants(column, tz).to_list() == [None if day is None else last_instant(day, tz) for day in days]


@given(st.lists(st.none() | _TIMES), _ZONES, st.booleans())
@example([datetime(2024, 3, 31, 2, 30), None, datetime(2024, 10, 27, 2, 30)], WARSAW, False)  # noqa: DTZ001, FBT003 - local
def test_a_column_of_datetimes_means_what_its_datetimes_mean(
    times: list[datetime | None],
    tz: str,
    aware: bool,  # noqa: FBT001 - drawn
) -> None:
    """The instants of a column are those of its values, for datetimes with and without a zone and for texts."""
    column = pl.Series("t", times, pl.Datetime("us"))
    if aware:
        column = column.dt.replace_time_zone("UTC")
        times = [None if time is None else time.replace(tzinfo=UTC) for time in times]
    expected = [None if time is None else last_instant(time, tz) for time in times]
    texts = pl.Series("t", [None if time is None else time.isoformat() for time in times], pl.String)
    assert last_instants(texts, tz).to_list() == expected
    found = last_instants(column, tz).to_list()
    assert found == [None if time is None else last_instant(time, tz) for time in times]


@pytest.mark.parametrize("moment", ["", "yesterday", "2024-02-30", "2024-13-01", "30.06.2024", 7, None, 1.5])
def test_other_values_are_errors(moment: Any) -> None:
    """A value that is not a moment is an error."""
    with pytest.raises(MomentError, match="moment"):
        last_instant(moment)


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))])
def test_a_moment_outside_the_calendar_is_an_error(moment: Any) -> None:
    """The error is a `MomentError`, not an overflow."""
    with pytest.raises(MomentError, match="outside"):
        last_instant(moment)


@pytest.mark.parametrize(
    ("day", "tz", "begin", "end"),
    [
        (date.max, "UTC", "9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        (date.max, WARSAW, "9999-12-30T23:00:00Z", "9999-12-31T23:59:59.999999Z"),
        (date.max, "America/New_York", "9999-12-31T05:00:00Z", "9999-12-31T23:59:59.999999Z"),
        (date.min, "UTC", "0001-01-01T00:00:00Z", "0001-01-01T23:59:59.999999Z"),
        (date.min, WARSAW, "0001-01-01T00:00:00Z", "0001-01-01T22:35:59.999999Z"),
        (date.min, "America/New_York", "0001-01-01T00:00:00Z", "0001-01-02T04:56:01.999999Z"),
    ],
)
def test_the_first_and_the_last_day_are_days(day: date, tz: str, begin: str, end: str) -> None:
    """They begin and end as other days do, except that the calendar begins and ends with them in every zone."""
    first, last = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    assert (first_instant(day, tz), last_instant(day, tz)) == (first, last)
    assert last_instants(pl.Series([day]), tz).to_list() == [last]
    assert day_of(first, tz) == day_of(last, tz) == day
    begins: list[Any] = steps(first, last, "18h", tz)
    assert [day_of(step, tz) for step in begins] == [day, day]


@pytest.mark.parametrize("tz", [WARSAW, "America/New_York"])
def test_every_instant_has_a_day_in_every_zone(tz: str) -> None:
    """The first and last instants, whose local days are outside the calendar, belong to its first and last day."""
    first, last = (end.replace(tzinfo=UTC) for end in (datetime.min, datetime.max))  # noqa: DTZ901 - aware here
    assert (day_of(first, tz), day_of(last, tz)) == (date.min, date.max)
    assert steps(first, datetime(1, 1, 2, tzinfo=UTC), "1d", tz)[0].year == 1
    assert steps(datetime(9999, 12, 30, tzinfo=UTC), last, "1d", tz)[-1].year == 9999


@pytest.mark.parametrize("ends", [("2024-01-01", "9999-12-31"), ("2024-01-01T00:00", "9999-12-31")])
def test_millions_of_steps_are_an_error(ends: tuple[str, str]) -> None:
    """Days up to the year 9999 are refused before memory is full; months are accepted."""
    with pytest.raises(MomentError, match="until="):
        steps(*ends, "1d")
    assert len(steps(*ends, "1mo")) == 12 * (10_000 - 2024)


def test_an_unknown_zone_is_an_error() -> None:
    """A zone is given by name or as an object."""
    assert time_zone(UTC) is UTC
    assert time_zone(WARSAW) == ZoneInfo(WARSAW)
    for name in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(MomentError, match="zone"):
            time_zone(name)


@pytest.mark.parametrize(
    ("since", "until", "every", "expected"),
    [
        ("2024-01-31", "2024-05-01", "1mo", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        ("2024-01-01", "2024-01-03", "1d", ["2024-01-01", "2024-01-02", "2024-01-03"]),
        ("2024-02-29", "2026-03-01", "1y", ["2024-02-29", "2025-02-28", "2026-02-28"]),
        ("2024-01-01", "2024-12-31", "2q", ["2024-01-01", "2024-07-01"]),
        ("2024-01-02", "2024-01-01", "1d", []),
    ],
)
def test_steps_of_days(since: str, until: str, every: str, expected: list[str]) -> None:
    """Two dates give dates; months count from the first date, so month-ends do not drift."""
    assert steps(since, until, every) == [date.fromisoformat(day) for day in expected]


def test_steps_of_hours_cross_a_clock_change() -> None:
    """Steps of hours are hours, and steps of days keep the local time, across a clock change."""
    hours: list[Any] = steps("2024-03-31T00:00", "2024-03-31T04:00", "1h", WARSAW)
    assert [step.astimezone(UTC).hour for step in hours] == [23, 0, 1, 2]
    days: list[Any] = steps("2024-03-30T12:00", "2024-04-01T12:00", "1d", WARSAW)
    assert [step.astimezone(UTC).hour for step in days] == [11, 10, 10]


def test_a_date_bounds_steps_of_hours_by_its_end() -> None:
    """A datetime and a date give datetimes; a date as the last moment includes its whole day."""
    assert len(steps("2024-01-01T00:00", "2024-01-01", "6h")) == 4
    assert len(steps("2024-01-01", "2024-01-01T12:00", "6h")) == 3


def test_steps_of_hours_between_dates_ask_for_a_datetime() -> None:
    """``6h`` is a duration, but a date plus six hours is the same date."""
    with pytest.raises(MomentError, match="steps of '6h' do not get past 2024-01-01") as caught:
        steps("2024-01-01", "2024-02-01", "6h")
    assert "give since= as a datetime" in str(caught.value.hint)
    assert len(steps("2024-01-01T00:00", "2024-02-01", "6h")) == 4 * 32


@pytest.mark.parametrize("every", ["", "0d", "-1d", "1", "d", "1 day", "1fortnight", "6h"])
def test_an_invalid_duration_is_an_error(every: str) -> None:
    """So is a duration that dates cannot have; it never leads to an endless loop."""
    with pytest.raises(MomentError):
        steps("2024-01-01", "2024-02-01", every)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T12:00:00Z", "2024-01-01T12:00:00"),
        ("2024-01-01T12:00:00.1234567+01:00", "2024-01-01T11:00:00.123456"),
        ("2024-01-01 12:00:00", "2024-01-01T12:00:00"),
        ("2024-01-01T12:00", "2024-01-01T12:00:00"),
        ("2024-01-01 12:00:00+0130", "2024-01-01T10:30:00"),
        ("2024-01-01T12:00:00-03", "2024-01-01T15:00:00"),
        ("2024-01-01", "2024-01-01T00:00:00"),
        ("2024-02-30", None),
        ("2024-01-01T25:00:00Z", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_times_of_sources(text: str | None, expected: str | None) -> None:
    """ISO 8601 in the forms that sources write; null if a text is not a time; finer digits are cut off."""
    column = pl.Series("t", ["2024-01-01T00:00:00Z", text, "2024-01-02 00:00"], pl.String)
    found = parse_times(column)
    assert found[1] == (None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC))
    assert found[2] == datetime(2024, 1, 2, tzinfo=UTC)


GAPS = {
    # local time → (zone, instant): with the offset before the gap, or the first of two
    "2024-03-31T02:30:00": (WARSAW, "2024-03-31T01:30:00Z"),
    "2024-10-27T02:30:00": (WARSAW, "2024-10-27T00:30:00Z"),
    "2024-03-10T02:00:00": ("America/New_York", "2024-03-10T07:00:00Z"),
    "2024-10-06T02:15:00": ("Australia/Lord_Howe", "2024-10-05T15:45:00Z"),  # a gap of half an hour
    "2011-12-30T12:00:00": ("Pacific/Apia", "2011-12-30T22:00:00Z"),  # a gap of a whole day
    "2018-11-04T00:00:00": ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),  # a midnight
}


@pytest.mark.parametrize("local", GAPS)
def test_a_local_time_means_one_instant_everywhere(local: str) -> None:
    """Clocks that skip it: the offset before the gap is taken. Clocks that repeat it: the first is meant."""
    tz, expected = GAPS[local][0], datetime.fromisoformat(GAPS[local][1])
    naive = datetime.fromisoformat(local)
    for moment in (local, naive, naive.replace(fold=1)):
        assert (
            last_instant(moment, tz) == first_instant(moment, tz) == instant_of_local_time(naive, tz) == expected
        )
        assert steps(moment, "2030-01-01T00:00", "7d", tz)[0] == expected
        assert steps(moment, "2030-01-01T00:00", "90h", tz)[0] == expected
    for column in (pl.Series("x", [None, naive, naive]), pl.Series("x", [None, local, local])):
        assert last_instants(column, tz).to_list() == [None, expected, expected]
    texts = pl.Series("x", [None, "soon", local, local.replace("T", " "), local[:-3], "2024-07-01T12:00:00Z"])
    assert parse_times(texts, tz).to_list()[:5] == [None, None, expected, expected, expected]


def test_each_step_is_counted_from_the_first_moment() -> None:
    """A first moment, or a step, that the clocks skip shifts none of the following ones."""
    from_gap = steps("2024-03-31T02:30", "2024-04-02T12:00", "1d", WARSAW)
    into_gap = steps("2024-03-30T02:30", "2024-04-01T12:00", "1d", WARSAW)
    first = [datetime(2024, 3, day, 1, 30, tzinfo=UTC) for day in (30, 31)]
    later = [datetime(2024, 4, day, 0, 30, tzinfo=UTC) for day in (1, 2)]
    assert from_gap == [first[1], *later]
    assert into_gap == [*first, later[0]]
    second = datetime(2024, 10, 27, 1, 30, tzinfo=UTC)  # 02:30 for the second time
    assert steps(second, "2024-10-28T12:00", "1d", WARSAW) == [second, second + timedelta(days=1)]
    assert steps("2024-03-31T02:30", "2024-03-31T05:00", "1h", WARSAW)[1] == first[1] + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("2016-12-31 23:59:60.75", "2016-12-31T23:59:59.999999Z"),
        ("2017-01-01T00:59:60.5+01:00", "2016-12-31T23:59:59.999999Z"),
        ("2016-12-31T23:59:59Z", "2016-12-31T23:59:59Z"),
    ],
)
def test_a_leap_second_is_the_last_microsecond_of_its_minute(text: str, expected: str) -> None:
    """It stays on its day, before midnight, in a question as in a source."""
    instant = datetime.fromisoformat(expected)
    assert last_instant(text) == first_instant(text) == instant
    others = pl.Series("t", [None, text, "x:60", "2016-12-31T23:60:60Z", "2016-12-31T23:59:61Z"])
    assert parse_times(others).to_list() == [None, instant, None, None, None]
    assert last_instants(pl.Series("t", [text])).to_list() == [instant]


def test_parsing_keeps_dates_and_zones() -> None:
    """A text becomes the date or datetime that it names."""
    assert parse_moment("2024-06-30") == date(2024, 6, 30)
    assert parse_moment("2024-06-30T12:00:00+02:00").utcoffset() == timedelta(hours=2)  # type: ignore[attr-defined]  # a datetime


@pytest.mark.parametrize("column", [pl.Series("x", [1]), pl.Series("x", [True]), pl.Series("x", [1.5])])
def test_columns_of_other_dtypes_are_errors(column: pl.Series) -> None:
    """The error names the column."""
    with pytest.raises(MomentError, match="'x'"):
        last_instants(column)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2024, 3, 1, 12, 30, 5, 999_999, tzinfo=UTC), ("2024-03-01 12:30:05", "2024-03-01 12:30")),
        (datetime(999, 1, 2, tzinfo=ZoneInfo(WARSAW)), ("0999-01-02 00:00:00", "0999-01-02 00:00")),
        (datetime(1, 1, 1), ("0001-01-01 00:00:00", "0001-01-01 00:00")),  # noqa: DTZ001 - shown as it is
    ],
)
def test_a_readable_time_has_no_zone_and_a_year_of_four_digits(at: datetime, expected: tuple[str, str]) -> None:
    """What is smaller than the precision is cut off; only ``auto`` shows microseconds, if there are any."""
    assert (readable_time(at), readable_time(at, "minutes")) == expected
    assert readable_time(at, "auto") == expected[0] + (".999999" if at.microsecond else "")
