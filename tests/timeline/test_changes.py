"""`Timeline.changes`: one row per event that changed a field."""

import pytest

from eventsource.errors import ModelError
from tests.timeline.shopkit import customers


def test_a_row_has_the_value_before_and_after_and_the_event() -> None:
    """Changes of all entities are sorted by moment."""
    found = customers().changes("tier")
    assert found.columns == ["at", "position", "entity", "field", "before", "after", "event_id", "type"]
    assert found.select("position", "entity", "before", "after", "type").rows() == [
        (0, "ada", None, "basic", "Joined"),
        (2, "bob", None, "basic", "Joined"),
        (3, "ada", "basic", "premium", "Switched"),
    ]


def test_since_and_until_are_inclusive() -> None:
    """A date begins at its midnight and ends with its day; a datetime is that instant."""
    timeline = customers()
    assert timeline.changes("orders", since="2024-01-10", until="2024-02-10")["position"].to_list() == [1, 4]
    assert timeline.changes("orders", since="2024-01-10T12:00:00.000001")["position"].to_list() == [4, 6]
    assert timeline.changes("orders", until="2024-02-10T12:00:00")["position"].to_list() == [1, 4]


def test_entity_limits_the_entities() -> None:
    """One id, or several."""
    assert customers().changes("orders", entity="bob")["after"].to_list() == [1]
    assert customers().changes("orders", entity=["ada", "bob"]).height == 3


def test_before_and_after_have_the_dtype_of_the_field() -> None:
    """Also where there are no changes."""
    orders = customers().changes("orders")
    assert orders.schema == customers().changes("orders", entity="eve").schema
    assert orders.schema["before"] == orders["after"].dtype


def test_an_unknown_field_is_an_error() -> None:
    """The hint names the nearest field."""
    with pytest.raises(ModelError, match="orders"):
        customers().changes("order")
