"""Tests of models: given some events, then the state of an entity."""

from itertools import count
from typing import Any, Self

from eventsource.fold import Engine
from eventsource.model import Model
from eventsource.moment import Moment
from eventsource.plan import Plan
from eventsource.testing._memory_log import MemoryLog
from eventsource.timeline import Timeline

__all__ = ["Given", "event", "given"]

_numbers = count(1)


def event(
    type: str,  # noqa: A002 - the envelope's own word
    stream: str = "entity-1",
    *,
    at: Any,
    recorded_at: Any = None,
    event_id: str | None = None,
    version: int | None = None,
    **data: Any,
) -> dict[str, Any]:
    """Return one event; keywords are its payload.

    Args:
        type: the event type.
        stream: the stream it was written to.
        at: ``occurred_at``, a datetime or an ISO 8601 text.
        recorded_at: default: ``at``.
        event_id: default: an id that no other event of this process has.
        version: its number in its stream.
        **data: members of the payload; a nested member is a dict.

    Returns:
        The event as a dict, for `given` and `MemoryLog`.
    """
    return {
        "event_id": event_id or f"event-{next(_numbers)}",
        "stream": stream,
        "version": version,
        "type": type,
        "occurred_at": at,
        "recorded_at": recorded_at,
        "data": data,
    }


def given(
    model: type[Model] | Plan, *events: dict[str, Any], tz: str = "UTC", engine: Engine | None = None
) -> "Given":
    """Return the events as a model sees them, ready for `Given.then`.

    Args:
        model: a model or a plan.
        *events: the events in order of arrival, as `event` makes them.
        tz: the time zone of moments without one.
        engine: the engine that folds; default: that of `Timeline`.
    """
    return Given(Timeline(MemoryLog(list(events)), model, tz=tz, engine=engine))


class Given:
    """Some events and the states that follow from them.

    Args:
        timeline: the timeline over the events, for all questions other than `then`.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def then(self, entity: str, when: Moment | None = None, **fields: Any) -> Self:
        """Assert that an entity exists at a moment and that some of its fields have these values.

        Args:
            entity: the entity.
            when: the moment, inclusive; default: after all events.
            **fields: expected values by the name of the field.

        Raises:
            AssertionError: the entity does not exist, or a field differs; the message explains each field.
            ModelError: the model has no such field.
        """
        for name in fields:
            self.timeline.plan.rule(name)
        state = self._state(entity, when)
        assert state is not None, f"{entity} does not exist {_moment_text(when)}"  # noqa: S101 - a test kit asserts
        wrong = {name: state[name] for name, value in fields.items() if state[name] != value}
        if wrong:
            expected = {name: fields[name] for name in wrong}
            why = self.timeline.explain(entity, when)
            message = f"{entity} {_moment_text(when)}: expected {expected}, got {wrong}\n{why}"
            raise AssertionError(message)
        return self

    def then_absent(self, entity: str, when: Moment | None = None) -> Self:
        """Assert that an entity does not exist at a moment (default: after all events)."""
        state = self._state(entity, when)
        assert state is None, f"{entity} exists {_moment_text(when)}: {state}"  # noqa: S101 - a test kit asserts
        return self

    def _state(self, entity: str, when: Moment | None) -> dict[str, Any] | None:
        states = self.timeline.as_of(when).rows_by_key("entity", named=True, unique=True)
        return states.get(entity)


def _moment_text(when: Moment | None) -> str:
    return "now" if when is None else f"as of {when}"
