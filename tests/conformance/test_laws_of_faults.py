"""The laws with faults in the log: values that fields cannot fold, mixed kinds, wide numbers, unfit dtypes."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource import Log
from eventsource.index import Sizes
from eventsource.moment import last_instant
from eventsource.snapshots import SnapshotPolicy
from eventsource.timeline import Timeline, Tuning
from tests.conformance.answers import (
    answer_of,
    assert_same,
    both_engines,
    has_fixed_dtypes,
    is_refused,
    reads_positions,
    timeline,
)
from tests.conformance.stored import ALWAYS, on_files
from tests.conformance.strategies import INSTANTS, STREAMS, World, faulty_worlds, moments

pytestmark = [
    pytest.mark.filterwarnings("ignore::eventsource.errors.EventsourceWarning"),
    pytest.mark.filterwarnings("ignore::eventsource.errors.NumberTextWarning"),
]

MODES = st.sampled_from(["raise", "skip"])
ENTITIES = st.none() | st.sampled_from((*STREAMS, "7", "new"))


def _questions(plan: Any, when: Any, entity: Any, until: Any) -> list[Any]:
    """Return a question of each kind."""
    rows = pl.DataFrame({"id": [*STREAMS], "when": [INSTANTS[3], INSTANTS[9], INSTANTS[-1]]})
    return [
        lambda t: t.as_of(when),
        lambda t: t.as_of([when, INSTANTS[5]] if when is not None else [INSTANTS[5]]),
        lambda t: t.as_of(when, entity=entity),
        lambda t: t.history(entity),
        lambda t: t.changes(plan.fields[0], until=until),
        lambda t: t.join(rows, on="id", at="when"),
        lambda t: t.replay("a").to_frame(),
        lambda t: t.faults(entity),
    ]


@given(faulty_worlds(), st.none() | moments(), ENTITIES, st.none() | moments(), MODES)
def test_engines_agree_on_faults(world: World, when: Any, entity: Any, until: Any, mode: Any) -> None:
    """Law 1: the same values, and the same fault is named first."""
    fast, slow = (each.with_faults(mode) for each in both_engines(world.events, world.plan))
    for question in _questions(world.plan, when, entity, until):
        assert_same(answer_of(question, fast), answer_of(question, slow), dtypes=has_fixed_dtypes(world.plan))


@given(faulty_worlds(), moments(), MODES)
def test_as_of_ignores_what_happens_after_its_moment(world: World, when: Any, mode: Any) -> None:
    """Law 5: values, dtypes and faults alike; in the log that ends with the moment, positions are others."""
    if world.plan.order != "occurred_at" or reads_positions(world.plan):
        return
    end = last_instant(when)
    before = World(world.as_read(), world.plan).without(lambda event: event["occurred_at"] <= end)
    now, then = (timeline(events, world.plan).with_faults(mode) for events in (before, world.events))
    assert_same(answer_of(lambda t: t.as_of(when), then), answer_of(lambda t: t.as_of(), now))


@given(faulty_worlds(), st.none() | moments(), st.integers(0, 14), MODES)
def test_upto_ignores_later_positions(world: World, when: Any, upto: int, mode: Any) -> None:
    """Law 5: values, dtypes and faults alike."""
    before = world.without(lambda _: True)[:upto]
    whole, cut = (timeline(events, world.plan).with_faults(mode) for events in (world.events, before))
    assert_same(answer_of(lambda t: t.as_of(when, upto=upto), whole), answer_of(lambda t: t.as_of(when), cut))
    assert_same(answer_of(lambda t: t.faults(upto=upto), whole), answer_of(lambda t: t.faults(), cut))


@given(faulty_worlds())
def test_skipped_history_and_as_of_agree(world: World) -> None:
    """Law 6: with skip, each state is the history's."""
    whole = timeline(world.events, world.plan).with_faults("skip")
    history = answer_of(lambda t: t.history(), whole)
    if is_refused(history):
        return
    for edge in sorted(set(history["valid_from"])):
        ends = pl.col("valid_to").is_null() | (pl.col("valid_to") > edge)
        rows = history.filter((pl.col("valid_from") <= edge) & ends).drop("valid_from", "valid_to")
        assert_same(whole.as_of(edge), rows, widened=True)


@on_files
@given(faulty_worlds(python=False), st.integers(0, 12), st.none() | moments(), MODES)
def test_indexes_and_snapshots_change_no_fault(world: World, cut: int, when: Any, mode: Any) -> None:
    """Law 2: asked between appends, with tiny files and all snapshots that can be used."""
    events = world.without(lambda _: True)
    sizes = Sizes(in_memory=0, max_run=3, part=2, max_sort=3)
    with TemporaryDirectory() as folder:
        log = Log(Path(folder) / "log")
        stored = Timeline(
            log,
            world.plan,
            faults=mode,
            snapshots=SnapshotPolicy(events=1, every="1d", keep=2),
            tuning=Tuning(index=sizes, snapshots=ALWAYS),
        )
        for part in (events[:cut], events[cut:]):
            if part:
                log.append(part)
            plain = timeline(events[: log.head], world.plan).with_faults(mode)
            for question in (lambda t: t.as_of(), *_questions(world.plan, when, None, None)):
                assert_same(answer_of(question, stored), answer_of(question, plain))
