"""The calls of Segment and RudderStack; see https://segment.com/docs/connections/spec/common."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from eventsource.sources._values import is_null, plain
from eventsource.sources.presets._preset import Preset

__all__ = ["SEGMENT"]

_CALLS: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})
_EMPTY: Final = msgspec.Raw(b"{}")


def _is_call(line: Mapping[str, Any]) -> bool:
    return "messageId" in line and "type" in line and plain(line["type"]) in _CALLS


def _prepare(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a call: the type of a ``track`` call is its event, of others their kind; the payload follows it."""
    is_track = plain(line["type"]) == "track"
    payloads = ("properties",) if is_track else ("traits", "properties")
    payload = next((name for name in payloads if not is_null(line.get(name))), None)
    record = dict(line)
    record["=data"] = record.pop(payload) if payload else _EMPTY
    record["=type"] = record.pop("event", None) if is_track else line["type"]
    time = _corrected_time(line)
    return [record if time is None else {**record, "=time": time}]


def _corrected_time(line: Mapping[str, Any]) -> str | None:
    """Return the time of a call without ``timestamp``, by Segment's rule for clocks that are wrong.

    That is ``receivedAt`` - (``sentAt`` - ``originalTimestamp``); None if one of them is missing.
    """
    if not is_null(line.get("timestamp")):
        return None
    try:
        names = ("originalTimestamp", "sentAt", "receivedAt")
        made, sent, received = (datetime.fromisoformat(str(plain(line[name]))) for name in names)
        return (received - (sent - made)).isoformat()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


SEGMENT: Final = Preset(
    "segment",
    "calls of Segment and RudderStack",
    recognises=_is_call,
    prepare=_prepare,
    event_id="messageId",
    stream="{userId|anonymousId}",
    type="=type",
    occurred_at="timestamp|=time|originalTimestamp|sentAt|receivedAt",
    recorded_at="receivedAt",
    data="=data",
    metadata="@rest",
    hidden=("type",),
)
