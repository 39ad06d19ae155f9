"""`Timeline.explain`: each field of one entity, and the event that last changed it."""

from tests.timeline.shopkit import customers


def test_each_value_has_the_event_that_made_it() -> None:
    """Fields are in declared order."""
    found = customers().explain("ada")
    assert found.columns == ["field", "value", "event_id", "type", "at", "position"]
    assert found.select("field", "value", "type", "position").rows() == [
        ("tier", '"premium"', "Switched", 3),
        ("orders", "2", "Ordered", 6),
        ("spent", '"12.50"', "Ordered", 6),
    ]


def test_a_moment_limits_the_events() -> None:
    """A date is its whole day."""
    found = customers().explain("ada", "2024-01-31").select("value", "position").rows()
    assert found == [('"basic"', 0), ("1", 1), ('"10.00"', 1)]


def test_a_default_has_no_event() -> None:
    """An entity without events has all defaults."""
    assert customers().explain("bob", "2024-01-31").select("value", "position").rows()[1:] == [
        ("0", None),
        ('"0.00"', None),
    ]
    assert customers().explain("eve").select("value", "position").rows() == [
        (None, None),
        ("0", None),
        ('"0.00"', None),
    ]


def test_a_deleted_entity_can_be_explained() -> None:
    """Its fields keep their values; `replay` shows which event deleted it."""
    assert customers().explain("bob")["type"].to_list() == ["Joined", "Ordered", "Ordered"]
