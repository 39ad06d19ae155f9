"""Events as a program has them, and as the store returns them."""

import builtins
import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import msgspec

from eventsource.errors import FrameError
from eventsource.texts import is_text

__all__ = ["NewEvent", "StoredEvent", "new_events"]

T = TypeVar("T")

_ENVELOPE: Final = ("event_id", "type", "occurred_at", "metadata")
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_FORMS: Final = "a dict with a type, a dataclass, a msgspec Struct or a pydantic model"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is to be appended; ``data`` and ``metadata`` are JSON texts."""

    event_id: str
    type: str
    occurred_at: datetime
    data: str
    metadata: str | None


@dataclass(frozen=True)
class StoredEvent:
    """An event of the store.

    Args:
        stream: the stream.
        version: its number in the stream, from 1.
        event_id: its id.
        type: its type.
        occurred_at: valid time, in UTC.
        recorded_at: when the database recorded it, in UTC.
        position: its number in the store. Positions grow in a stream; on PostgreSQL, events of other streams may
            become visible in another order.
        text: the payload, the JSON text of an object.
        metadata_text: the JSON text of an object, or None.
        checkpoint: where it is in the order of `EventStore.read_all`, for its argument ``after``; None if it was
            read with `EventStore.read`.
    """

    stream: str
    version: int
    event_id: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    position: int
    text: str
    metadata_text: str | None = None
    checkpoint: str | None = None

    @cached_property
    def data(self) -> dict[str, Any]:
        """The payload."""
        found: dict[str, Any] = msgspec.json.decode(self.text)
        return found

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The metadata; empty if there is none."""
        found: dict[str, Any] = msgspec.json.decode(self.metadata_text or "{}")
        return found

    def to(self, kind: builtins.type[T]) -> T:
        """Return the event as an object of a class: a dataclass, a msgspec Struct or a pydantic model.

        Fields named ``event_id``, ``occurred_at``, ``metadata`` and ``type`` get those of the event.
        """
        names = _field_names(kind)
        own = {"event_id": self.event_id, "occurred_at": self.occurred_at, "type": self.type}
        members = {**self.data, **{name: value for name, value in own.items() if name in names}}
        if "metadata" in names:
            members["metadata"] = self.metadata
        validate = getattr(kind, "model_validate", None)  # of pydantic, which is not imported for this
        if validate is not None:
            model: T = validate(members)
            return model
        return msgspec.convert(members, kind, strict=False)


def new_events(events: Iterable[Any]) -> list[NewEvent]:
    """Return events of any form as `NewEvent` objects.

    Raises:
        FrameError: one of them has no type, or a part that an event cannot have.
    """
    found = [_new_event(number, event) for number, event in enumerate(events)]
    if not found:
        raise FrameError("expected at least one event to append, got none", hint="append([event])")
    ids = {event.event_id for event in found}
    if len(ids) < len(found):
        raise FrameError(
            f"expected an event_id of its own for each of {len(found)} events, got {len(ids)} ids",
            hint="leave event_id out to get a new one",
        )
    return found


def _new_event(number: int, event: Any) -> NewEvent:
    if isinstance(event, NewEvent):
        return event
    members = dict(event) if isinstance(event, Mapping) else _members(event)
    kind = members.get("type") if isinstance(event, Mapping) else members.get("type", _type_of(event))
    own = {name: members.pop(name, None) for name in _ENVELOPE}
    data = members
    if isinstance(event, Mapping) and "data" in members:
        data = members.pop("data")
        if members:
            raise FrameError(
                f"event {number}: expected no members beside {', '.join(_ENVELOPE)} and data, "
                f"got {', '.join(map(repr, members))}",
                hint="put them into data, or leave data out: then all other members are the payload",
            )
    return NewEvent(
        event_id=_text(number, "event_id", str(uuid4()) if own["event_id"] is None else own["event_id"]),
        type=_text(number, "type", kind),
        occurred_at=_instant(number, own["occurred_at"]),
        data=_object(number, "data", data),
        metadata=None if own["metadata"] is None else _object(number, "metadata", own["metadata"]),
    )


def _members(event: Any) -> dict[str, Any]:
    if isinstance(event, msgspec.Struct):
        return {name: getattr(event, name) for name in event.__struct_fields__}
    if dataclasses.is_dataclass(event) and not isinstance(event, type):
        return {each.name: getattr(event, each.name) for each in dataclasses.fields(event)}
    if hasattr(event, "model_dump"):  # pydantic, which is not imported for this
        return dict(event.model_dump(mode="json"))
    raise FrameError(f"expected {_FORMS}, got {event!r}", hint='{"type": "OrderPlaced", "amount": 10}')


def _type_of(event: Any) -> str:
    """Return the type of an object: the tag of a Struct, or the name of its class."""
    tag = event.__struct_config__.tag if isinstance(event, msgspec.Struct) else None
    return tag if isinstance(tag, str) else type(event).__name__


def _field_names(kind: type) -> frozenset[str]:
    if dataclasses.is_dataclass(kind):
        return frozenset(each.name for each in dataclasses.fields(kind))
    return frozenset(getattr(kind, "__struct_fields__", ()) or getattr(kind, "model_fields", ()))


def _text(number: int, name: str, value: Any) -> str:
    text = str(value) if isinstance(value, UUID) else value
    if not is_text(text) or not text or "\0" in text:
        raise FrameError(
            f"event {number}: {name}: expected a text that is not empty and has no NUL, got {value!r}",
            hint='{"type": "OrderPlaced", "data": {…}}',
        )
    return text


def _instant(number: int, value: Any) -> datetime:
    if value is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(at, datetime) and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise FrameError(
        f"event {number}: occurred_at: expected a datetime with a zone, got {value!r}", hint="datetime.now(UTC)"
    )


def _check_finite(value: Any) -> None:
    """Raise a `ValueError` if there is a number that JSON does not have, which the encoder writes as null."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"JSON has no number {value}")
    if isinstance(value, Mapping):
        value = value.values()
    elif dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
        value = _members(value).values()
    elif not isinstance(value, list | tuple | set | frozenset):
        return
    for each in value:
        _check_finite(each)


def _object(number: int, name: str, value: Any) -> str:
    """Return the JSON text of an object; a text that is one stays verbatim."""
    try:
        text = value if isinstance(value, str) else _encode(value).decode()
        text.encode()
        if text is not value and "null" in text:
            _check_finite(value)
        if text is value or not text.startswith("{"):  # what msgspec has written is JSON
            msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FrameError(
            f"event {number}: {name}: expected what JSON writes as an object: {error}",
            hint=f'{name}={{"amount": 10}}',
        ) from error
    return text
