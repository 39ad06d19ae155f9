"""One step of a ``reduce`` field: decode the event's payload and call the model's function."""

from datetime import datetime
from typing import Any, Final

import msgspec

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.operations._arguments import Arguments
from eventsource.operations._columns import unshared

__all__ = ["RawEvent", "call_function"]

RawEvent = tuple[str, str, datetime, int, str, str]
"""The members of an `Event` in their order: entity, type, at, position, event_id, and the payload as JSON text."""

_decode: Final = msgspec.json.Decoder().decode


def call_function(rule: Arguments, state: Any, raw: RawEvent) -> Any:
    """Return the state after an event; the state before it stays unchanged.

    Raises:
        FoldError: Python cannot hold a number of the payload (such as ``1e999``), or the function failed.
    """
    if rule.function is None:
        return state
    entity, type_, at, position, event_id, data = raw
    try:
        event = Event(entity, type_, at, position, event_id, _decode(data))
    except (ValueError, RecursionError) as error:
        why = f"the payload of {_describe(raw)} cannot be decoded: {error}"
        raise FoldError(
            f"field {rule.name!r}: {why}", hint="write a number that large as a text in JSON"
        ) from error
    try:
        return rule.function(unshared(state), event)
    except Exception as error:
        why = f"its function failed on {_describe(raw)}: {type(error).__name__}: {error}"
        raise FoldError(f"field {rule.name!r}: {why}", hint="correct the function in the model") from error


def _describe(raw: RawEvent) -> str:
    entity, type_, _, position, *_ = raw
    return f"{type_} at position {position} of {entity!r}"
