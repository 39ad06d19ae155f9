"""The public test kit: given events, then the state."""

from datetime import UTC, datetime

import polars as pl
import pytest

import eventsource as es
from eventsource.fold import ReferenceEngine
from eventsource.testing import MemoryLog, cases, event, given


class Customer(es.Model, created="Joined", deleted="Left"):
    """A customer with a city and a plan."""

    city = es.latest("Joined", "Moved", of="address.city")
    premium = es.flag(on="Bought", off="Cancelled")


STORY = (
    event("Joined", at="2024-01-01", address={"city": "Gdynia"}),
    event("Bought", at="2024-02-01T12:00:00Z"),
    event("Moved", at="2024-03-01", address={"city": "Łódź"}, recorded_at="2024-03-05"),
    event("Left", at="2024-06-15"),
)


@pytest.mark.parametrize("engine", [None, ReferenceEngine()])
def test_then_asserts_states_at_moments(engine: ReferenceEngine | None) -> None:
    """Assertions about several moments form one chain."""
    (
        given(Customer, *STORY, engine=engine)
        .then_absent("entity-1", "2023-12-31")
        .then("entity-1", "2024-01-01", city="Gdynia", premium=False)
        .then("entity-1", datetime(2024, 3, 1, tzinfo=UTC), city="Łódź", premium=True)
        .then_absent("entity-1", "2024-06-15")
        .then_absent("entity-1")
    )


def test_a_failed_assertion_explains_the_difference() -> None:
    """The message has the expected value, the actual one, and the event that set it."""
    story = given(Customer, *STORY)
    with pytest.raises(AssertionError, match=r"(?s)expected .*Sopot.*got .*Łódź.*Moved"):
        story.then("entity-1", "2024-03-01", city="Sopot")
    with pytest.raises(AssertionError, match="does not exist now"):
        story.then("entity-1", premium=False)
    with pytest.raises(AssertionError, match="exists as of 2024-01-02"):
        story.then_absent("entity-1", "2024-01-02")


def test_an_unknown_field_is_an_error() -> None:
    """An assertion about a field that the model lacks never passes."""
    with pytest.raises(es.EventsourceError, match="field 'town' does not exist"):
        given(Customer, *STORY).then("entity-1", "2024-03-01", town="Łódź")


def test_the_timeline_answers_all_other_questions() -> None:
    """``timeline`` is a timeline over the events, with the time zone of `given`."""
    changes = given(Customer, *STORY, tz="Europe/Warsaw").timeline.changes("city")
    assert changes["after"].to_list() == ["Gdynia", "Łódź"]


def test_events_have_unique_ids() -> None:
    """Two calls make two events, unless both name the same id."""
    assert event("A", at="2024-01-01")["event_id"] != event("A", at="2024-01-01")["event_id"]
    log = MemoryLog([event("A", at="2024-01-01", event_id="x"), event("B", at="2024-01-02", event_id="x")])
    assert (len(log), log.head) == (1, 1)
    assert log.scan().collect()["type"].to_list() == ["A"]


def test_a_memory_log_scans_like_a_log() -> None:
    """Positions are dense, in order of arrival; start and upto are half-open, types select."""
    log = MemoryLog([event(kind, at="2024-01-01") for kind in "ABCA"])
    assert log.scan(start=1, upto=3).collect()["type"].to_list() == ["B", "C"]
    assert log.scan(types=("A",)).collect()["position"].to_list() == [0, 3]
    assert log.scan().collect().schema["position"] == pl.Int64()
    assert repr(log) == "<MemoryLog of 4 events>"


def test_the_cases_of_the_specification_are_in_the_package() -> None:
    """A user can run them against any timeline."""
    names = [case.name for case in cases()]
    assert "podcast" in names
    assert names == sorted(names)
    assert all(case.questions for case in cases())
