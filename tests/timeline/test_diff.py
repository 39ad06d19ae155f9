"""`Timeline.diff`: what differs between two moments."""

import polars as pl

import eventsource as es
from eventsource.testing import MemoryLog
from tests.timeline.shopkit import EVENTS, customers


def test_a_changed_entity_has_a_row_per_field() -> None:
    """Fields are in declared order; values of several dtypes are JSON text."""
    assert customers().diff("2024-01-31", "2024-02-29").rows() == [
        ("ada", "changed", "tier", '"basic"', '"premium"'),
        ("bob", "changed", "orders", "0", "1"),
        ("bob", "changed", "spent", '"0.00"', '"5.50"'),
    ]


def test_an_entity_that_came_or_went_has_one_row_without_a_field() -> None:
    """It is ``added`` or ``removed``, whatever its fields are."""
    came = customers().diff("2024-01-10", "2024-01-15").rows()
    went = customers().diff("2024-02-28", "2024-03-01").rows()
    assert came == [("bob", "added", None, None, None)]
    assert went == [("bob", "removed", None, None, None)]


def test_the_moments_may_be_in_any_order() -> None:
    """``before`` is the value at the first argument."""
    back = customers().diff("2024-02-29", "2024-01-31", entity="ada").rows()
    assert back == [("ada", "changed", "tier", '"premium"', '"basic"')]


def test_equal_moments_have_no_difference() -> None:
    """The frame has all columns."""
    found = customers().diff("2024-02-01", "2024-02-01")
    assert found.is_empty()
    assert found.columns == ["entity", "change", "field", "before", "after"]


def test_fields_of_one_dtype_stay_typed() -> None:
    """Only fields of several dtypes become text."""

    class Orders(es.Model):
        orders = es.count("Ordered")

    found = es.Timeline(MemoryLog(EVENTS), Orders).diff("2024-01-31", "2024-03-31")
    assert found.schema["before"] == found.schema["after"] == pl.Int64
    assert found.rows() == [("ada", "changed", "orders", 1, 2), ("bob", "added", None, None, None)]
