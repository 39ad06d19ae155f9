"""Charts as drawings: what a page shows where scripts do not run, and until they do."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import vl_convert
from markupsafe import Markup

from eventsource.charts import LIGHT

__all__ = ["still"]

_WIDTH: Final = 680
_INK: Final[dict[str, Any]] = {
    "axis": {"labelColor": "#5d6670", "titleColor": "#5d6670", "gridColor": "#dfe3e8", "tickColor": "#dfe3e8"},
    "legend": {"labelColor": "#1c1f23", "titleColor": "#5d6670"},
    "text": {"color": "#1c1f23"},
}
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TWO_HALVES: Final = re.compile("[\U00010000-\U0010ffff]")
"""Characters that JavaScript holds as two, such as emoji."""
_VARIABLES: Final = {
    "#5d6670": "var(--soft)",
    "#dfe3e8": "var(--rule)",
    "#1c1f23": "var(--ink)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(LIGHT)},
}
"""Colours of the drawing → variables of the style sheet, so that it follows the reader's setting."""


def still(spec: Mapping[str, Any]) -> Markup:
    """Return a chart of Vega-Lite as SVG; texts of its data are escaped.

    Args:
        spec: the specification, which names no file and no address.
    """
    config: dict[str, Any] = dict(spec.get("config", {}))
    for name, colours in _INK.items():
        config[name] = {**config.get(name, {}), **colours}
    drawn = _for_xml({**spec, "width": _WIDTH, "config": config})
    svg = _svg(json.dumps(drawn, ensure_ascii=False))
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(f'"{colour}"', f'"{variable}"')
    start = svg.index("<svg")
    return Markup('<div class="still">{}</div>').format(Markup(svg[start:]))  # noqa: S704 - vl-convert escapes texts


def _svg(spec: str) -> str:
    """Return the drawing. Vega cuts long texts between the halves of an emoji, at which the conversion fails."""
    try:
        svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    except ValueError:
        plain = _TWO_HALVES.sub("\ufffd", spec)
        if plain == spec:
            raise
        svg = vl_convert.vegalite_to_svg(plain, allowed_base_urls=[])
    return svg


def _for_xml(value: Any) -> Any:
    """Return a value without characters that XML has not, such as NUL: they would end the process."""
    match value:
        case str():
            return _NOT_XML.sub("\ufffd", value)
        case Mapping():
            return {_for_xml(name): _for_xml(each) for name, each in value.items()}
        case list() | tuple():
            return [_for_xml(each) for each in value]
    return value
