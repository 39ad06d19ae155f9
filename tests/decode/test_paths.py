"""Paths in payloads: elements of arrays, names in quotes, alternatives, and a path for each event type."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import FoldError, ModelError
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.plan import Plan, Rule
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline

GA4 = [
    {"key": "page_location", "value": {"string_value": "https://example.org/a"}},
    {"key": "engagement_time_msec", "value": {"int_value": 120}},
    {"key": "page_location", "value": {"string_value": "the second one"}},
]
BASKET: dict[str, Any] = {
    "items": [{"sku": "a", "price": 0.1}, {"sku": "b", "price": 0.2}],
    "a.b": {"c": 1, "x[0]": 2},
    "n": [[1, 2]],
}


def values_of(of: Any, *payloads: dict[str, Any], dtype: Any = None, op: Any = "latest") -> list[Any]:
    """Return a field after each of some events, as both engines see it."""
    plan = Plan("M", (Rule(name="f", op=op, events=("Seen",), of=of, dtype=dtype),))
    events = [event("Seen", f"s{n}", at="2024-01-01", **payload) for n, payload in enumerate(payloads)]
    engines: Sequence[Engine] = (PolarsEngine(), ReferenceEngine())
    fast, slow = (Timeline(MemoryLog(events), plan, engine=engine).as_of()["f"].to_list() for engine in engines)
    assert fast == slow
    return fast


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("items[0].sku", "a"),
        ("items[-1].sku", "b"),
        ("items[2].sku", None),
        ("items[-3]", None),
        ("items[sku=b].price", 0.2),
        ("items[price=0.1].sku", "a"),
        ("items[sku=c].price", None),
        ("items.sku", None),
        ("n[0][1]", 2),
        ('"a.b".c', 1),
        ('"a.b"."x[0]"', 2),
        ('"a.b"[0]', None),
        ("items[0].sku[0]", None),
    ],
)
def test_paths_lead_into_arrays_and_to_names_in_quotes(of: str, expected: Any) -> None:
    """An element that is not there is absent."""
    assert values_of(of, BASKET) == [expected]


def test_key_value_lists_are_read_by_key() -> None:
    """As GA4 writes them: the first element with the key counts."""
    assert values_of("event_params[key=page_location].value.string_value", {"event_params": GA4}) == [
        "https://example.org/a"
    ]
    of = [
        "event_params[key=engagement_time_msec].value.string_value",
        "event_params[key=engagement_time_msec].value.int_value",
    ]
    assert values_of(of, {"event_params": GA4}, {"event_params": []}, {}) == [120, None, None]


def test_elements_are_chosen_by_numbers_and_booleans_as_json_writes_them() -> None:
    """An id that is a number matches its digits; objects, arrays and null match nothing."""
    things = [
        {"id": None, "v": 0},
        {"id": [7], "v": 1},
        {"id": 7, "v": 2},
        {"id": True, "v": 3},
        {"id": "7", "v": 4},
    ]
    assert values_of("t[id=7].v", {"t": things}) == [2]
    assert values_of("t[id=true].v", {"t": things}) == [3]
    assert values_of("t[id=null].v", {"t": things}) == [None]


def test_decimals_are_read_from_elements() -> None:
    """Digit by digit, and the element is the same as without a dtype."""
    of = "items[price=0.10].price"
    assert values_of(of, BASKET, dtype=pl.Decimal(18, 2)) == values_of(of, BASKET) == [None]
    assert values_of("items[price=0.1].price", BASKET, dtype=pl.Decimal(18, 2)) == [Decimal("0.10")]


def test_paths_into_the_same_member_share_it() -> None:
    """One array may be read whole, by index and by key at once; names may hold what structs cannot be named."""
    paths = ["items", "items[0].sku", "items[sku=b].price", 'a"b.c', r'"a\\b"']
    rules = [Rule(name=f"f{n}", op="latest", events=("Seen",), of=of) for n, of in enumerate(paths)]
    names: dict[str, Any] = {'a"b': {"c": 5}, "a\\b": 6}
    events = [event("Seen", at="2024-01-01", **BASKET, **names)]
    row = Timeline(MemoryLog(events), Plan("M", tuple(rules))).as_of().row(0)
    assert row[2:] == ("a", 0.2, 5, 6)


def test_the_first_alternative_that_is_present_counts() -> None:
    """An explicit null is present; the values of the others decide nothing, not even the dtype."""
    payloads: list[dict[str, Any]] = [{"a": 1, "b": "x"}, {"a": None, "b": 2}, {"b": 3}, {}]
    assert values_of(["a", "b"], *payloads) == [1, None, 3, None]
    assert values_of(["a", "b"], *payloads, op="total") == [1, 0, 3, 0]
    assert values_of(["a", "b"], {"a": "0.1"}, {"b": 2}, dtype=pl.Decimal(9, 2), op="total") == [
        Decimal("0.10"),
        2,
    ]


def test_a_type_without_a_path_leaves_the_value() -> None:
    """Its events are relevant all the same: they create an entity."""

    class Person(es.Model):
        city = es.latest("SignedUp", "Moved", "Seen", of={"SignedUp": "address.city", "Moved": "to"})

    events = [
        event("Seen", "p0", at="2024-01-01", to="x", address={"city": "y"}),
        event("SignedUp", "p1", at="2024-01-01", address={"city": "Oslo"}, to="x"),
        event("Seen", "p1", at="2024-01-02", to="x", address={"city": "y"}),
        event("SignedUp", "p2", at="2024-01-01", address={"city": "Oslo"}),
        event("Moved", "p2", at="2024-01-02", to=None, address={"city": "y"}),
    ]
    for engine in (PolarsEngine(), ReferenceEngine()):
        found = Timeline(MemoryLog(events), Person, engine=engine).as_of()
        assert found.rows() == [("p0", None), ("p1", "Oslo"), ("p2", None)]


def test_the_types_of_the_paths_are_the_events_where_none_are_named() -> None:
    """Nothing has to be written twice."""
    rule = Rule(name="f", op="latest", of={"A": "x", "B": ["y", "z"]})
    assert rule.events == ("A", "B")
    assert Plan.from_dict(Plan("M", (rule,)).to_dict()) == Plan("M", (rule,))


def test_values_of_several_paths_share_one_dtype() -> None:
    """A field has one dtype: integers of one type and floats of the other are floats."""
    of = {"Seen": "a", "Sold": "b"}
    plan = Plan("M", (Rule(name="f", op="latest", events=("Seen", "Sold"), of=of),))
    events = [event("Seen", "s", at="2024-01-01", a=1), event("Sold", "t", at="2024-01-01", b=2.5)]
    for engine in (PolarsEngine(), ReferenceEngine()):
        found = Timeline(MemoryLog(events), plan, engine=engine).as_of()
        assert found.schema["f"] == pl.Float64()
        assert found["f"].to_list() == [1.0, 2.5]


def test_an_entity_may_be_named_by_an_element() -> None:
    """A key is a path too."""
    plan = Plan("M", (Rule(name="n", op="count", events=("Sold",)),), key={"Sold": "ids[type=customer].value"})
    sold = event(
        "Sold", at="2024-01-01", ids=[{"type": "order", "value": 1}, {"type": "customer", "value": "ann"}]
    )
    assert Timeline(MemoryLog([sold]), plan).as_of().rows() == [("ann", 1)]


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("a[", "expected a dotted path, got 'a\\['"),
        ([], "expected a dotted path"),
        (["a", 5], "expected a dotted path, got 5"),
        ({}, "expected a path per event type"),
        ({"Sen": "a"}, "of has a path for 'Sen', which is not one of its events"),
        ({"Seen": "a..b"}, "expected a dotted path"),
        ({"Seen": {"Seen": "a"}}, "expected a dotted path"),
    ],
)
def test_wrong_paths_are_refused(of: Any, message: str) -> None:
    """At the class statement, with the reason."""
    with pytest.raises(ModelError, match=message):
        Rule(name="f", op="latest", events=("Seen",), of=of)


def test_faults_name_the_paths() -> None:
    """All alternatives, since any of them may hold the value."""
    with pytest.raises(FoldError, match="field 'f'"):
        values_of(["a", "b"], {"b": "x"}, dtype=pl.Decimal(9, 2), op="total")
