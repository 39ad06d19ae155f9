"""Fields of a model on a timeline: members that have similar names, and functions that change their state."""

from decimal import Decimal
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


def _payload(rule: Rule, value: int) -> dict[str, Any]:
    return {str(rule.of or ""): value}


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
def test_members_with_similar_names_are_distinct(rules: tuple[Rule, Rule], engine: Any) -> None:
    """Whatever characters paths and types contain, no member is confused with another."""
    story = [
        event(kind, "a", at="2024-01-01", **_payload(rule, number if kind in rule.events else 0))
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
    """Each entity begins with a copy of the initial state, and each event gets a copy of the state before."""

    def add(state: list[int], event: Any) -> list[int]:
        state.append(event.data["n"])
        return state

    class Listed(es.Model):
        numbers = es.reduce(add, "A", initial=[])

    before = Listed.plan.fingerprint()
    listed = Timeline(MemoryLog(STORY), Listed, engine=engine())
    assert listed.as_of()["numbers"].to_list() == [[1, 2, 3]] * 3
    assert listed.history("a")["numbers"].to_list() == [[1], [1, 2], [1, 2, 3]]
    assert Listed.plan.fingerprint() == before


def test_values_of_two_dtypes_are_an_error_in_one_part_or_in_several(tmp_path: Any) -> None:
    """Truth values and numbers do not fit into one column, however the index is cut into parts."""
    log = es.Log(tmp_path / "log")
    log.append([event("A", f"e{n:02}", at="2024-01-01", n=n) for n in range(30)])
    rule = Rule(
        name="v", op="reduce", events=("A",), function=lambda _, e: e.data["n"] if e.data["n"] > 15 else True
    )
    for sizes in (Sizes(), Sizes(in_memory=0, max_run=10, part=5, max_sort=10)):
        mixed = Timeline(log, Plan("M", (rule,)), tuning=Tuning(index=sizes))
        with pytest.raises(FoldError, match="dtype"):
            mixed.as_of()


class Measured(es.Model, order="recorded_at"):
    """A value of any kind, in the order in which it was recorded."""

    value = es.latest("Measured", of="v")


def test_a_number_that_comes_later_does_not_decide_how_earlier_ones_are_held() -> None:
    """The moments see a decimal and an integer beyond 64 bits; an event behind them has more digits than both."""
    first, later = "2024-03-29T00:00:00Z", "2024-03-30T00:00:00Z"
    events = [
        event("Measured", "a", at=first, v=-9_223_372_036_854_775_809),
        event("Measured", "a", at=first, v=0.1),
        event("Seen", "b", at=later),
        event("Measured", "b", at=first, recorded_at=later, v=1e41),
        event("Measured", "b", at=first, recorded_at=later, v=10**40),
        event("Measured", "b", at=first, recorded_at=later, v=1e-20),
    ]
    for engine in (PolarsEngine(), ReferenceEngine()):
        timeline = es.Timeline(MemoryLog(events), Measured, engine=engine)
        for states in (timeline.as_of([first]), timeline.as_of(first)):
            assert states["value"].to_list() == [Decimal("0.1")]
            assert states["value"].dtype == pl.Decimal(38, 1)


class Renamed(es.Model):
    """What events of one type say."""

    value = es.latest("Changed", of="n")


def test_a_reading_that_another_one_has_replaced_decides_no_dtype() -> None:
    """A correction made the event one of the model; the next one undid that: the model has seen no value."""
    at = "2024-03-29T00:00:00Z"
    events = [
        event("Opened", "a", at=at),
        event("Opened", "a", at=at, event_id="e1", n=-3),
        event("$corrected", "a", at=at, event_id="k0") | {"data": _correction("Changed")},
        event("$corrected", "a", at=at, event_id="k1") | {"data": _correction(None)},
    ]
    for engine in (PolarsEngine(), ReferenceEngine()):
        timeline = es.Timeline(MemoryLog(events), Renamed, engine=engine)
        for moment in (None, "2024-03-28", "2024-04-01"):
            assert timeline.as_of(moment).schema["value"] == pl.Null


def _correction(kind: str | None) -> dict[str, str]:
    return {"event_id": "e1", "reason": "why"} | ({} if kind is None else {"type": kind})
