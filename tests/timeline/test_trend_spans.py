"""A trend whose ends are left open covers all events, in steps of the calendar."""

from datetime import date
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.testing import MemoryLog, event


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
def test_open_ends(span: dict[str, Any], days: list[date]) -> None:
    """Steps end with months, Sundays, days; the last one holds the last event, unless the user says until when."""
    trend = es.Timeline(LOG, Visitor).trend({"n": pl.col("visits").sum()}, **span)
    assert trend["as_of"].to_list() == days
    if "until" not in span:
        assert trend["n"][-1] == 3


def test_the_zone_decides_the_last_step() -> None:
    """An event late on the last day of a month, by UTC, may stand in the next one elsewhere."""
    log = MemoryLog([event("Visited", at="2024-01-31T23:30:00Z")])
    ends = [
        es.Timeline(log, Visitor, tz=tz).trend({"n": pl.len()}, every="1mo")["as_of"].to_list()
        for tz in ("UTC", "Europe/Warsaw")
    ]
    assert ends == [[date(2024, 1, 31)], [date(2024, 2, 29)]]


@pytest.mark.parametrize("tz", ["UTC", "Europe/Warsaw", "America/New_York"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01"])
def test_a_trend_reaches_the_ends_of_the_calendar(at: str, tz: str) -> None:
    """An event that stands for ever, or from the begin of time, is in a trend over all; days to it are a slip."""
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
