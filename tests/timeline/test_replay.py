"""`Timeline.replay`: one entity, event by event."""

import polars as pl
import pytest

import eventsource as es
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Replay


class Member(es.Model, created="Joined", deleted="Left"):
    """A member who may leave and come back."""

    visits = es.count("Visited")
    name = es.latest("Joined", of="name")


STORY = [
    event("Joined", "ada", at="2024-01-01", name="Ada"),
    event("Visited", "ada", at="2024-01-02"),
    event("Left", "ada", at="2024-01-03"),
    event("Visited", "ada", at="2024-01-04"),
    event("Joined", "ada", at="2024-01-05", name="Ada"),
]


@pytest.fixture
def replay() -> Replay:
    return es.Timeline(MemoryLog(STORY), Member).replay("ada")


def test_a_step_has_the_state_before_and_after_and_what_changed(replay: Replay) -> None:
    """The first step begins with the defaults."""
    first, second, *_ = replay
    assert first.before == {"visits": 0, "name": None}
    assert first.changed == {"name": (None, "Ada")}
    assert first.after == second.before == {"visits": 0, "name": "Ada"}
    assert second.changed == {"visits": (0, 1)}


def test_a_step_says_created_deleted_and_created_again(replay: Replay) -> None:
    """Events fold while the entity does not exist; the state that they leave is there when it is created again."""
    assert [step.existence for step in replay] == ["created", "", "deleted", "", "created again"]
    assert [step.exists_before for step in replay] == [False, True, True, False, False]
    assert [step.exists_after for step in replay] == [True, True, False, False, True]
    assert replay[-1].after["visits"] == 2


def test_a_model_without_created_events_exists_from_its_first_relevant_event() -> None:
    """Any relevant event that does not delete creates the entity, also again."""

    class Visitor(es.Model, deleted="Left"):
        visits = es.count("Visited")

    steps = es.Timeline(MemoryLog(STORY), Visitor).replay("ada")
    assert [step.existence for step in steps] == ["created", "deleted", "created again"]


def test_the_frame_has_a_row_per_step(replay: Replay) -> None:
    """``changed`` says what happened in words, existence first."""
    frame = replay.to_frame()
    assert frame.columns == ["at", "position", "type", "event_id", "changed", "data", "exists"]
    assert frame.select("type", "exists", "changed").rows() == [
        ("Joined", True, "created, name: null → Ada"),
        ("Visited", True, "visits: 0 → 1"),
        ("Left", False, "deleted"),
        ("Visited", False, "visits: 1 → 2"),
        ("Joined", True, "created again"),
    ]
    assert frame["data"][0] == '{"name":"Ada"}'


def test_the_frame_of_an_unknown_entity_has_the_same_columns_and_no_rows(replay: Replay) -> None:
    """Dtypes do not depend on whether there are steps."""
    unknown = es.Timeline(MemoryLog(STORY), Member).replay("eve")
    assert len(unknown) == 0
    assert unknown.to_frame().schema == replay.to_frame().schema
    assert unknown.to_frame()["at"].dtype == pl.Datetime("us", "UTC")


def test_the_text_says_what_happened(replay: Replay) -> None:
    """Printed, a replay has a line per event."""
    lines = repr(replay).splitlines()
    assert lines[0] == "Replay of ada: 5 events"
    assert lines[3].endswith("#2  Left  deleted")
    assert lines[5].endswith("#4  Joined  created again")


def test_booleans_are_lower_case_as_in_json() -> None:
    """In the summary, in the text, and in the state of the HTML."""

    class Present(es.Model):
        here = es.flag(on="Joined", off="Left")

    steps = es.Timeline(MemoryLog(STORY), Present).replay("ada")
    assert [step.summary for step in steps[1:]] == ["here: true → false", "here: false → true"]
    assert "here = true" in steps._repr_html_()
    assert "True" not in repr(steps)


def test_the_html_shows_no_state_of_an_entity_that_does_not_exist(replay: Replay) -> None:
    """Rows of steps after which the entity does not exist say so instead of a state."""
    rows = replay._repr_html_().split("<tr>")[2:]
    assert ["does not exist" in row for row in rows] == [False, False, True, True, False]
    assert "visits = 2<br>name = Ada" in rows[-1]


def test_upto_and_known_at_limit_the_events() -> None:
    """A replay sees the events that every other question sees."""
    timeline = es.Timeline(MemoryLog(STORY), Member)
    assert [step.type for step in timeline.replay("ada", upto=2)] == ["Joined", "Visited"]
    assert len(timeline.replay("ada", known_at="2024-01-03")) == 3
