"""State machines, sets and reductions, against the obvious loop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.operations._state_machine import run_machine
from eventsource.plan import Plan, Rule, Transition
from eventsource.testing import MemoryLog
from eventsource.testing import event as made
from eventsource.timeline import Timeline

_MOMENTS = ["2024-01-03", "2024-01-05"]


def _looped(
    events: Sequence[int], fresh: Sequence[bool], table: Sequence[Sequence[int]], initial: int
) -> list[int]:
    """Return the states after each event, found one by one."""
    state, states = initial, []
    for type_, begins in zip(events, fresh, strict=True):
        state = table[type_][initial if begins else state]
        states.append(state)
    return states


def _agree(events: list[dict[str, Any]], rule: Rule) -> pl.DataFrame:
    """Check that both engines give the same answers for one field, faults skipped, and return its history."""
    log, plan = MemoryLog(events), Plan("M", (rule,))
    fast = Timeline(log, plan, faults="skip")
    slow = Timeline(log, plan, faults="skip", engine=ReferenceEngine())
    assert fast.faults().equals(slow.faults())
    assert isinstance(fast._engine, PolarsEngine)
    assert fast.as_of().equals(slow.as_of())
    assert fast.as_of(_MOMENTS).equals(slow.as_of(_MOMENTS))
    assert fast.changes(rule.name).equals(slow.changes(rule.name))
    history = fast.history()
    assert history.equals(slow.history())
    assert history.schema == slow.history().schema
    return history


@st.composite
def _machines(draw: st.DrawFn) -> tuple[list[int], list[bool], list[list[int]], int]:
    """Events of many small or few large entities, and a machine."""
    states, types = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    row = st.lists(st.integers(0, states - 1), min_size=states, max_size=states)
    table = draw(st.lists(row, min_size=types, max_size=types))
    events = draw(st.lists(st.integers(0, types - 1), max_size=80))
    rare = draw(st.sampled_from([0.02, 0.5]))
    fresh = [draw(st.floats(0, 1)) < rare for _ in events]
    return events, [True, *fresh[1:]] if fresh else [], table, draw(st.integers(0, states - 1))


@given(_machines(), st.none() | st.integers(1, 90))
def test_blocks_are_the_loop(
    machine: tuple[list[int], list[bool], list[list[int]], int], block: int | None
) -> None:
    """Whatever the length of blocks, and wherever entities begin, the states are those of the plain loop."""
    events, fresh, table, initial = machine
    found = run_machine(np.array(events, np.int64), np.array(fresh, bool), np.array(table), initial, block=block)
    assert found.tolist() == _looped(events, fresh, table, initial)


@pytest.mark.parametrize("rarity", [0, 1e-4, 0.1, 1], ids=["one entity", "a few", "many", "all"])
@pytest.mark.parametrize(("states", "types"), [(3, 4), (200, 4), (5, 127), (5, 128), (256, 3), (300, 300)])
def test_machines_of_any_size_are_the_loop(rarity: float, states: int, types: int) -> None:
    """Neither the number of states, of event types nor of entities changes what a machine does."""
    rng = np.random.default_rng(5)
    events, fresh = rng.integers(0, types, 20_000), rng.random(20_000) < rarity
    fresh[0] = True
    table = rng.integers(0, states, (types, states))
    expected = _looped(events.tolist(), fresh.tolist(), table.tolist(), states - 1)
    assert run_machine(events, fresh, table, states - 1).tolist() == expected


_STATES = st.sampled_from(["new", "open", "shut", "gone"])
_TYPES = ("A", "B", "C")


@st.composite
def _transitions(draw: st.DrawFn) -> tuple[Transition, ...]:
    ways = draw(st.dictionaries(st.tuples(_STATES, st.sampled_from(_TYPES)), _STATES, min_size=1))
    return tuple(Transition((source,), type_, target) for (source, type_), target in ways.items())


@given(
    _transitions(),
    st.lists(
        st.tuples(st.sampled_from((*_TYPES, "Other")), st.sampled_from("xyz"), st.integers(1, 9)), max_size=25
    ),
)
def test_states_are_those_of_the_reference(
    transitions: tuple[Transition, ...], drawn: list[tuple[str, str, int]]
) -> None:
    """A machine's state follows the events of its own entity in fold order, at every moment."""
    events = [made(type_, owner, at=f"2024-01-{day:02}") for type_, owner, day in drawn]
    _agree(events, Rule(name="state", op="states", initial="new", transitions=transitions))


_DAYS = st.sampled_from(["2024-02-03", "2024-01-01", "2023-12-31", None])
_VALUES = st.one_of(
    st.tuples(st.none(), st.lists(st.sampled_from([1, 2, 3, None]), max_size=12)),
    st.tuples(st.none(), st.lists(st.sampled_from([0.0, -0.0, 1.5, 1e300, None]), max_size=12)),
    st.tuples(st.none(), st.lists(st.sampled_from(["a", "b", "ä", "", None]), max_size=12)),
    st.tuples(st.none(), st.lists(st.booleans() | st.none(), max_size=12)),
    st.tuples(st.none(), st.lists(st.sampled_from([1, "1", 2.5, True, None]), max_size=12)),
    st.tuples(st.just(pl.Decimal(18, 2)), st.lists(st.sampled_from(["1.10", 1.1, "-0", 0, None]), max_size=12)),
    st.tuples(st.just(pl.Date()), st.lists(_DAYS, max_size=12)),
)


@pytest.mark.filterwarnings("ignore::eventsource.errors.FaultWarning")
@given(_VALUES, st.lists(st.sampled_from(["x", "y"]), min_size=12, max_size=12))
def test_sets_are_those_of_the_reference(values: tuple[pl.DataType | None, list[Any]], owners: list[str]) -> None:
    """A distinct field has each value once, sorted, at every step, whatever its dtype."""
    dtype, seen = values
    events = [
        made("Seen", owner, at=f"2024-01-{day:02}", value=value)
        for day, (value, owner) in enumerate(zip(seen, owners, strict=False), 1)
    ]
    history = _agree(events, Rule(name="seen", op="distinct", events=("Seen",), of="value", dtype=dtype))
    for found in history["seen"].to_list():
        assert len(set(found)) == len(found)
        assert found == sorted(found) or history["seen"].dtype == pl.List(pl.String)


def test_a_set_keeps_the_zero_that_came_first() -> None:
    """0.0 and -0.0 are one value of a set: the one that the entity had first."""
    events = [
        made("Seen", owner, at=f"2024-01-0{day}", value=value)
        for owner, zeros in (("x", (0.0, -0.0)), ("y", (-0.0, 0.0)))
        for day, value in enumerate(zeros, 1)
    ]
    history = _agree(events, Rule(name="seen", op="distinct", events=("Seen",), of="value"))
    assert [str(found) for found in history["seen"].to_list()] == ["[0.0]", "[-0.0]"]


def _noted(state: list[str], event: Event) -> list[str]:
    return [*state, f"{event.entity} {event.type} {event.at:%d} {event.data.get('n')}"][-3:]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("xyz"), st.integers(1, 9)), max_size=20))
def test_reductions_are_those_of_the_reference(drawn: list[tuple[str, str, int]]) -> None:
    """A function sees each event of its types once, in fold order, and begins again with every entity."""
    events = [made(type_, owner, at=f"2024-01-{day:02}", n=n) for n, (type_, owner, day) in enumerate(drawn)]
    dtype = pl.List(pl.String())
    _agree(events, Rule(name="notes", op="reduce", events=("A",), function=_noted, initial=[], dtype=dtype))


@pytest.mark.parametrize("engine", [PolarsEngine(), ReferenceEngine()])
def test_the_error_of_a_function_names_its_event(engine: Engine) -> None:
    """The error of a reduction names the field, the event's type, position and entity, and what went wrong."""
    events = [made("Paid", "x", at="2024-01-02", n=1), made("Paid", "y", at="2024-01-01")]
    rule = Rule(name="sum", op="reduce", events=("Paid",), function=lambda s, e: s + e.data["n"], initial=0)
    with pytest.raises(FoldError, match=r"'sum': its function failed on Paid at position 1 of 'y': KeyError: 'n'"):
        Timeline(MemoryLog(events), Plan("M", (rule,)), engine=engine).as_of()


@pytest.mark.parametrize("engine", [PolarsEngine(), ReferenceEngine()])
@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000], ids=["float", "negative", "integer"])
def test_a_payload_that_python_cannot_hold_is_refused(engine: Engine, number: str) -> None:
    """JSON has numbers that Python does not have: the error names the event."""
    events = [
        made("Paid", "x", at="2024-01-01", n=1),
        made("Paid", "y", at="2024-01-02") | {"data": f'{{"n":{number}}}'},
    ]
    rule = Rule(name="sum", op="reduce", events=("Paid",), function=lambda s, _: s + 1, initial=0)
    with pytest.raises(FoldError, match=r"'sum': the payload of Paid at position 1 of 'y' cannot be decoded"):
        Timeline(MemoryLog(events), Plan("M", (rule,)), engine=engine).as_of()
