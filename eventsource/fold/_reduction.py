"""One step of a ``reduce`` field: an event's payload decoded, and the model's own function called."""

from datetime import datetime
from typing import Any, Final

import msgspec

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.fold._columns import unshared
from eventsource.plan import Rule

__all__ = ["Told", "reduced"]

Told = tuple[str, str, datetime, int, str, str]
"""What an `Event` is made of, in its order, but for the payload, which is its text."""

_decode: Final = msgspec.json.Decoder().decode


def reduced(rule: Rule, state: Any, told: Told) -> Any:
    """Return the state after an event; ``state``, the one before it, stays as it is.

    Raises:
        FoldError: a payload that no Python value holds (``1e999``), or a function that failed.
    """
    if rule.function is None:
        return state
    entity, kind, at, position, event_id, data = told
    try:
        event = Event(entity, kind, at, position, event_id, _decode(data))
    except (ValueError, RecursionError) as error:
        why = f"the payload of {_named(told)} cannot be decoded: {error}"
        raise FoldError(f"field {rule.name!r}: {why}", hint="a number too large is a text in JSON") from error
    try:
        return rule.function(unshared(state), event)
    except Exception as error:
        why = f"its function failed on {_named(told)}: {type(error).__name__}: {error}"
        raise FoldError(f"field {rule.name!r}: {why}") from error


def _named(told: Told) -> str:
    entity, kind, _, position, *_ = told
    return f"{kind} at position {position} of {entity!r}"
