"""The worked examples of the specification, through every engine."""

import contextlib

import pytest

from eventsource.errors import FoldError
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.index import Sizes
from eventsource.snapshots import SnapshotPolicy
from eventsource.testing import Case, MemoryLog, cases, mismatches
from eventsource.timeline import Timeline
from tests.conformance.stored import ALWAYS, temporary_timeline
from tests.logs import log_of

ENGINES: dict[str, type[Engine]] = {"reference": ReferenceEngine, "polars": PolarsEngine}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_every_engine_gives_the_answers_of_the_specification(case: Case, engine: str) -> None:
    """A case's questions have the answers that it expects, whatever folds."""
    timeline = Timeline(MemoryLog(case.events), case.plan, engine=ENGINES[engine]())
    assert list(mismatches(case, timeline)) == []


@pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_indexes_and_snapshots_give_the_answers_of_the_specification(case: Case) -> None:
    """A case's questions, asked after each part of its events arrived, through many small files and snapshots."""
    tiny = Sizes(in_memory=0, max_run=3, part=2, max_sort=3)
    policy = SnapshotPolicy(events=1, every="1d", keep=2)
    with temporary_timeline(case.plan, tiny, policy, ALWAYS) as timeline:
        half = len(case.events) // 2
        for part in (case.events[:half], case.events[half:]):
            if part:
                log_of(timeline).append(part)
            with contextlib.suppress(FoldError):  # a case of sums beyond 64 bits
                timeline.as_of()
        assert list(mismatches(case, timeline)) == []


def test_a_wrong_answer_is_noticed() -> None:
    """The kit can fail: an answer that differs in one value is a mismatch."""
    case = next(case for case in cases() if case.name == "duplicates")
    case.questions[0]["expect"][0]["orders"] = 2
    found = list(mismatches(case, Timeline(MemoryLog(case.events), case.plan)))
    assert len(found) == 1
    assert "expected" in found[0]
