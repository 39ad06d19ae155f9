"""Texts of one width are read as columns of digits, and give what they give alone."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.moment import parse_times
from eventsource.moment._columns import _parse
from eventsource.moment._fixed_width import fixed_width_times

_TIMES = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59, 999999))  # noqa: DTZ001 - written in UTC


@given(times=st.lists(_TIMES, min_size=1, max_size=8), digits=st.sampled_from([0, 3, 6]))
def test_every_instant_of_the_calendar_is_read(times: list[datetime], digits: int) -> None:
    """From the year 1 to 9999, with and without a fraction."""
    unit = {0: "seconds", 3: "milliseconds", 6: "microseconds"}[digits]
    texts = [time.isoformat(timespec=unit) + "Z" for time in times]
    found = fixed_width_times(pl.Series("at", texts))
    assert found is not None
    instants, others = found
    assert instants.to_list() == [datetime.fromisoformat(text) for text in texts]
    assert instants.dtype == pl.Datetime("us", "UTC")
    assert not len(others)


_IMPOSSIBLE = (
    *("2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-13-01T00:00:00Z"),
    *("2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z"),
    *("0000-01-01T00:00:00Z", "2024-01-01T00:00:61Z"),
)
_OTHERWISE = (
    *("2024-01-01T00:00:60Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00z", "2024-01-01T00:00:0\u0666"),
    *("2024-01-01T00:00:0/Z", "2024-01-01T00:00:0:Z", "-024-01-01T00:00:00Z", "", "x" * 20),
)


@pytest.mark.parametrize("text", [*_IMPOSSIBLE, *_OTHERWISE])
def test_others_are_left_to_the_general_reader(text: str) -> None:
    """So that leap seconds and other spellings have one meaning; it reads no time that does not exist."""
    texts = pl.Series("at", ["2024-01-01T00:00:00Z", text])
    found = fixed_width_times(pl.Series("at", ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", text]))
    assert found is not None
    instants, others = found
    assert instants.to_list() == [datetime(2024, 1, 1, tzinfo=UTC)] * 2 + [None]
    assert others.tolist() == ([] if text in _IMPOSSIBLE else [2])
    alone = parse_times(pl.Series("at", [text]))
    assert parse_times(texts).to_list() == [datetime(2024, 1, 1, tzinfo=UTC), *alone.to_list()]
    if text in _IMPOSSIBLE:
        assert _parse(pl.Series("at", [text]), "UTC").to_list() == [None]


_NUMBERS = st.tuples(st.integers(0, 9999), *(st.integers(0, most) for most in (13, 32, 25, 61, 62)))


@given(_NUMBERS)
def test_digits_are_times_where_the_general_reader_says_so(numbers: tuple[int, ...]) -> None:
    """A month, a day, an hour that does not exist is not a time for both."""
    text = pl.Series("at", ["{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*numbers)])
    assert parse_times(text).to_list() == _parse(text, "UTC").to_list()


def test_texts_of_other_widths_are_left() -> None:
    """One text of 19 and one of 21 bytes, which have 40 together; a null; no text."""
    assert fixed_width_times(pl.Series("at", ["2024-01-01T00:00:00", "Z2024-01-01T00:00:00Z"])) is None
    found = fixed_width_times(pl.Series("at", ["2024-01-01T00:00:00Z", None]))
    assert found is not None
    instants, others = found
    assert instants.to_list() == [datetime(2024, 1, 1, tzinfo=UTC), None]
    assert not len(others)
    assert fixed_width_times(pl.Series("at", [], pl.String)) is None


_TEXTS = st.one_of(
    st.builds(lambda time: time.isoformat(timespec="milliseconds") + "Z", _TIMES),
    st.builds(lambda time: time.isoformat(timespec="seconds") + "Z", _TIMES),
    st.builds(lambda time: str(time.replace(microsecond=0)), _TIMES),
    st.builds(lambda time: time.isoformat() + "+01:30", _TIMES),
    st.sampled_from(["2024-06-30T23:59:60Z", "2024-02-30T00:00:00.000Z", "2024-03-31", "", "soon"]),
    st.just("2024-01-01T00:00"),
    st.text("0123456789-:TZ. ", min_size=20, max_size=24),
    st.none(),
)


@given(texts=st.lists(_TEXTS, max_size=12), tz=st.sampled_from(["UTC", "Europe/Warsaw"]))
def test_texts_of_many_forms_are_read_as_each_alone(texts: list[str | None], tz: str) -> None:
    """Whichever form most texts have."""
    alone = [parse_times(pl.Series("at", [text], pl.String), tz)[0] for text in texts]
    assert parse_times(pl.Series("at", texts, pl.String), tz).to_list() == alone
