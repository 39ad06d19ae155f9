"""Fields that go from touch to touch, against the obvious loop."""

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from eventsource.fold._machine import run
from eventsource.fold._polars import PolarsEngine
from eventsource.fold._reference import ReferenceEngine
from eventsource.plan import Plan, Rule
from eventsource.testing import MemoryLog
from eventsource.testing import event as made
from eventsource.timeline import Timeline


@st.composite
def _machines(draw: st.DrawFn) -> tuple[list[int], list[bool], list[list[int]], int]:
    states, kinds = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    row = st.lists(st.integers(0, states - 1), min_size=states, max_size=states)
    table = [*draw(st.lists(row, min_size=kinds, max_size=kinds)), list(range(states))]
    events = draw(st.lists(st.integers(0, kinds), max_size=80))
    rare = draw(st.sampled_from([0.02, 0.5]))
    fresh = [draw(st.floats(0, 1)) < rare for _ in events]
    return events, [True, *fresh[1:]] if fresh else [], table, draw(st.integers(0, states - 1))


@given(_machines(), st.none() | st.integers(1, 90))
def test_blocks_are_the_loop(
    machine: tuple[list[int], list[bool], list[list[int]], int], block: int | None
) -> None:
    """Whatever the length of blocks, and wherever entities begin, the states are those of the plain loop."""
    events, fresh, table, initial = machine
    state, expected = initial, []
    for kind, begins in zip(events, fresh, strict=True):
        state = table[kind][initial if begins else state]
        expected.append(state)
    found = run(np.array(events, np.int64), np.array(fresh, bool), np.array(table), initial, block=block)
    assert found.tolist() == expected


_VALUES = st.one_of(
    st.lists(st.sampled_from([1, 2, 3, None]), max_size=12),
    st.lists(st.sampled_from([0.0, -0.0, 1.5, 1e300, None]), max_size=12),
    st.lists(st.sampled_from(["a", "b", "ä", "", None]), max_size=12),
    st.lists(st.booleans() | st.none(), max_size=12),
    st.lists(st.sampled_from([1, "1", 2.5, True, None]), max_size=12),
)


@given(_VALUES, st.lists(st.sampled_from(["x", "y"]), min_size=12, max_size=12))
def test_sets_are_those_of_the_reference(values: list[Any], owners: list[str]) -> None:
    """A distinct field has each value once, sorted, at every step, whatever its dtype."""
    events = [
        made("Seen", owner, at=f"2024-01-{day:02}", value=value)
        for day, (value, owner) in enumerate(zip(values, owners, strict=False), 1)
    ]
    plan = Plan("M", (Rule(name="seen", op="distinct", events=("Seen",), of="value"),))
    log = MemoryLog(events)
    fast, slow = Timeline(log, plan), Timeline(log, plan, engine=ReferenceEngine())
    assert isinstance(fast._engine, PolarsEngine)
    assert fast.as_of().equals(slow.as_of())
    assert fast.history().equals(slow.history())
    assert fast.changes("seen").equals(slow.changes("seen"))
    assert fast.as_of(["2024-01-03", "2024-01-05"]).equals(slow.as_of(["2024-01-03", "2024-01-05"]))
    assert fast.as_of()["seen"].dtype == slow.as_of()["seen"].dtype


def test_many_events_of_one_machine_take_no_python_step_each() -> None:
    """A machine over a large frame gives what the loop gives, entity boundaries inside and across blocks."""
    rng = np.random.default_rng(5)
    count = 50_000
    events, fresh = rng.integers(0, 4, count), rng.random(count) < 1e-4
    fresh[0] = True
    table = np.array([[1, 2, 0], [0, 0, 1], [2, 2, 2], [0, 1, 2]])
    state, expected = 0, []
    for kind, begins in zip(events.tolist(), fresh.tolist(), strict=True):
        state = int(table[kind, 0 if begins else state])
        expected.append(state)
    assert pl.Series(run(events, fresh, table, 0)).to_list() == expected
