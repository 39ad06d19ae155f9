"""Dotted paths of the members of a payload."""

from eventsource.dotted_paths import dotted_paths


def test_an_object_comes_before_its_members() -> None:
    """Every member has a path; objects with members are no leaves."""
    payload = {"customer": {"name": "Ada", "address": {}}, "n": 1}
    found = [(member.path, member.is_leaf) for member in dotted_paths(payload)]
    assert found == [("customer", False), ("customer.name", True), ("customer.address", True), ("n", True)]


def test_a_name_that_contains_dots_is_in_quotes() -> None:
    """No path of a model can address it."""
    assert [member.path for member in dotted_paths({"a": {"b.c": {"d": 1}}})] == ["a", 'a."b.c"', 'a."b.c".d']


def test_objects_below_the_deepest_level_are_leaves() -> None:
    """A report on members need not open every level."""
    found = [(member.path, member.is_leaf) for member in dotted_paths({"a": {"b": {"c": 1}}}, deepest=2)]
    assert found == [("a", False), ("a.b", True)]
