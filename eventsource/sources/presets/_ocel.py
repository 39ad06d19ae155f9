"""Events of OCEL 2.0, as `eventsource.sources._ocel` yields them."""

from collections.abc import Mapping
from typing import Any, Final

from eventsource.sources.presets._preset import Preset

__all__ = ["OCEL"]

_ROW: Final = frozenset({"object", "type", "time", "attributes"})


def _is_ocel(line: Mapping[str, Any]) -> bool:
    return line.keys() >= _ROW and line.keys() <= _ROW | {"event", "qualifier"}


def _prepare(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Add an id: that of the event and its object, or that of the change."""
    is_event = line.get("event") is not None
    named = [str(line[name]) for name in ("event", "object", "qualifier") if line.get(name) is not None]
    identity = named if is_event else [*named, str(line["time"])]
    data = {**line["attributes"], **({"event": line["event"]} if is_event else {})}
    if line.get("qualifier") is not None:
        data["qualifier"] = line["qualifier"]
    return [{**line, "=id": ":".join(identity), "=data": data}]


OCEL: Final = Preset(
    "ocel",
    "OCEL 2.0, object-centric event logs, as JSON, XML or SQLite",
    recognises=_is_ocel,
    prepare=_prepare,
    reader={"format": "ocel"},
    event_id="=id",
    stream="object",
    type="type",
    occurred_at="time",
    data="=data",
)
