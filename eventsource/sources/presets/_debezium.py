"""Change events of Debezium, with or without their schema and key; see https://debezium.io/documentation."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eventsource.sources._values import LineError, is_null, members, plain
from eventsource.sources.presets._preset import Preset

__all__ = ["DEBEZIUM"]

_OPERATIONS: Final = {
    "c": "created",
    "u": "updated",
    "d": "deleted",
    "r": "read",
    "t": "truncated",
    "m": "message",
}
_PLACES: Final = ("lsn", "scn", "change_lsn", "pos", "ord", "sequence", "ts_us", "ts_ms")
"""Members of ``source`` that say where a change is in the log of its database; the first that is there counts."""


def _is_change(line: Mapping[str, Any]) -> bool:
    if not line.keys() & {"op", "payload", "value"}:
        return False
    value = _value(line)
    return value is not None and "op" in value and members(value.get("source")) is not None


def _value(line: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the change itself: what is in ``value`` of a record, and in ``payload`` beside a schema."""
    found = members(line["value"]) if "value" in line and "op" not in line else line
    return members(found["payload"]) if found is not None and "payload" in found else found


def _prepare(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a change as an event: the row after it (before it, where it was deleted) is the payload."""
    value = _value(line)
    if value is None or "op" not in value:
        raise LineError("expected a change event with op and source")
    source = members(value.get("source")) or {}
    operation = str(plain(value["op"]))
    row = value.get("after") if not is_null(value.get("after")) else value.get("before")
    names = ("db" if is_null(source.get("schema")) else "schema", "table")  # MySQL has no schemas
    table = ".".join(str(plain(source[name])) for name in names if not is_null(source.get(name)))
    key = _key(line, members(row) or {})
    record = {**value, "=type": f"{table}.{_OPERATIONS.get(operation, operation)}", "=data": row}
    if key is not None:
        record["=stream"] = f"{table}/{key}"
        place = next((str(plain(source[name])) for name in _PLACES if not is_null(source.get(name))), "")
        file = "" if is_null(source.get("file")) else f"{plain(source['file'])}:"
        record["=id"] = f"{table}/{key}@{file}{place}:{operation}"
    return [record]


def _key(line: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    """Return the key of the row: that of the record or message, else its ``id``; None: it must be mapped."""
    message_key = plain(line.get("@key"))
    key = members(line.get("key")) or members(msgspec.Raw(str(message_key).encode()))
    if key is not None and "payload" in key:
        key = members(key["payload"])
    values = [plain(value) for value in key.values()] if key else [plain(row.get("id", msgspec.Raw(b"null")))]
    return None if None in values else ",".join(map(str, values))


DEBEZIUM: Final = Preset(
    "debezium",
    "change events of Debezium",
    recognises=_is_change,
    prepare=_prepare,
    event_id="=id",
    stream="=stream",
    type="=type",
    occurred_at="source.ts_us|source.ts_ms|ts_ms",
    recorded_at="ts_us|ts_ms",
    data="=data",
    metadata="@rest",
    hidden=("after",),
)
