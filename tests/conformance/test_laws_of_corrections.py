"""Corrections: a log with them is read like a log in which the events were right from the beginning."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.moment import last_instant
from tests.conformance.answers import answer_of, assert_same, timeline
from tests.conformance.stored import Question, questions, views
from tests.conformance.strategies import World, moments, worlds


@pytest.mark.parametrize("engine", [PolarsEngine, ReferenceEngine])
@given(worlds(), views(16), st.data())
def test_corrected_events_are_read_as_if_they_had_been_right(
    engine: type[Engine], world: World, view: dict[str, Any], data: st.DataObject
) -> None:
    """Any question of any view gives the values and dtypes of a log that never had a wrong event."""
    if view["known_at"] is not None:
        view["known_at"] = last_instant(view["known_at"])
    read = world.as_read(**view)
    found, expected = timeline(world.events, world.plan, engine()), timeline(read, world.plan, engine())
    for question in data.draw(st.lists(questions(world.plan, len(read), view), min_size=1, max_size=4)):
        replace(question, ask=_without_notes(question.ask)).same(found, expected)


def _without_notes(ask: Question) -> Question:
    return lambda t: ask(t).drop("corrected", strict=False)


@given(worlds(), st.integers(0, 16), st.none() | moments())
def test_an_answer_before_a_correction_stays_what_it_was(world: World, upto: int, when: Any) -> None:
    """With ``upto``, later corrections change nothing: the log may as well end there."""
    whole, cut = timeline(world.events, world.plan), timeline(world.without(lambda _: True)[:upto], world.plan)
    for question in (lambda t: t.as_of(when, upto=upto), lambda t: t.history(upto=upto)):
        assert_same(answer_of(question, whole), answer_of(question, cut))
