"""XES, the format of process mining (IEEE 1849): a log has traces, a trace has events, all have attributes.

Example::

    <trace>                                                     {"case": "7", "index": 0,
      <string key="concept:name" value="7"/>                     "trace": {"region": "EU"},
      <string key="region" value="EU"/>                          "concept:name": "Sent", "cost": 1.5,
      <event>                                                    "time:timestamp": "2024-01-01T09:00:00+01:00"}
        <string key="concept:name" value="Sent"/>
        <float key="cost" value="1.5"/>
        <date key="time:timestamp" value="2024-01-01T09:00:00+01:00"/>
      </event>
    </trace>
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from eventsource.sources._values import MALFORMED
from eventsource.sources._xml import elements, local_name

__all__ = ["xes_rows"]

_NAME: Final = "concept:name"
_SIMPLE: Final = frozenset({"string", "date", "id"})


def xes_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the events of a file of XES, as members.

    ``case`` is the name of the trace (``trace 3`` if it has none). ``index`` counts its events from 0.
    ``trace`` has the attributes of the trace that come before the event, without its name.

    Raises:
        UnreadableError: the file is not XML.
    """
    traces = index = 0
    for element, around in elements(path, ("event", "trace")):
        if local_name(element) == "trace":
            traces, index = traces + 1, 0
            continue
        if not around or local_name(around[-1]) != "trace":
            continue
        trace = _attributes(around[-1])
        case = trace.pop(_NAME, f"trace {traces + 1}")
        yield {"case": case, "index": index, "trace": trace, **_attributes(element)}
        index += 1


def _attributes(element: ET.Element) -> dict[str, Any]:
    return {child.get("key", ""): _value(child) for child in element if child.get("key") is not None}


def _value(attribute: ET.Element) -> Any:
    """Return the value of an attribute; numbers verbatim, lists as arrays, containers as objects."""
    kind, text = local_name(attribute), attribute.get("value", "")
    if kind in _SIMPLE:
        return text
    if kind == "boolean":
        return text.strip().lower() in {"true", "1"}
    if kind == "list":
        return [{child.get("key", ""): _value(child)} for values in attribute for child in values]
    if kind == "container":
        return _attributes(attribute)
    try:
        return msgspec.json.decode(text.strip(), type=msgspec.Raw)
    except MALFORMED:
        return text  # such as INF: no number of JSON
