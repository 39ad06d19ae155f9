"""Flows between states: how many entities went from which state to which, between two moments.

A flow is a band between two columns. Its ends are stacked in the order of the states::

    free     ██████▁▁▁▁▁▁▁██████  free          from      to       n     band at the left, at the right
    (300)    ██████▔▔▔▚▚▚▚██████  (280)         free      free     280   0–280             0–280
    premium  ████▁▁▁▁▁▁▁▚▚████    premium       free      premium  20    280–300           280–300
    (126)    ████▔▔▔▔▔▔▔▔▔████    (146)         premium   premium  126   300–426           300–426
"""

from math import cos, pi
from typing import TYPE_CHECKING, Final

import polars as pl

from eventsource.charts._spec import Spec, chart, colours, hidden, tooltips
from eventsource.charts._values import checked
from eventsource.formats import formatted

if TYPE_CHECKING:
    import altair as alt

__all__ = ["flows"]

_STEPS: Final = 16
"""Pieces of a band's curve."""
_GAP: Final = 0.03
"""Space between states, as a share of the whole."""
_MOST_NAMED: Final = 8
_LABEL_ROOM: Final = 130


def flows(frame: pl.DataFrame, before: str, after: str, n: str, *, title: str = "") -> "alt.LayerChart":
    """Return bands from the states at one moment to those at another, as wide as the entities are many.

    Args:
        frame: a row per pair of states; a state may be null, such as before an entity existed.
        before: the column of states at the first moment; its name is above the left column.
        after: the column of states at the second.
        n: the column of numbers of entities.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows = checked(frame, before, after, n)
    states = [column.cast(pl.String).fill_null("–") for column in (rows[before], rows[after])]
    rows = rows.with_columns(states[0].alias(before), states[1].alias(after)).filter(pl.col(n) > 0)
    left, right = _stacked(rows, before, after, n), _stacked(rows, after, before, n)
    colour, rows = colours(rows, before, size=n, legend=False)
    ends = rows.join(left, on=[before, after]).join(right, on=[before, after], suffix=" right")
    steps = pl.DataFrame({hidden("x"): [k / _STEPS for k in range(_STEPS + 1)]})
    ease = pl.Series([(1 - cos(pi * k / _STEPS)) / 2 for k in range(_STEPS + 1)])
    bands = ends.join(steps.with_columns(ease.alias("ease")), how="cross").with_columns(
        (pl.col(end) + (pl.col(f"{end} right") - pl.col(end)) * pl.col("ease")).alias(hidden(end))
        for end in ("low", "high")
    )
    bands = bands.with_columns(pl.format("{}→{}", before, after).alias(hidden("flow")))
    bands = bands.drop("low", "high", "low right", "high right", "ease")
    drawn = pl.concat([bands, _labels(left, before, 0.0), _labels(right, after, 1.0)], how="diagonal")
    scale = {"domain": [0, 1], "range": [_LABEL_ROOM, {"expr": f"max(width - {_LABEL_ROOM}, {_LABEL_ROOM + 40})"}]}
    x: Spec = {"field": hidden("x"), "type": "quantitative", "axis": None, "scale": scale}
    y: Spec = {"field": hidden("low"), "type": "quantitative", "axis": None, "scale": {"reverse": True}}
    band: Spec = {
        "transform": [{"filter": "datum['|flow'] != null"}],
        "mark": {"type": "area", "opacity": 0.65, "interpolate": "linear"},
        "encoding": {
            "x": x,
            "y": y,
            "y2": {"field": hidden("high")},
            "color": colour,
            "detail": {"field": hidden("flow"), "type": "nominal"},
            "tooltip": tooltips(drawn),
        },
    }
    layers: list[Spec] = [band, *(_text(x, y, side) for side in ("left", "right"))]
    named = rows.sort(n, descending=True).head(_MOST_NAMED).select(before, after, n).iter_rows()
    about = f"{before} → {after}: " + "; ".join(f"{a} → {b} {formatted(count)}" for a, b, count in named) + "."
    return chart(layers, drawn, title=title, about=about)


def _stacked(rows: pl.DataFrame, side: str, other: str, n: str) -> pl.DataFrame:
    """Return where each flow begins and ends on one side: ``low``, ``high``."""
    sizes = rows.group_by(side).agg(pl.col(n).sum().alias("size")).sort("size", side, descending=[True, False])
    rank = sizes.with_row_index("rank").select(side, "rank")
    other_rank = rows.group_by(other).agg(pl.col(n).sum().alias("other size"))
    ordered = rows.join(rank, on=side).join(other_rank, on=other)
    ordered = ordered.sort("rank", "other size", other, descending=[False, True, False])
    gap = float(rows[n].sum() or 1) * _GAP
    high = pl.col(n).cum_sum() + pl.col("rank") * gap
    return ordered.select(side, other, (high - pl.col(n)).alias("low"), high.alias("high"))


def _labels(ends: pl.DataFrame, side: str, x: float) -> pl.DataFrame:
    found = ends.group_by(side, maintain_order=True).agg(pl.col("low").min(), pl.col("high").max())
    counts = ends.group_by(side, maintain_order=True).agg((pl.col("high") - pl.col("low")).sum().alias("n"))
    names = pl.format("{} ({})", side, counts["n"].round().cast(pl.Int64))
    return found.select(
        pl.lit(x).alias(hidden("x")),
        ((pl.col("low") + pl.col("high")) / 2).alias(hidden("low")),
        names.alias(hidden("left" if x == 0 else "right")),
    )


def _text(x: Spec, y: Spec, side: str) -> Spec:
    is_left = side == "left"
    return {
        "transform": [{"filter": f"datum['|{side}'] != null"}],
        "mark": {
            "type": "text",
            "align": "right" if is_left else "left",
            "dx": -8 if is_left else 8,
            "limit": _LABEL_ROOM - 10,
        },
        "encoding": {"x": x, "y": y, "text": {"field": hidden(side)}},
    }
