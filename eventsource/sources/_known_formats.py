"""Formats that are recognised without a mapping: CloudEvents 1.0, and the calls of Segment and RudderStack."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from eventsource.sources._values import (
    MALFORMED,
    LineError,
    MappedLine,
    is_null,
    json_text,
    members,
    plain,
    read_object,
    read_text,
    read_time,
    shorten,
)

__all__ = ["known_format"]

_CLOUD_EVENT: Final = frozenset({"type", "time", "recordedtime", "data", "data_base64", "specversion"})
_CALLS: Final = frozenset({b'"track"', b'"identify"', b'"page"', b'"screen"', b'"group"', b'"alias"'})
_ENVELOPE: Final = frozenset({"stream", "occurred_at"})
_JSON: Final = "application/json"
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_check_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def known_format(line: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], MappedLine] | None:
    """Return the function that reads a line of a known format; None for all other lines."""
    if line.keys() >= _ENVELOPE:
        return None
    if "specversion" in line and str(plain(line["specversion"])).startswith("1."):
        return _cloud_event
    if "messageId" in line and "type" in line and bytes(line["type"]) in _CALLS:
        return _call
    return None


def _cloud_event(line: Mapping[str, Any]) -> MappedLine:
    """Read a CloudEvent: ``source`` and ``id`` together are unique; the stream is the subject, or the source."""
    source = read_text("source", line.get("source"))
    subject = line.get(_first(line, "subject") or "source")
    return MappedLine(
        event_id=f"{source}#{read_text('id', line.get('id'))}",
        stream=read_text("subject", subject),
        version=None,
        type=read_text("type", line.get("type")),
        occurred_at=read_time("time", line.get("time")),
        recorded_at=_time_or_none("recordedtime", line),
        data=_cloud_payload(line),
        metadata=_other_members(line, _CLOUD_EVENT),
    )


def _cloud_payload(line: Mapping[str, Any]) -> str:
    """Return the payload as an object; any other value becomes the only member of an object.

    JSON may be the member ``data`` itself, its text in a string, or its bytes in ``data_base64``. Whether it is
    JSON says ``datacontenttype``; without one it is. Bytes of another type stay as they are, as text of base64.
    """
    data, encoded = line.get("data"), line.get("data_base64")
    content_type = plain(line.get("datacontenttype")) or _JSON
    if not isinstance(content_type, str):
        raise LineError(f"datacontenttype is {shorten(content_type)}, not a text")
    kind, _, parameters = content_type.partition(";")
    is_json = kind.strip().lower().endswith(("/json", "+json"))
    if is_null(encoded):
        return "{}" if is_null(data) else _as_object(json_text(data), is_json=is_json)
    if not is_null(data):
        raise LineError("expected data or data_base64, got both")
    if not is_json:
        return f'{{"data_base64":{json_text(encoded)}}}'
    return _as_object(_decoded(plain(encoded), parameters), is_json=True)


def _decoded(encoded: Any, parameters: str) -> str:
    """Return the JSON text in base64; the parameters of its type may name a charset."""
    charset = _CHARSET.search(parameters)
    try:
        text = b64decode(encoded, validate=True).decode(charset[1] if charset else "utf-8").strip("\ufeff \t\r\n")
        _check_json(text or "null")
    except (*MALFORMED, TypeError, LookupError) as error:
        raise LineError(f"data_base64 is not JSON in base64: {error}") from error
    return text or "null"


def _as_object(text: str, *, is_json: bool) -> str:
    """Return the text of an object: the value itself, or what a string holds as JSON; else a member ``data``."""
    if is_json and text.startswith('"'):
        inner = str(plain(msgspec.Raw(text.encode()))).strip()
        text = inner if inner.startswith("{") and members(msgspec.Raw(inner.encode())) is not None else text
    if text == "null":
        return "{}"
    return text if text.startswith("{") else f'{{"data":{text}}}'


def _call(line: Mapping[str, Any]) -> MappedLine:
    """Read a call of Segment or RudderStack: the type of a ``track`` call is its event, of others their kind."""
    kind = read_text("type", line["type"])
    track = kind == "track"
    payload = _first(line, "properties") if track else _first(line, "traits", "properties")
    user, time = _first(line, "userId", "anonymousId"), _first(line, "timestamp", "originalTimestamp")
    mapped = {"messageId", "type", "receivedAt", payload or "properties"} | ({"event"} if track else set())
    return MappedLine(
        event_id=read_text("messageId", line["messageId"]),
        stream=read_text(user or "userId", line.get(user or "userId")),
        version=None,
        type=read_text("event", line.get("event")) if track else kind,
        occurred_at=read_time(time or "timestamp", line.get(time or "timestamp")),
        recorded_at=_time_or_none("receivedAt", line),
        data=read_object(payload, line[payload]) or "{}" if payload else "{}",
        metadata=_other_members(line, mapped),
    )


def _first(line: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of some names whose member is present, not null and not an empty text."""
    return next((name for name in names if name in line and bytes(line[name]) not in (b"null", b'""')), None)


def _time_or_none(name: str, line: Mapping[str, msgspec.Raw]) -> Any:
    return None if _first(line, name) is None else read_time(name, line[name])


def _other_members(line: Mapping[str, Any], mapped: frozenset[str] | set[str]) -> str | None:
    """Return the members that are not mapped as one JSON object; None if all are mapped."""
    others = [f"{json_text(key)}:{json_text(value)}" for key, value in line.items() if key not in mapped]
    return "{" + ",".join(others) + "}" if others else None
