"""Names that answers use beside the fields, members that are told apart, and states that functions may change."""

from typing import Any

import polars as pl
import pytest

import eventsource as es
from eventsource.errors import FoldError
from eventsource.fold import PolarsEngine, ReferenceEngine
from eventsource.index import Sizes
from eventsource.plan import Plan, Rule
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline, Tuning

ENGINES = [PolarsEngine, ReferenceEngine]
STORY = [event("A", name, at=f"2024-01-0{day}", n=day) for name in "abc" for day in (1, 2, 3)]


class Named(es.Model):
    """Fields with names that a person would choose."""

    at = es.latest("A")
    exists = es.flag(on="A")
    row = es.latest("A", of="n")
    moment = es.count("A")


@pytest.mark.parametrize("engine", ENGINES)
def test_fields_may_have_ordinary_names(engine: Any) -> None:
    """Several moments, and moments per row."""
    named = Timeline(MemoryLog(STORY), Named, engine=engine())
    found = named.as_of(["2024-01-01", "2024-01-03"])
    assert found["row"].to_list() == [1, 1, 1, 3, 3, 3]
    assert found["exists"].to_list() == [True] * 6
    joined = named.join(pl.DataFrame({"id": ["a", "x"], "when": ["2024-01-02"] * 2}), on="id", at="when")
    assert joined["exists"].to_list() == [True, None]
    assert joined["moment"].to_list() == [2, None]


def _latest(name: str, of: str, *events: str, dtype: pl.DataType | None = None) -> Rule:
    return Rule(name=name, op="latest", events=events, of=of, dtype=dtype)


@pytest.mark.parametrize(
    "rules",
    [
        (_latest("one", "x", "A", dtype=pl.Int64()), _latest("two", "x:Int64", "A")),
        (_latest("one", "x", "A+B"), _latest("two", "x", "A", "B")),
        (_latest("one", "x", "y@A"), _latest("two", "x@y", "A")),
        (_latest("one", "x", "A|null"), _latest("two", "x", "A")),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_members_are_told_apart(rules: tuple[Rule, Rule], engine: Any) -> None:
    """Whatever stands in paths and types, no member is taken for another."""
    story = [
        event(kind, "a", at="2024-01-01", **{rule.of or "": number if kind in rule.events else 0})
        for number, rule in enumerate(rules, 1)
        for kind in rule.events[:1]
    ]
    story += [event("A", "b", at="2024-01-01", x=None)]
    both = Timeline(MemoryLog(story), Plan("M", rules), engine=engine()).as_of(entity="a").row(0, named=True)
    for rule in rules:
        alone = Timeline(MemoryLog(story), Plan("M", (rule,)), engine=engine()).as_of(entity="a")
        assert both[rule.name] == alone[rule.name].item()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_function_may_change_its_state(engine: Any) -> None:
    """Each event has a state of its own, and each entity begins with the model's."""

    def add(state: list[int], told: Any) -> list[int]:
        state.append(told.data["n"])
        return state

    class Listed(es.Model):
        numbers = es.reduce(add, "A", initial=[])

    before = Listed.plan.fingerprint()
    listed = Timeline(MemoryLog(STORY), Listed, engine=engine())
    assert listed.as_of()["numbers"].to_list() == [[1, 2, 3]] * 3
    assert listed.history("a")["numbers"].to_list() == [[1], [1, 2], [1, 2, 3]]
    assert Listed.plan.fingerprint() == before


def test_values_fit_one_dtype_however_the_index_is_cut(tmp_path: Any) -> None:
    """Truth values are no numbers, in one part or in several."""
    log = es.Log(tmp_path / "log")
    log.append([event("A", f"e{n:02}", at="2024-01-01", n=n) for n in range(30)])
    rule = Rule(
        name="v", op="reduce", events=("A",), function=lambda _, e: e.data["n"] if e.data["n"] > 15 else True
    )
    for sizes in (Sizes(), Sizes(in_memory=0, max_run=10, part=5, max_sort=10)):
        mixed = Timeline(log, Plan("M", (rule,)), tuning=Tuning(index=sizes))
        with pytest.raises(FoldError, match="dtype"):
            mixed.as_of()


@pytest.mark.parametrize("measure", [pl.lit(1).sum(), pl.lit(1).count(), pl.lit(1).len(), pl.lit(2.5).mean()])
def test_a_constant_is_one_value_at_each_moment(measure: pl.Expr) -> None:
    """A trend is `as_of` of each moment, aggregated: constants are not as many as rows."""
    named = Timeline(MemoryLog(STORY), Named)
    found = named.trend({"m": measure}, every="1d", since="2024-01-01", until="2024-01-03")
    assert found["m"].to_list() == [named.as_of(day).select(measure).item() for day in found["as_of"]]
