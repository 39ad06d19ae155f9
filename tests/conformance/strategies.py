"""Random worlds for the laws: logs, models that fit them, and moments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from eventsource.plan import Plan
from tests.conformance.choices import choices
from tests.conformance.random_logs import (
    ABSENT,
    CORRECTIONS,
    DIRTY,
    GONE,
    INSTANTS,
    KINDS,
    MEMBERS,
    PARTS,
    STREAMS,
    logs,
    moments,
    with_corrections,
    zones,
)
from tests.conformance.random_plans import plans

__all__ = [
    "ABSENT",
    "GONE",
    "INSTANTS",
    "KINDS",
    "MEMBERS",
    "STREAMS",
    "World",
    "faulty_worlds",
    "logs",
    "moments",
    "plans",
    "with_corrections",
    "worlds",
    "zones",
]

_OF_MEMBERS = choices(len(MEMBERS))


@dataclass(frozen=True)
class World:
    """A log and a model that fits it: the events in order of arrival, and the plan."""

    events: list[dict[str, Any]]
    plan: Plan

    def without(self, keep: Any) -> list[dict[str, Any]]:
        """Return the events that ``keep`` takes, second arrivals left out."""
        first: dict[str, dict[str, Any]] = {}
        for event in self.events:
            first.setdefault(event["event_id"], event)
        return [event for event in first.values() if keep(event)]

    def as_read(self, upto: int | None = None, known_at: datetime | None = None) -> list[dict[str, Any]]:
        """Return a log without corrections that a question must read like this one: the slow, obvious way.

        Corrections and retracted events become events that belong to no entity, so that positions stay.
        """
        events = self.without(lambda _: True)
        position = {event["event_id"]: number for number, event in enumerate(events)}
        read = [event | {"recorded_at": _recorded_at(event)} for event in events]
        for number, event in enumerate(events[:upto]):
            target = position.get(event["data"].get("event_id"), len(events))
            if event["type"] not in CORRECTIONS:
                continue
            read[number] = _gone(read[number])
            if target >= number or events[target]["type"] in CORRECTIONS:
                continue
            if known_at is not None and _recorded_at(event) > known_at:
                continue
            original = events[target] | {"recorded_at": _recorded_at(events[target])}
            if event["type"] == "$retracted":
                read[target] = _gone(original)
            else:
                parts = {name: event["data"][name] for name in PARTS if name in event["data"]}
                read[target] = original | parts
        return [_gone(event) if event["type"] in CORRECTIONS else event for event in read]


def _recorded_at(event: dict[str, Any]) -> Any:
    return event["recorded_at"] or event["occurred_at"]


def _gone(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"type": GONE, "data": {}}


@st.composite
def worlds(draw: st.DrawFn, /, *, kinds: tuple[str, ...] = tuple(KINDS), **model: Any) -> World:
    """Return a log and a model over it.

    Args:
        draw: hypothesis' own.
        kinds: the kinds that members may have in one log.
        **model: see `plans`.
    """
    choose = draw(_OF_MEMBERS)
    members = {name: choose.one_of(kinds) for name in MEMBERS}
    return World(draw(with_corrections(draw(logs(members)), members)), draw(plans(members, **model)))


@st.composite
def faulty_worlds(draw: st.DrawFn, /, **model: Any) -> World:
    """Return a log whose members may hold anything, and a model over it; see `worlds`."""
    return draw(worlds(kinds=(DIRTY, DIRTY, *KINDS), **model))
