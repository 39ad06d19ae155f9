"""`Timeline.as_of`: the state of every entity that exists at a moment."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import MomentError
from eventsource.fold import PolarsEngine, ReferenceEngine
from eventsource.moment import Moment
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.timeline.shopkit import customers


def test_a_row_per_entity_that_exists_sorted_by_id() -> None:
    """Fields are in declared order."""
    states = customers().as_of("2024-02-29")
    assert states.columns == ["entity", "tier", "orders", "spent"]
    assert states.rows() == [("ada", "premium", 1, Decimal("10.00")), ("bob", "basic", 1, Decimal("5.50"))]


def test_without_a_moment_all_events_count() -> None:
    """A deleted entity has no row."""
    assert customers().as_of()["entity"].to_list() == ["ada"]


def test_a_date_is_its_whole_day_and_a_datetime_an_instant() -> None:
    """Both are inclusive."""
    assert customers().as_of("2024-01-10")["orders"].to_list() == [1]
    assert customers().as_of(date(2024, 1, 10))["orders"].to_list() == [1]
    assert customers().as_of("2024-01-10T12:00:00")["orders"].to_list() == [1]
    assert customers().as_of("2024-01-10T11:59:59.999999")["orders"].to_list() == [0]
    assert customers().as_of(datetime(2024, 1, 10, tzinfo=UTC))["orders"].to_list() == [0]


def test_a_zone_says_when_a_day_ends() -> None:
    """Midnight in New York is five o'clock in UTC."""
    assert "bob" in customers().as_of("2024-02-29")["entity"]
    assert "bob" not in customers(tz="America/New_York").as_of("2024-02-29")["entity"]
    assert "bob" not in customers().as_of("2024-02-29", tz="America/New_York")["entity"]


def test_several_moments_come_under_a_leading_column() -> None:
    """The column holds dates if all moments are dates, else instants; its order is that of the moments."""
    states = customers().as_of(["2024-03-31", "2024-01-31"])
    assert states.select("as_of", "entity", "orders").rows() == [
        (date(2024, 3, 31), "ada", 2),
        (date(2024, 1, 31), "ada", 1),
        (date(2024, 1, 31), "bob", 0),
    ]
    assert customers().as_of(["2024-03-31", "2024-01-31T12:00:00"])["as_of"].dtype == pl.Datetime("us", "UTC")


def test_entity_limits_the_rows() -> None:
    """An id without events has no row."""
    assert customers().as_of("2024-02-29", entity="bob")["entity"].to_list() == ["bob"]
    assert customers().as_of("2024-02-29", entity=["bob", "eve"])["entity"].to_list() == ["bob"]


def test_upto_pins_an_answer() -> None:
    """Only events with a smaller position count, whatever is appended later."""
    assert customers().as_of(upto=3)["entity"].to_list() == ["ada", "bob"]
    assert customers().as_of(upto=0).is_empty()


class Named(es.Model):
    """Fields with names that a person would choose, and that answers use, too."""

    at = es.latest("A")
    exists = es.flag(on="A")
    row = es.latest("A", of="n")
    moment = es.count("A")


@pytest.mark.parametrize("engine", [PolarsEngine, ReferenceEngine])
def test_fields_may_have_ordinary_names(engine: Any) -> None:
    """No internal column has the name of a field, in several moments and in moments per row."""
    story = [event("A", name, at=f"2024-01-0{day}", n=day) for name in "abc" for day in (1, 2, 3)]
    named = Timeline(MemoryLog(story), Named, engine=engine())
    found = named.as_of(["2024-01-01", "2024-01-03"])
    assert found["row"].to_list() == [1, 1, 1, 3, 3, 3]
    assert found["exists"].to_list() == [True] * 6
    joined = named.join(pl.DataFrame({"id": ["a", "x"], "when": ["2024-01-02"] * 2}), on="id", at="when")
    assert joined["exists"].to_list() == [True, None]
    assert joined["moment"].to_list() == [2, None]


def test_a_moment_that_is_named_twice_counts_once() -> None:
    """An aggregation by `as_of` counts each entity once, however often and in whatever form the day is named."""
    days: list[Moment] = ["2024-01-10", "2024-01-20", date(2024, 1, 10), "2024-01-20"]
    several = customers().as_of(days)
    assert several["as_of"].unique(maintain_order=True).to_list() == [date(2024, 1, 10), date(2024, 1, 20)]
    assert several.height == sum(customers().as_of(day).height for day in days[:2])
    last = datetime(2024, 1, 10, 23, 59, 59, 999999, tzinfo=UTC)
    assert customers().as_of(["2024-01-10", last]).height == customers().as_of("2024-01-10").height


@pytest.mark.parametrize("dtype", [pl.Datetime("us", "UTC"), pl.Datetime("ms"), pl.Date])
def test_moments_of_a_column_are_in_the_calendar(dtype: Any) -> None:
    """Polars has years that Python and moments do not have: `as_of` and `join` name the row."""
    days = pl.Series("at", [19_723, None, 2_932_897], dtype=pl.Int32).cast(pl.Date).cast(dtype)
    rows = pl.DataFrame({"entity": ["ada", "bob", "ada"], "at": days})
    asks: list[Callable[[], pl.DataFrame]] = [
        lambda: customers().as_of(days),
        lambda: customers().join(rows, on="entity", at="at"),
    ]
    for ask in asks:
        with pytest.raises(MomentError, match="the years 1 to 9999, got another one in row 2"):
            ask()
