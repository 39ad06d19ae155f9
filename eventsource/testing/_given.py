"""Given some events, then the state: tests of models that read like sentences."""

from itertools import count
from typing import Any, Self

from eventsource.fold import Engine
from eventsource.model import Model
from eventsource.moment import Moment
from eventsource.plan import Plan
from eventsource.testing._memory import MemoryLog
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
    **data: Any,
) -> dict[str, Any]:
    """Return one event; keywords are its payload.

    Args:
        type: the event type.
        stream: the stream it was written to.
        at: ``occurred_at``: a datetime or an ISO 8601 text.
        recorded_at: default: ``at``.
        event_id: default: one that no other event of this process has.
        **data: members of the payload; nested ones as dicts.
    """
    return {
        "event_id": event_id or f"event-{next(_numbers)}",
        "stream": stream,
        "type": type,
        "occurred_at": at,
        "recorded_at": recorded_at,
        "data": data,
    }


def given(
    model: type[Model] | Plan, *events: dict[str, Any], tz: str = "UTC", engine: Engine | None = None
) -> "Given":
    """Return what follows from some events, in order of arrival, as a model sees them."""
    return Given(Timeline(MemoryLog(list(events)), model, tz=tz, engine=engine))


class Given:
    """Events that happened; `then` says what is so.

    Args:
        timeline: the timeline over them, for all other questions.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def then(self, entity: str, when: Moment | None = None, **fields: Any) -> Self:
        """Assert that an entity exists and that some of its fields have these values.

        Raises:
            AssertionError: says what was found instead, and which events made it so.
            ModelError: there is no such field.
        """
        for name in fields:
            self.timeline.plan.rule(name)
        state = self._state(entity, when)
        assert state is not None, f"{entity} does not exist {_told(when)}"  # noqa: S101 - a test kit asserts
        wrong = {name: state[name] for name, value in fields.items() if state[name] != value}
        if wrong:
            expected = {name: fields[name] for name in wrong}
            why = self.timeline.explain(entity, when)
            message = f"{entity} {_told(when)}: expected {expected}, found {wrong}\n{why}"
            raise AssertionError(message)
        return self

    def then_absent(self, entity: str, when: Moment | None = None) -> Self:
        """Assert that an entity does not exist at a moment."""
        state = self._state(entity, when)
        assert state is None, f"{entity} exists {_told(when)}: {state}"  # noqa: S101 - a test kit asserts
        return self

    def _state(self, entity: str, when: Moment | None) -> dict[str, Any] | None:
        states = self.timeline.as_of(when).rows_by_key("entity", named=True, unique=True)
        return states.get(entity)


def _told(when: Moment | None) -> str:
    return "now" if when is None else f"as of {when}"
