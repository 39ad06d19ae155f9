"""Shapes of lines that are known by themselves: CloudEvents 1.0, and the calls of Segment and RudderStack."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from eventsource.sources._values import Mapped, is_null, json_text, plain, read_object, read_text, read_time

__all__ = ["recognised"]

_CLOUD: Final = frozenset({"type", "time", "recordedtime", "data", "data_base64", "specversion"})
_CALLS: Final = frozenset({b'"track"', b'"identify"', b'"page"', b'"screen"', b'"group"', b'"alias"'})
_OWN: Final = frozenset({"stream", "occurred_at"})


def recognised(line: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Mapped] | None:
    """Return how to read a line of a known shape; None for the envelope's own shape, and for all others."""
    if line.keys() >= _OWN:
        return None
    if "specversion" in line and str(plain(line["specversion"])).startswith("1."):
        return _cloud_event
    if "messageId" in line and "type" in line and bytes(line["type"]) in _CALLS:
        return _call
    return None


def _cloud_event(line: Mapping[str, Any]) -> Mapped:
    """CloudEvents: ``source`` and ``id`` together are unique; the subject is the stream, else the source."""
    source = read_text("source", line.get("source"))
    subject = line.get(_first(line, "subject") or "source")
    return Mapped(
        event_id=f"{source}#{read_text('id', line.get('id'))}",
        stream=read_text("subject", subject),
        version=None,
        type=read_text("type", line.get("type")),
        occurred_at=read_time("time", line.get("time")),
        recorded_at=_time_or_none("recordedtime", line),
        data=_cloud_payload(line),
        metadata=_members(line, _CLOUD),
    )


def _cloud_payload(line: Mapping[str, Any]) -> str:
    """Return ``data`` if it is an object; anything else as the one member of an object."""
    data = line.get("data")
    if is_null(data):
        encoded = line.get("data_base64")
        return "{}" if is_null(encoded) else f'{{"data_base64":{json_text(encoded)}}}'
    text = json_text(data)
    return text if text.startswith("{") else f'{{"data":{text}}}'


def _call(line: Mapping[str, Any]) -> Mapped:
    """Segment, RudderStack: ``track`` calls are events by name, other calls by their kind."""
    kind = read_text("type", line["type"])
    track = kind == "track"
    payload = _first(line, "properties") if track else _first(line, "traits", "properties")
    user, time = _first(line, "userId", "anonymousId"), _first(line, "timestamp", "originalTimestamp")
    taken = {"messageId", "type", "receivedAt", payload or "properties"} | ({"event"} if track else set())
    return Mapped(
        event_id=read_text("messageId", line["messageId"]),
        stream=read_text(user or "userId", line.get(user or "userId")),
        version=None,
        type=read_text("event", line.get("event")) if track else kind,
        occurred_at=read_time(time or "timestamp", line.get(time or "timestamp")),
        recorded_at=_time_or_none("receivedAt", line),
        data=read_object(payload, line[payload]) or "{}" if payload else "{}",
        metadata=_members(line, taken),
    )


def _first(line: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of some members that is there, and neither null nor an empty text."""
    return next((name for name in names if name in line and bytes(line[name]) not in (b"null", b'""')), None)


def _time_or_none(name: str, line: Mapping[str, msgspec.Raw]) -> Any:
    return None if _first(line, name) is None else read_time(name, line[name])


def _members(line: Mapping[str, Any], taken: frozenset[str] | set[str]) -> str | None:
    kept = [f"{json_text(key)}:{json_text(value)}" for key, value in line.items() if key not in taken]
    return "{" + ",".join(kept) + "}" if kept else None
