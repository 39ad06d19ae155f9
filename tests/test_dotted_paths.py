"""Dotted paths of the members of a payload."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.dotted_paths import Match, PathStep, dotted_paths, parse_path


def test_an_object_comes_before_its_members() -> None:
    """Every member has a path; objects with members are not leaves."""
    payload = {"customer": {"name": "Ada", "address": {}}, "n": 1}
    found = [(member.path, member.is_leaf) for member in dotted_paths(payload)]
    assert found == [("customer", False), ("customer.name", True), ("customer.address", True), ("n", True)]


def test_a_name_that_contains_dots_is_in_quotes() -> None:
    """So is one with a bracket, one that begins with a quote, and the empty one."""
    assert [member.path for member in dotted_paths({"a": {"b.c": {"d": 1}}})] == ["a", 'a."b.c"', 'a."b.c".d']
    assert [member.path for member in dotted_paths({"a[0]": 1, '"': 2, "": 3})] == ['"a[0]"', '"\\""', '""']


def test_objects_below_the_deepest_level_are_leaves() -> None:
    """A report on members need not open every level."""
    found = [(member.path, member.is_leaf) for member in dotted_paths({"a": {"b": {"c": 1}}}, deepest=2)]
    assert found == [("a", False), ("a.b", True)]


def test_arrays_are_opened_where_asked_for() -> None:
    """Their first element has a path by its index, elements with a key one by their key."""
    payload = {"items": [{"sku": "a"}, {"sku": "b"}], "tags": [{"key": "x", "v": 1}, {"key": "a]b"}]}
    assert [member.path for member in dotted_paths(payload, elements=True)] == [
        "items",
        "items[0]",
        "items[0].sku",
        "tags",
        "tags[key=x]",
        "tags[key=x].key",
        "tags[key=x].v",
        'tags[key="a]b"]',
        'tags[key="a]b"].key',
    ]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("address.city", ("address", "city")),
        ("items[0].sku", ("items", 0, "sku")),
        ("items[-1]", ("items", -1)),
        ("grid[1][2]", ("grid", 1, 2)),
        ('"a.b".c', ("a.b", "c")),
        ('"a\\"b"', ('a"b',)),
        ('""', ("",)),
        ("a b", ("a b",)),
        ("x=1", ("x=1",)),
        ("p[key=page_location].value", ("p", Match(("key",), "page_location"), "value")),
        ('p[meta."k.1"="a]b"]', ("p", Match(("meta", "k.1"), "a]b"))),
    ],
)
def test_a_path_is_a_sequence_of_steps(path: str, steps: tuple[PathStep, ...]) -> None:
    """Names, indexes and elements with a value."""
    assert parse_path(path) == steps


@pytest.mark.parametrize(
    "path", ["", "a..b", ".a", "a.", "a[", "a[x]", "a[1", "a[0]b", "[0]", '"a', '"a"b', "a[k=]"]
)
def test_other_texts_are_refused(path: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"expected|missing"):
        parse_path(path)


@given(st.recursive(st.integers(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5))
def test_every_member_can_be_addressed(payload: object) -> None:
    """The path that names a member leads to it, whatever its name is."""
    if not isinstance(payload, dict):
        return
    for member in dotted_paths(payload):
        found: object = payload
        for step in parse_path(member.path):
            assert isinstance(found, dict)
            found = found[step]
        assert found is member.value
