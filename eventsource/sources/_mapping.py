"""Mappings: which member of a line is which column of the envelope, and which shapes are known by themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import msgspec

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE

__all__ = ["UNITS", "FieldMapping", "Mapped", "Misfit", "recognised"]

UNITS: Final[Mapping[str, int]] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units of epoch numbers → how many make a second."""

_encode: Final = msgspec.json.Encoder().encode


class Misfit(Exception):  # noqa: N818 - never leaves this package: it becomes a reason
    """A line that cannot be taken, and why."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The members of one line as columns of the envelope; times as they stood."""

    event_id: str
    stream: str
    version: int | None
    type: str
    occurred_at: str | int | float | date
    recorded_at: str | int | float | date | None
    data: str
    metadata: str | None


@dataclass(frozen=True)
class FieldMapping:
    """Which member is which column.

    Args:
        paths: column → dotted path of a member; columns not named are found under their own name
            (``event_id`` also under ``id``).
        constants: column → a text that stands for every line.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column in (*self.paths, *self.constants):
            if column not in ENVELOPE:
                raise SourceError(
                    f"{column!r} is not a column of the envelope", hint=f"columns: {', '.join(ENVELOPE)}"
                )

    @property
    def explicit(self) -> bool:
        """Whether anything was mapped by hand."""
        return bool(self.paths or self.constants)

    def apply(self, line: Mapping[str, Any]) -> Mapped:
        """Return the envelope of one line.

        Args:
            line: the members of the line; values may be raw JSON (`msgspec.Raw`), which stays verbatim.

        Raises:
            Misfit: a member is missing or has the wrong type.
        """
        found = {column: self._find(line, column) for column in ENVELOPE}
        data = found["data"]
        payload = self._rest(line) if "data" not in self.paths and "data" not in line else _object("data", data)
        return Mapped(
            event_id=_text("event_id", found["event_id"]),
            stream=_text("stream", found["stream"]),
            version=_integer(found["version"]),
            type=_text("type", found["type"]),
            occurred_at=_time("occurred_at", found["occurred_at"]),
            recorded_at=None
            if _value(found["recorded_at"]) is None
            else _time("recorded_at", found["recorded_at"]),
            data=payload or "{}",
            metadata=_object("metadata", found["metadata"]),
        )

    def path(self, column: str, line: Mapping[str, Any]) -> str:
        """Return the path under which a column is looked for."""
        if column in self.paths:
            return self.paths[column]
        return "id" if column == "event_id" and "event_id" not in line else column

    def _find(self, line: Mapping[str, Any], column: str) -> Any:
        if column in self.constants:
            return self.constants[column]
        value: Any = line
        for key in self.path(column, line).split("."):
            value = _value(value) if isinstance(value, msgspec.Raw) else value
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def _rest(self, line: Mapping[str, Any]) -> str:
        """Return what is not mapped, verbatim, as the text of one object."""
        taken = {self.path(column, line).split(".")[0] for column in ENVELOPE if column != "data"}
        members = (f"{_json(key)}:{_json(value)}" for key, value in line.items() if key not in taken)
        return "{" + ",".join(members) + "}"


def recognised(line: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Mapped] | None:
    """Return how to read a line of a shape that is known by itself, or None.

    CloudEvents 1.0, and the calls of Segment and RudderStack.
    """
    if "specversion" in line and str(_value(line["specversion"])).startswith("1."):
        return _cloud_event
    if "messageId" in line and _value(line.get("type")) in _SEGMENT:
        return _segment
    return None


_CLOUD: Final = frozenset({"type", "time", "recordedtime", "data", "data_base64", "specversion"})
_SEGMENT: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})
_SEGMENT_TAKEN: Final = frozenset({"messageId", "event", "type", "properties", "traits", "receivedAt"})


def _cloud_event(line: Mapping[str, Any]) -> Mapped:
    """CloudEvents: ``source`` and ``id`` together are unique; the subject is the stream, else the source."""
    source = _text("source", line.get("source"))
    data = line.get("data")
    if "data_base64" in line:
        payload = f'{{"data_base64":{_json(line["data_base64"])}}}'
    elif isinstance(_value(data), dict | None):
        payload = _object("data", data) or "{}"
    else:
        payload = f'{{"data":{_json(data)}}}'
    rest = {key: value for key, value in line.items() if key not in _CLOUD}
    return Mapped(
        event_id=f"{source}#{_text('id', line.get('id'))}",
        stream=_text("subject", line.get("subject") or source),
        version=None,
        type=_text("type", line.get("type")),
        occurred_at=_time("time", line.get("time")),
        recorded_at=None
        if _value(line.get("recordedtime")) is None
        else _time("recordedtime", line["recordedtime"]),
        data=payload,
        metadata=_members(rest),
    )


def _segment(line: Mapping[str, Any]) -> Mapped:
    """Segment, RudderStack: ``track`` calls are events by name, other calls by their kind."""
    kind = str(_value(line["type"]))
    user = line.get("userId") if _value(line.get("userId")) is not None else line.get("anonymousId")
    time = line.get("timestamp") or line.get("originalTimestamp")
    payload = line.get("properties") if kind == "track" else line.get("traits") or line.get("properties")
    rest = {key: value for key, value in line.items() if key not in _SEGMENT_TAKEN}
    return Mapped(
        event_id=_text("messageId", line["messageId"]),
        stream=_text("userId", user),
        version=None,
        type=_text("event", line.get("event")) if kind == "track" else kind,
        occurred_at=_time("timestamp", time),
        recorded_at=None if _value(line.get("receivedAt")) is None else _time("receivedAt", line["receivedAt"]),
        data=_object("properties", payload) or "{}",
        metadata=_members(rest),
    )


def _value(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _json(value: Any) -> str:
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else _encode(value).decode()


def _members(members: Mapping[str, Any]) -> str | None:
    return (
        "{" + ",".join(f"{_json(key)}:{_json(value)}" for key, value in members.items()) + "}" if members else None
    )


def _text(name: str, raw: Any) -> str:
    value = _value(raw)
    if value is None:
        raise Misfit(f"{name} is missing")
    if isinstance(value, str):
        if not value:
            raise Misfit(f"{name} is empty")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Misfit(f"{name} is {_shown(value)}, not a text")


def _integer(raw: Any) -> int | None:
    value = _value(raw)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)  # in CSV everything is text
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    raise Misfit(f"version is {_shown(value)}, not an integer")


def _time(name: str, raw: Any) -> str | int | float | date:
    value = _value(raw)
    if value is None or value == "":
        raise Misfit(f"{name} is missing")
    if isinstance(value, str | int | float | date) and not isinstance(value, bool):
        return value
    raise Misfit(f"{name} is {_shown(value)}, not a time")


def _object(name: str, raw: Any) -> str | None:
    """Return the text of an object: verbatim, or what a text holds."""
    text = bytes(raw).decode() if isinstance(raw, msgspec.Raw) else raw
    value = _value(raw)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        text, value = value, _parsed(name, value)
    if not isinstance(value, dict):
        raise Misfit(f"{name} is {_shown(value)}, not an object")
    return text if isinstance(text, str) else _json(value)


def _parsed(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Misfit(f"{name} is a text that holds no JSON object: {_shown(text)}") from error


def _shown(value: Any) -> str:
    return _encode(value).decode()[:60]
