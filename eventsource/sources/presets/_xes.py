"""Events of XES, as `eventsource.sources._xes` yields them."""

from typing import Final

from eventsource.sources.presets._preset import Preset, has

__all__ = ["XES"]

XES: Final = Preset(
    "xes",
    "XES (IEEE 1849), event logs of process mining",
    recognises=has("case", "index", "trace"),
    reader={"format": "xes"},
    event_id="{case}:{index}",
    stream="{case}",
    type="concept:name",
    occurred_at="time:timestamp",
    hidden=("case", "index"),
)
