"""Law 2: snapshots never change an answer."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.errors import FoldError
from eventsource.index import Sizes
from eventsource.snapshots import SnapshotPolicy, Thresholds
from eventsource.timeline import Timeline
from tests.conformance.answers import answer_of, is_refused
from tests.conformance.stored import (
    ALWAYS,
    arrivals,
    changing_worlds,
    delete_derived,
    on_files,
    reference,
    reopen,
    sizes,
    snapshots_of,
    state_questions,
    temporary_timeline,
)
from tests.conformance.strategies import World, moments
from tests.logs import log_of

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

POLICIES = st.sampled_from(
    [
        None,
        None,
        SnapshotPolicy(events=1),
        SnapshotPolicy(events=5, keep=2),
        SnapshotPolicy(every="1d", keep=3),
        SnapshotPolicy(every="1mo"),
    ]
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "thresholds", [ALWAYS, Thresholds(min_entities=0)], ids=["always", "where it is worth it"]
)
@on_files
@given(
    changing_worlds(),
    st.lists(st.integers(0, 28), max_size=3),
    st.none() | sizes(),
    POLICIES,
    st.data(),
)
def test_snapshots_never_change_an_answer(
    thresholds: Thresholds,
    world: World,
    cuts: list[int],
    of: Sizes | None,
    policy: SnapshotPolicy | None,
    data: st.DataObject,
) -> None:
    """With, without, half of them deleted, taken before late events arrived: as_of is what all events give.

    Of all entities, and of some.
    """
    seen: list[dict[str, Any]] = []
    with temporary_timeline(world.plan, of, policy, thresholds) as found:
        for events in arrivals(world, cuts):
            if events:
                log_of(found).append(events)
            seen += events
            expected = reference(seen, world.plan)
            _ask(found, expected, seen, data)
            _disturb(found, data)
            found = data.draw(st.sampled_from([found, reopen(found, policy)]))  # noqa: PLW2901 - the one that asks next
            _ask(found, expected, seen, data)
            verified = answer_of(lambda t: t.verify(), found)
            assert is_refused(verified) or verified["same"].all()


def _ask(found: Timeline, expected: Timeline, seen: list[dict[str, Any]], data: st.DataObject) -> None:
    for question in data.draw(st.lists(state_questions(len(seen)), max_size=4)):
        question.same(found, expected)


def _disturb(found: Timeline, data: st.DataObject) -> None:
    """Take some snapshots, delete some, delete the index."""
    for moment in data.draw(st.lists(st.none() | moments(), min_size=1, max_size=3)):
        try:
            found.snapshot(moment)
        except FoldError:  # no events, or states that cannot be kept
            continue
    kept = sorted(snapshots_of(found).folder.glob("*.snapshot"))
    delete = bool(kept) and data.draw(st.booleans())
    if delete:
        for path in random.Random(data.draw(st.integers(0, 99))).sample(kept, len(kept) // 2):
            path.unlink()
    if data.draw(st.booleans()):
        delete_derived(found)
