"""A question about one entity that does not exist says so, as the command line does."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import eventsource as es
from eventsource.errors import UnknownEntityWarning
from eventsource.testing import MemoryLog, event

EVENTS = [
    event("Joined", "customer-42", at="2024-01-01T00:00:00Z", name="Ada"),
    event("Joined", "customer-7", at="2024-02-01T00:00:00Z", name="Bob"),
    event("Left", "customer-7", at="2024-03-01T00:00:00Z"),
]
QUESTIONS: dict[str, Callable[[es.Timeline, Any], Any]] = {
    "as_of": lambda timeline, who: timeline.as_of(entity=who),
    "as_of a day": lambda timeline, who: timeline.as_of("2024-01-15", entity=who),
    "as_of days": lambda timeline, who: timeline.as_of(["2024-01-15", "2024-02-15"], entity=who),
    "history": lambda timeline, who: timeline.history(who),
    "changes": lambda timeline, who: timeline.changes("name", entity=who),
    "diff": lambda timeline, who: timeline.diff("2024-01-15", "2024-02-15", entity=who),
    "explain": lambda timeline, who: timeline.explain(who),
    "replay": lambda timeline, who: timeline.replay(who),
}


class Customer(es.Model, created="Joined", deleted="Left"):
    """A customer with a name."""

    name = es.latest("Joined", of="name")


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> es.Timeline:
    """A timeline of two customers, one of whom left."""
    log = es.Log(tmp_path_factory.mktemp("customers") / "log")
    log.append(EVENTS)
    return es.Timeline(log, Customer)


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_unknown_entity_is_a_warning(timeline: es.Timeline, question: str) -> None:
    """It names the entity that may be meant, at the line of the question."""
    with pytest.warns(
        UnknownEntityWarning, match=r"unknown entity 'customer-43'; did you mean 'customer-42'"
    ) as caught:
        QUESTIONS[question](timeline, "customer-43")
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("who", ["customer-7", "customer-42", ["customer-43", "customer-7"], ["a", "b"], []])
@pytest.mark.parametrize("question", [name for name in QUESTIONS if name not in ("explain", "replay")])
def test_absence_is_an_answer(timeline: es.Timeline, question: str, who: Any) -> None:
    """An entity that does not exist at that moment is known; of several ids some may be without events."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QUESTIONS[question](timeline, who)


def test_a_log_in_memory_is_not_checked() -> None:
    """It holds what a test needs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert es.Timeline(MemoryLog(EVENTS), Customer).as_of(entity="customer-43").is_empty()
