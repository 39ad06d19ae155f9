"""`Timeline.trend`: measures at many moments."""

import json
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import ModelError
from eventsource.testing import MemoryLog, event
from tests.timeline.shopkit import customers

MEASURES = {"customers": pl.len(), "orders": pl.col("orders").sum()}


def test_a_row_per_moment() -> None:
    """The moments are ``since``, ``since + every``, … up to ``until``; month ends stay month ends."""
    found = customers().trend(MEASURES, every="1mo", since="2024-01-31", until="2024-03-31")
    assert found.rows() == [
        (date(2024, 1, 31), 2, 1),
        (date(2024, 2, 29), 2, 2),
        (date(2024, 3, 31), 1, 2),
    ]


def test_by_groups_the_entities() -> None:
    """A group without entities has no row."""
    found = customers().trend(MEASURES, every="1mo", since="2024-01-31", until="2024-03-31", by="tier")
    assert found.rows() == [
        (date(2024, 1, 31), "basic", 2, 1),
        (date(2024, 2, 29), "basic", 1, 1),
        (date(2024, 2, 29), "premium", 1, 1),
        (date(2024, 3, 31), "premium", 1, 2),
    ]


def test_a_moment_without_entities_has_the_aggregation_of_zero_rows() -> None:
    """A sum and a count are 0, a mean is null."""
    measures = {**MEASURES, "mean": pl.col("orders").mean()}
    found = customers().trend(measures, every="1d", since="2023-12-31", until="2024-01-01")
    assert found.rows() == [(date(2023, 12, 31), 0, 0, None), (date(2024, 1, 1), 1, 0, 0.0)]


def test_a_trend_equals_as_of_each_moment_aggregated() -> None:
    """Whether a measure has running totals or not."""
    measures = {"spent": pl.col("spent").sum(), "median": pl.col("orders").median()}
    found = customers().trend(measures, every="1w", since="2024-01-07", until="2024-03-10")
    states = [customers().as_of(day).select(pl.lit(day).alias("as_of"), **measures) for day in found["as_of"]]
    assert found.equals(pl.concat(states))


def test_a_measure_cannot_have_the_name_of_another_column() -> None:
    """The names of the answer must differ."""
    for name in ("as_of", "tier"):
        with pytest.raises(ModelError, match=f"already has a column '{name}'"):
            customers().trend({name: pl.len()}, every="1mo", by="tier")


def test_a_log_without_events_has_no_moments() -> None:
    """The frame has all columns."""
    empty = es.Timeline(MemoryLog([]), Visitor).trend({"n": pl.len()}, every="1mo")
    assert (empty.columns, empty.height) == (["as_of", "n"], 0)


class Visitor(es.Model):
    """Counts visits."""

    visits = es.count("Visited")


LOG = MemoryLog([event("Visited", at=at) for at in ("2024-01-10T12:00:00", "2024-02-20", "2024-03-20T23:30:00Z")])
MONTHS = [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]


@pytest.mark.parametrize(
    ("span", "days"),
    [
        ({"every": "1mo"}, MONTHS),
        ({"every": "1mo", "since": "2024-02-29"}, [date(2024, 2, 29), date(2024, 3, 29)]),
        ({"every": "1mo", "since": "2024-02-15"}, [date(2024, 2, 15), date(2024, 3, 15), date(2024, 4, 15)]),
        ({"every": "1mo", "until": "2024-03-30"}, MONTHS[:2]),
        ({"every": "1mo", "until": "2024-03-31T23:59:00Z"}, MONTHS[:2]),
        ({"every": "1mo", "until": "2024-01-01"}, []),
        ({"every": "1q"}, [date(2024, 3, 31)]),
        ({"every": "1y"}, [date(2024, 12, 31)]),
        ({"every": "2mo"}, [date(2024, 2, 29), date(2024, 4, 30)]),
        ({"every": "1w", "until": "2024-01-28"}, [date(2024, 1, day) for day in (14, 21, 28)]),
        ({"every": "1d", "until": "2024-01-12"}, [date(2024, 1, day) for day in (10, 11, 12)]),
    ],
)
def test_open_ends_cover_all_events(span: dict[str, Any], days: list[date]) -> None:
    """Steps end with months, Sundays, days; the last one holds the last event, unless the user says until when."""
    trend = es.Timeline(LOG, Visitor).trend({"n": pl.col("visits").sum()}, **span)
    assert trend["as_of"].to_list() == days
    if "until" not in span:
        assert trend["n"][-1] == 3


def test_the_zone_decides_the_last_step() -> None:
    """An event late on the last day of a month, in UTC, may be in the next month elsewhere."""
    log = MemoryLog([event("Visited", at="2024-01-31T23:30:00Z")])
    ends = [
        es.Timeline(log, Visitor, tz=tz).trend({"n": pl.len()}, every="1mo")["as_of"].to_list()
        for tz in ("UTC", "Europe/Warsaw")
    ]
    assert ends == [[date(2024, 1, 31)], [date(2024, 2, 29)]]


@pytest.mark.parametrize("tz", ["UTC", "Europe/Warsaw", "America/New_York"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01"])
def test_a_trend_reaches_the_ends_of_the_calendar(at: str, tz: str) -> None:
    """Events in the years 1 and 9999 mean "always": calendar steps reach them, steps of hours are an error."""
    timeline = es.Timeline(
        MemoryLog([event("Visited", at=at), event("Visited", at="2024-06-01T12:00:00")]), Visitor
    )
    for every in ("1mo", "2y", "400y"):
        trend = timeline.trend({"n": pl.col("visits").sum()}, every=every, tz=tz)
        assert (trend["n"][0], trend["n"][-1]) == (1, 2)
    assert timeline.trend({"n": pl.len()}, every="1mo", since="2024-05-31", tz=tz)["n"][-1] == 1
    with pytest.raises(es.EventsourceError, match="until="):
        timeline.trend({"n": pl.len()}, every="1h", tz=tz)


def test_hours_begin_with_the_first_day() -> None:
    """Steps of hours go from the midnight before the first event to the end of the last one's day."""
    trend = es.Timeline(LOG, Visitor).trend({"n": pl.len()}, every="12h", until="2024-01-11")
    assert trend["as_of"].dt.to_string("%d %H").to_list() == ["10 00", "10 12", "11 00", "11 12"]


@pytest.mark.parametrize("measure", [pl.lit(1).sum(), pl.lit(1).count(), pl.lit(1).len(), pl.lit(2.5).mean()])
def test_a_constant_is_one_value_at_each_moment(measure: pl.Expr) -> None:
    """As in Polars, the sum of a constant is the constant, however many entities there are."""
    found = customers().trend({"m": measure}, every="1mo", since="2024-01-31", until="2024-03-31")
    assert found["m"].to_list() == [customers().as_of(day).select(measure).item() for day in found["as_of"]]


NUMBERS = {
    "share": ["0.1", "0.7", "1048576.3", "0.3"],
    "money": ["0.10", "0.20", "9999999999999.97", "0.01"],
    "n": ["9007199254740993", "9007199254740995", "1152921504606846977", "1"],
}


@pytest.mark.parametrize("field", NUMBERS)
def test_a_mean_is_rounded_once(field: str) -> None:
    """It is the exact sum divided by the count: rounding the sum first would change the last bit of some."""

    class Account(es.Model):
        share = es.latest("Paid", of="share")
        money = es.latest("Paid", of="money", dtype=pl.Decimal(18, 2))
        n = es.latest("Paid", of="n")

    for count in range(1, 5):
        values: list[Any] = [text if field == "money" else json.loads(text) for text in NUMBERS[field][:count]]
        story = [event("Paid", f"e{n}", at="2024-01-01", **{field: each}) for n, each in enumerate(values)]
        accounts = es.Timeline(MemoryLog(story), Account)
        found = accounts.trend({"mean": pl.col(field).mean()}, every="1d", since="2024-01-01", until="2024-01-01")
        exact = sum(Fraction(value) for value in values) / count
        assert found["mean"].to_list() == [float(exact)]
