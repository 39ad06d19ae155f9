"""The public test kit: given events, then the state; and a kit that can fail."""

from datetime import UTC, datetime

import polars as pl
import pytest

import eventsource as es
from eventsource.fold import ReferenceEngine
from eventsource.testing import MemoryLog, cases, event, given


class Customer(es.Model, created="Joined", deleted="Left"):
    """Enough of a customer."""

    city = es.latest("Joined", "Moved", of="address.city")
    premium = es.flag(on="Bought", off="Cancelled")


STORY = (
    event("Joined", at="2024-01-01", address={"city": "Gdynia"}),
    event("Bought", at="2024-02-01T12:00:00Z"),
    event("Moved", at="2024-03-01", address={"city": "Łódź"}, recorded_at="2024-03-05"),
    event("Left", at="2024-06-15"),
)


@pytest.mark.parametrize("engine", [None, ReferenceEngine()])
def test_a_story_reads_like_sentences(engine: ReferenceEngine | None) -> None:
    """Given events, then the state at moments, in one chain."""
    (
        given(Customer, *STORY, engine=engine)
        .then_absent("entity-1", "2023-12-31")
        .then("entity-1", "2024-01-01", city="Gdynia", premium=False)
        .then("entity-1", datetime(2024, 3, 1, tzinfo=UTC), city="Łódź", premium=True)
        .then_absent("entity-1", "2024-06-15")
        .then_absent("entity-1")
    )


def test_a_wrong_expectation_says_what_is_and_why() -> None:
    """The message has what was expected, what was found, and the event that made it so."""
    story = given(Customer, *STORY)
    with pytest.raises(AssertionError, match=r"(?s)expected .*Sopot.*found .*Łódź.*Moved"):
        story.then("entity-1", "2024-03-01", city="Sopot")
    with pytest.raises(AssertionError, match="does not exist now"):
        story.then("entity-1", premium=False)
    with pytest.raises(AssertionError, match="exists as of 2024-01-02"):
        story.then_absent("entity-1", "2024-01-02")


def test_a_field_that_is_none_is_an_error() -> None:
    """An expectation about a field that the model lacks never passes."""
    with pytest.raises(es.EventsourceError, match="no field 'town'"):
        given(Customer, *STORY).then("entity-1", "2024-03-01", town="Łódź")


def test_the_timeline_is_there_for_all_other_questions() -> None:
    """Whatever a timeline answers can be asserted."""
    changes = given(Customer, *STORY, tz="Europe/Warsaw").timeline.changes("city")
    assert changes["after"].to_list() == ["Gdynia", "Łódź"]


def test_events_have_ids_of_their_own() -> None:
    """Two events are two, unless they are given one id."""
    assert event("A", at="2024-01-01")["event_id"] != event("A", at="2024-01-01")["event_id"]
    log = MemoryLog([event("A", at="2024-01-01", event_id="x"), event("B", at="2024-01-02", event_id="x")])
    assert (len(log), log.head) == (1, 1)
    assert log.scan().collect()["type"].to_list() == ["A"]


def test_a_log_in_memory_scans_as_a_log_does() -> None:
    """Positions are dense, in order of arrival; start and upto are half-open, types select."""
    log = MemoryLog([event(kind, at="2024-01-01") for kind in "ABCA"])
    assert log.scan(start=1, upto=3).collect()["type"].to_list() == ["B", "C"]
    assert log.scan(types=("A",)).collect()["position"].to_list() == [0, 3]
    assert log.scan().collect().schema["position"] == pl.Int64()
    assert repr(log) == "<MemoryLog of 4 events>"


def test_the_cases_of_the_specification_are_shipped() -> None:
    """Whoever installs the package can run them against a timeline of their own."""
    names = [case.name for case in cases()]
    assert "podcast" in names
    assert names == sorted(names)
    assert all(case.questions for case in cases())
