"""Charts as drawings: what a page shows where scripts do not run, and until they do."""

import json
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
    svg: str = vl_convert.vegalite_to_svg(
        json.dumps({**spec, "width": _WIDTH, "config": config}), allowed_base_urls=[]
    )
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(f'"{colour}"', f'"{variable}"')
    start = svg.index("<svg")
    return Markup('<div class="still">{}</div>').format(Markup(svg[start:]))  # noqa: S704 - vl-convert escapes texts
