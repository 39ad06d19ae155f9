from datetime import date

import polars as pl
import pytest

from eventsource.demo.models import Customer
from eventsource.errors import ModelError
from eventsource.testing import event, given
from eventsource.timeline import revisions

PREMIUM = {"premium": pl.col("premium").sum()}
LATE = (
    event("CustomerCreated", "customer-1", at="2024-01-05"),
    event("PremiumPlanBought", "customer-1", at="2024-01-10", plan="monthly"),
    event("PremiumPlanCancelled", "customer-1", at="2024-01-20", recorded_at="2024-03-02", reason="no time"),
)


def test_revisions_equal_as_of_with_known_at() -> None:
    """Each cell of the grid is `as_of` its moment with only what was recorded by then."""
    timeline = given(Customer, *LATE).timeline
    grid = revisions(timeline, PREMIUM, since="2024-01-31", until="2024-03-31", every="1mo")
    for row in grid.to_dicts():
        states = timeline.as_of(row["as_of"], known_at=row["known_at"])
        assert row["premium"] == states["premium"].sum()
    assert grid["premium"].to_list() == [1, 1, 1, 0, 0, 0]


def test_revisions_end_at_known_at() -> None:
    """No moment is after the one at which it is known: the grid is a triangle."""
    grid = revisions(given(Customer, *LATE).timeline, PREMIUM, since="2024-01-31", until="2024-03-31", every="1mo")
    assert grid.height == 6
    assert grid.filter(pl.col("as_of") > pl.col("known_at")).is_empty()
    assert grid["known_at"].max() == date(2024, 3, 31)


def test_a_period_without_moments_has_no_revisions() -> None:
    """Where the last moment is before the first, the answer has its columns and no rows."""
    grid = revisions(given(Customer, *LATE).timeline, PREMIUM, since="2024-03-31", until="2024-01-31", every="1mo")
    assert grid.schema.names() == ["known_at", "as_of", "premium"]
    assert grid.is_empty()


def test_a_measure_may_not_replace_a_column_of_the_answer() -> None:
    """A measure called ``known_at`` or ``as_of`` is an error that says what to do."""
    for name in ("known_at", "as_of"):
        with pytest.raises(ModelError, match=f"already has a column '{name}'") as caught:
            revisions(
                given(Customer, *LATE).timeline,
                {name: pl.len()},
                since="2024-01-31",
                until="2024-03-31",
                every="1mo",
            )
        assert caught.value.hint == "give the measure another name"
