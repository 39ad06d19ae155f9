"""Law 1 through indexes in files: random logs that grow between random questions, caches deleted in between."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.index import Sizes
from tests.conformance.stored import (
    arrivals,
    changing_worlds,
    delete_derived,
    on_files,
    questions,
    reference,
    reopen,
    sizes,
    temporary_timeline,
)
from tests.conformance.strategies import World
from tests.logs import log_of

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")


@pytest.mark.slow
@on_files
@given(changing_worlds(), st.lists(st.integers(0, 28), max_size=3), sizes(), st.data())
def test_a_growing_index_changes_no_answer(world: World, cuts: list[int], of: Sizes, data: st.DataObject) -> None:
    """After every append, in this process or another, with or without files, answers are those of a full fold."""
    seen: list[dict[str, Any]] = []
    with temporary_timeline(world.plan, of) as found:
        for events in arrivals(world, cuts):
            if events:
                log_of(found).append(events)
            seen += events
            happens = data.draw(st.sampled_from(["nothing", "nothing", "another process", "deletion"]))
            if happens == "another process":
                found = reopen(found)  # noqa: PLW2901 - it asks from now on
            elif happens == "deletion":
                delete_derived(found)
            expected = reference(seen, world.plan)
            for question in data.draw(st.lists(questions(world.plan, len(seen)), min_size=1, max_size=4)):
                question.same(found, expected)
