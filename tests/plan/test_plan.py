"""Plans as data: what they hold, what they refuse, and what their fingerprint depends on."""

import decimal
import functools
import json
import subprocess
import sys
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventsource.errors import ModelError
from eventsource.plan import Op, Plan, Rule, dtype_of
from tests.conformance.strategies import KINDS, plans
from tests.test_model import Customer

MEMBERS = dict.fromkeys(("n", "v", "in.side"), "small")


@given(st.sampled_from(sorted(KINDS)).flatmap(lambda _: plans(MEMBERS, python=False)))
def test_plans_survive_plain_data(plan: Plan) -> None:
    """from_dict(to_dict) is the plan itself, also after a way through JSON, dtypes included."""
    plan = replace(plan, rules=tuple(replace(rule, where=None) for rule in plan.rules))
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert Plan.from_dict(plan.to_dict()).fingerprint() == plan.fingerprint()


@pytest.mark.parametrize(
    "dtype",
    [
        pl.Int64(),
        pl.Date(),
        pl.Decimal(18, 2),
        pl.Datetime("ms", "Europe/Warsaw"),
        pl.Duration("us"),
        pl.Enum(["a"]),
    ],
)
def test_dtypes_are_read_from_their_text(dtype: pl.DataType) -> None:
    """The text of a dtype is read back; nothing but literals is ever evaluated."""
    assert dtype_of(str(dtype)) == dtype
    assert dtype_of(dtype) == dtype


@pytest.mark.parametrize(
    "text", ["Int65", "col", "__import__('os')", "Decimal(exit())", "Enum(", "List(Int64)", "", 7, [], "DataFrame"]
)
def test_other_texts_are_refused_as_dtypes(text: Any) -> None:
    """A hint says how dtypes are written."""
    with pytest.raises(ModelError, match="dtype"):
        dtype_of(text)


FIELD = {"name": "f", "op": "latest", "events": ["A"], "of": "x"}
MACHINE = {"name": "f", "op": "states", "initial": "a", "transitions": [{"from": "a", "event": "E", "to": "b"}]}


@pytest.mark.parametrize(
    ("model", "match"),
    [
        ({"colour": 1}, "no member 'colour'"),
        ({5: 1}, "no member 5"),
        ({"fields": 5}, "a list of objects, got 5"),
        ({"fields": [5]}, "a name and an op, got 5"),
        ({"fields": "latest"}, "a list of objects"),
        ({"created": 5}, "a list of texts, got 5"),
        ({"created": [5]}, "expected an event type, got 5"),
        ({"created": [["A"]]}, "expected an event type"),
        ({"key": 5}, "expected a key per event type, got 5"),
        ({"key": {"A": 5}}, "expected a dotted path"),
        ({"order": 5}, "got 5"),
        ({"order": ["occurred_at"]}, "expected order"),
        ({"fields": [FIELD | {"events": 5}]}, "a list of texts, got 5"),
        ({"fields": [FIELD | {"events": [{}]}]}, "expected an event type"),
        ({"fields": [FIELD | {"of": 5}]}, "expected a dotted path, got 5"),
        ({"fields": [FIELD | {"op": ["latest"]}]}, "a name and an op"),
        ({"fields": [FIELD | {"name": 5}]}, "a name and an op"),
        ({"fields": [FIELD | {"initial": 5}]}, "does not take initial"),
        ({"fields": [MACHINE | {"transitions": 5}]}, "a list of transitions, got 5"),
        ({"fields": [MACHINE | {"initial": 5}]}, "a state as a text, got 5"),
        ({"fields": [MACHINE | {"initial": ["new"]}]}, "a state as a text"),
        ({"fields": [MACHINE | {"transitions": [{"from": 5, "event": "E", "to": "b"}]}]}, "a list of texts"),
        ({"fields": [MACHINE | {"transitions": [{"from": [[]], "event": "E", "to": "b"}]}]}, "a state as a text"),
        ({"fields": [MACHINE | {"transitions": [{"from": "a", "event": 5, "to": "b"}]}]}, "an event type, got 5"),
        ({"fields": [MACHINE | {"transitions": [{"from": "a", "event": "E", "to": 5}]}]}, "a state as a text"),
        (5, "expected a model as an object, got 5"),
        (None, "expected a model as an object"),
        ([], "expected a model as an object"),
        ({"order": "backwards"}, "got 'backwards'"),
        ({"created": "A", "deleted": ["A"]}, "both create and delete"),
        ({"fields": [FIELD, FIELD]}, "declared twice"),
        ({"fields": [FIELD | {"name": "entity"}]}, "answers have"),
        ({"fields": [{"name": "f"}]}, "a name and an op"),
        ({"fields": [FIELD | {"op": "lastest"}]}, "got 'lastest'"),
        ({"fields": [FIELD | {"op": "reduce"}]}, "code"),
        ({"fields": [FIELD | {"op": "count"}]}, "does not take of"),
        ({"fields": [FIELD | {"colour": 1}]}, "does not take colour"),
        ({"fields": [FIELD | {"dtype": "Int65"}]}, "dtype"),
        ({"fields": [FIELD | {"of": "a..b"}]}, "dotted path"),
        ({"fields": [FIELD | {"of": "a\ud800"}]}, "UTF-8 cannot encode it"),
        ({"fields": [FIELD | {"of": "a[b=\ud800]"}]}, "UTF-8 cannot encode it"),
        ({"fields": [FIELD | {"name": "a\ud800"}]}, "expected a field name"),
        ({"fields": [FIELD | {"events": ["\ud800"]}]}, "expected an event type"),
        ({"created": ["\ud800"]}, "expected an event type"),
        ({"fields": [MACHINE | {"initial": "\ud800"}]}, "a state as a text"),
        ({"fields": [FIELD | {"dtype": "Decimal(1e9, 2)"}]}, "a Decimal of 1 to 38 digits"),
        ({"fields": [FIELD | {"dtype": "Decimal(39, 2)"}]}, "a Decimal of 1 to 38 digits"),
        ({"fields": [FIELD | {"dtype": "Decimal(5, 9)"}]}, "a Decimal of 1 to 38 digits"),
        ({"fields": [FIELD | {"dtype": "Decimal(0, 0)"}]}, "a Decimal of 1 to 38 digits"),
        ({"fields": [{"name": "f", "op": "total", "events": ["A"]}]}, "needs of"),
        ({"fields": [{"name": "f", "op": "flag", "on": ["A"], "off": ["A"]}]}, "both on and off"),
        ({"fields": [{"name": "f", "op": "states", "initial": "a"}]}, "needs transitions"),
        ({"fields": [{"name": "f", "op": "states", "initial": "a", "transitions": [{"to": "a"}]}]}, "from, ev"),
        (
            {"fields": [{"name": "f", "op": "states", "initial": "a", "transitions": [
                {"from": ["a"], "event": "E", "to": "b"}, {"from": ["a"], "event": "E", "to": "c"}]}]},
            "two transitions leave",
        ),
    ],
)  # fmt: skip
@pytest.mark.hostile
def test_malformed_plans_are_refused(model: Any, match: str) -> None:
    """The error is a ModelError that names the field and what is wrong, never a TypeError."""
    with pytest.raises(ModelError, match=match):
        Plan.from_dict(model)


def test_an_unknown_field_is_refused() -> None:
    """The error lists the fields of the plan."""
    with pytest.raises(ModelError, match="known names: average, city"):
        Customer.plan.rule("town")


def test_fewer_fields_are_over_the_same_entities() -> None:
    """A plan of some fields keeps what they are derived from, and which events make an entity exist."""
    some = Customer.plan.only(["rate"])
    assert some.fields == ("orders", "most", "rate")
    free = Plan("M", (Rule(name="a", op="count", events=("A",)), Rule(name="b", op="count", events=("B",))))
    assert free.only(["a"]).types == ("A", "B")
    assert free.only(["a"]).created == ("A", "B")


def _fingerprint(**parts: Any) -> str:
    return Plan(**{"name": "M", "rules": (Rule(name="f", op="count", events=("A",)),)} | parts).fingerprint()


def test_a_fingerprint_is_the_meaning() -> None:
    """Every part that answers depend on changes it; the name of the model does not."""
    rule = functools.partial(Rule, name="f", op="latest", events=("A",), of="x")
    others: list[dict[str, Any]] = [
        {"created": ("A",)},
        {"deleted": ("A",)},
        {"order": "recorded_at"},
        {"key": {"A": "x"}},
        {"rules": (rule(),)},
        {"rules": (rule(of="y"),)},
        {"rules": (rule(dtype=pl.Int32()),)},
        {"rules": (rule(events=("B",)),)},
        {"rules": (Rule(name="g", op="count", events=("A",)),)},
        {"rules": (Rule(name="f", op="derive", expression=pl.lit(1)),)},
        {"rules": (Rule(name="f", op="derive", expression=pl.lit(2)),)},
    ]
    assert len({_fingerprint(), *(_fingerprint(**parts) for parts in others)}) == len(others) + 1
    assert _fingerprint(name="N") == _fingerprint()


def _helper(state: int) -> int:
    return state + 1


def _reducer(step: int, *, default: int = 0) -> Any:
    return lambda state, _event, default=default: (state or default) + step


def _calls_helper(state: int, event: Any) -> int:
    return _helper(state)


def _of(function: Any) -> str:
    return _fingerprint(rules=(Rule(name="f", op="reduce", events=("A",), function=function, initial=0),))


def test_a_function_is_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code, defaults, closure, partial arguments and the helpers a function names are in the fingerprint."""
    assert _of(_reducer(1)) == _of(_reducer(1))
    functions = [
        _reducer(1),
        _reducer(2),
        _reducer(1, default=1),
        lambda state, _event: state + 1,
        lambda state, _event: state + 2,
        functools.partial(_reducer(1), default=2),
        functools.partial(_reducer(1), default=3),
    ]
    assert len({_of(function) for function in functions}) == len(functions)
    before = _of(_calls_helper)
    monkeypatch.setitem(globals(), "_helper", lambda state: state + 2)
    assert _of(_calls_helper) != before


_RATES: dict[str, Any] = {"a": 1}
_RATE = decimal.Decimal(1)


def _looks_up(state: int, event: Any) -> Any:
    def inner() -> Any:
        return _helper(0) * _RATE

    return state + _RATES["a"] + inner()


@pytest.mark.parametrize(
    ("name", "other"), [("_RATES", {"a": 2}), ("_RATE", decimal.Decimal(2)), ("_helper", lambda state: state + 3)]
)
def test_a_function_is_what_it_looks_up(monkeypatch: pytest.MonkeyPatch, name: str, other: Any) -> None:
    """Tables, exact numbers, and what a function within it names."""
    before = _of(_looks_up)
    monkeypatch.setitem(globals(), name, other)
    assert _of(_looks_up) != before


class _Rated:
    def __init__(self, rate: int) -> None:
        self.rate = rate

    def add(self, state: int, _event: Any) -> int:
        return state + self.rate


def test_a_method_is_its_object_too() -> None:
    """The attributes of the object count, its address in memory does not."""
    assert _of(_Rated(1).add) == _of(_Rated(1).add) != _of(_Rated(2).add)


@pytest.mark.parametrize("name", ["", "a|after", "|exists"])
def test_names_that_answers_cannot_have_are_refused(name: str) -> None:
    """The engines use names with a bar for columns of their own."""
    with pytest.raises(ModelError, match="expected a field name"):
        Plan("M", (Rule(name=name, op="count", events=("A",)),))


@pytest.mark.slow
def test_a_fingerprint_is_the_same_in_another_process() -> None:
    """Another process, with another hash seed, finds the same fingerprint."""
    code = (
        "import eventsource as es\n"
        "class M(es.Model):\n"
        "    n = es.reduce(lambda s, e: s + (e.type in {'a', 'b', 'c'}), 'A', initial=0)\n"
        "print(M.plan.fingerprint())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("op", sorted(set(get_args(Op)) - {"count", "first", "latest"}))
def test_every_operation_needs_an_argument(op: Any) -> None:
    """A rule without its parts is refused."""
    with pytest.raises(ModelError, match="needs"):
        Rule(name="f", op=op)


def test_a_derived_field_may_search_lists_only() -> None:
    """Polars searches a column that holds no lists in all rows, so that other entities would decide."""
    rules = [Rule(name=name, op="latest", events=("A",), of=name) for name in ("v", "w")]
    lists = Rule(name="tags", op="distinct", events=("A",), of="v")
    for expression in (pl.col("v").is_in(pl.col("tags")), pl.col("v").is_in(["a", "b"])):
        Plan("M", (*rules, lists, Rule(name="d", op="derive", expression=expression)))
    wrong = Rule(name="d", op="derive", expression=pl.lit(1) + pl.col("v").is_in(pl.col("w")).cast(pl.Int64))
    with pytest.raises(ModelError, match="is_in searches 'w' of all entities"):
        Plan("M", (*rules, wrong))
