"""Events of KurrentDB as records: what has columns there has the same columns here.

What is not a JSON object is kept, and says so in its metadata::

    what                        type            data                       metadata
    JSON object                 as recorded     as recorded                as recorded
    other JSON                  as recorded     {"value": 5}               {"$flags": ["not-an-object"]}
    bytes                       as recorded     {"base64": "AAE="}         {"$flags": ["binary"]}
    redacted (0xFF bytes)       as recorded     {}                         {"$flags": ["redacted"]}
    tombstone                   Tombstone       {}                         {"$flags": ["tombstone"]}
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from kurrentdbclient import RecordedEvent

__all__ = ["TOMBSTONE", "is_wanted", "record_of"]

TOMBSTONE: Final = "$streamDeleted"
_LINK: Final = "$>"
_JSON: Final = "application/json"
_FLAGS: Final = "$flags"
_REDACTED: Final = b"\xff"
_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def is_wanted(event: RecordedEvent) -> bool:
    """Return whether an event is one of an application, or a tombstone: not a link, nor another system event."""
    return event.type == TOMBSTONE or not event.type.startswith("$")


def record_of(event: RecordedEvent) -> Mapping[str, Any]:
    """Return an event as members of the envelope."""
    data, flag = _data_of(event)
    metadata = _metadata_of(event.metadata, flag)
    is_tombstone = event.type == TOMBSTONE
    at = None if event.recorded_at is None else event.recorded_at.isoformat()
    return {
        "event_id": str(event.id),
        "stream": event.stream_name,
        "version": None if is_tombstone else event.stream_position,
        "type": "Tombstone" if is_tombstone else event.type,
        "occurred_at": at,
        "recorded_at": at,
        "data": data,
        "metadata": metadata,
    }


def _data_of(event: RecordedEvent) -> tuple[Any, str | None]:
    """Return the payload as an object, and the flag that says what it was if it was none."""
    raw = event.data
    if event.type == TOMBSTONE:
        return {}, "tombstone"
    if raw and not raw.strip(_REDACTED):
        return {}, "redacted"
    if event.content_type == _JSON or raw.lstrip().startswith(b"{"):
        try:
            value = _raw(raw)
            text = bytes(value).decode()
        except (msgspec.DecodeError, ValueError, RecursionError):
            return {"base64": base64.b64encode(raw).decode()}, "binary"
        return (value, None) if text.lstrip().startswith("{") else ({"value": value}, "not-an-object")
    return ({"base64": base64.b64encode(raw).decode()}, "binary") if raw else ({}, None)


def _metadata_of(raw: bytes, flag: str | None) -> Any:
    """Return the metadata with the flag; what is not a JSON object becomes ``base64``."""
    if not raw:
        return None if flag is None else {_FLAGS: [flag]}
    try:
        found: dict[str, Any] = dict(_members(raw))
    except (msgspec.DecodeError, ValueError, RecursionError):
        found = {"base64": base64.b64encode(raw).decode()}
    return found if flag is None else {**found, _FLAGS: [flag]}
