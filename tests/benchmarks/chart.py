"""A chart of time against size: one panel per workload, one line per contender, both axes logarithmic."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import altair as alt
import polars as pl

from tests.benchmarks.contenders import OURS, WORKLOADS
from tests.benchmarks.run import Result

__all__ = ["draw"]

_PANELS: Final = ("load", "as_of", "history", "trend", "join", "diff", "histories", "explain", "tail_next")
_COLORS: Final = {
    OURS: "#0072b2",
    "DuckDB": "#e69f00",
    "Polars by hand": "#009e73",
    "pandas by hand": "#cc79a7",
    "plain Python": "#d55e00",
    "reading its columns only": "#666666",
}
_TICKS: Final = [power * 10.0**exponent for exponent in range(-4, 4) for power in (1, 3)]
_TITLES: Final = {"tail_next": "as_of of all, 1 % appended"}


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the chart as SVG, without contenders that answer for some entities only."""
    shown = [r for r in results if r.workload in _PANELS and r.name in _COLORS and r.seconds and r.events]
    columns = {"panel": pl.String, "contender": pl.String, "events": pl.Int64, "seconds": pl.Float64}
    rows = [(_title(r.workload), r.name, r.events, r.seconds) for r in shown]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    _panels(frame, sorted({r.events for r in shown})).save(str(path))


def _panels(frame: pl.DataFrame, sizes: list[int]) -> alt.FacetChart:
    order = [_title(workload) for workload in _PANELS if _title(workload) in set(frame["panel"])]
    color = alt.Scale(domain=list(_COLORS), range=list(_COLORS.values()))
    x = alt.X(
        "events:Q",
        title="events in the log",
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(values=sizes, format="~s", grid=False),
    )
    y = alt.Y(
        "seconds:Q",
        title="seconds",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(values=_TICKS, format="~g"),
    )
    lines = (
        alt.Chart(frame)
        .mark_line(point={"filled": True, "size": 36}, strokeWidth=2)
        .encode(x=x, y=y, color=alt.Color("contender:N", scale=color, title=None, legend=alt.Legend(orient="top")))
    )
    panels: alt.FacetChart = (
        lines.properties(width=210, height=170)
        .facet(facet=alt.Facet("panel:N", title=None, sort=order), columns=3)
        .resolve_scale(y="independent")
        .resolve_axis(x="independent")
        .configure_header(labelFontSize=13, labelFontWeight="bold")
        .configure_view(stroke="#cccccc")
    )
    return panels


def _title(workload: str) -> str:
    return _TITLES.get(workload, WORKLOADS[workload].replace("`", ""))
