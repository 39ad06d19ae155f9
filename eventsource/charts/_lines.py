"""Lines, and areas on top of each other: measures over time.

Names of series are at the ends of their lines. Ends that are near each other would print on top of each other, so
labels move apart by at least the height of a letter::

    ends      163  160  20          places of labels   163  149  20        (with 14 per letter)
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from eventsource.charts._spec import (
    HEIGHT,
    Spec,
    chart,
    colours,
    escaped,
    hidden,
    moment_text,
    numbers,
    place,
    room_at_right,
    time_axis,
    tooltips,
)
from eventsource.charts._values import checked
from eventsource.formats import OTHER, formatted
from eventsource.presentation import look
from eventsource.shares import NORMAL_QUANTILE

if TYPE_CHECKING:
    import altair as alt

__all__ = ["line", "stacked", "time_in_state"]

_MOST_POINTS: Final = 60
"""Rows up to which a line has a point for each of them."""
_MOST_REACHABLE: Final = 200
"""Rows up to which the tooltip of a point shows some pixels around it."""
_LABEL_HEIGHT: Final = 15
_HEADROOM: Final = 1.06


def line(
    frame: pl.DataFrame,
    x: str,
    y: str,
    *,
    color: str | None = None,
    step: bool = False,
    form: str = "",
    title: str = "",
) -> "alt.LayerChart":
    """Return a line chart over time or numbers, with one line per value of ``color``.

    Each line has its name at its end; a single line has its last value there.

    Args:
        frame: the rows, at most 5,000.
        x: the column of the horizontal axis: Date, Datetime or numbers. A date is drawn at its end.
        y: a column of numbers.
        color: the column whose values are lines of their own. The seven largest have a colour; others are grey.
        step: whether a value holds until the next one; otherwise the line moves towards it.
        form: how numbers read: ``count``, ``share`` or ``money``; see `eventsource.formats`.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows, form = checked(frame, x, y, color).drop_nulls(y), form or look(y).format
    colour, drawn = colours(rows, color, size=y, legend=False)
    drawn = drawn.with_columns(place(rows[x], "x"), rows[y].cast(pl.Float64).alias(hidden("y")))
    drawn = _spread_labels(drawn.with_columns(_label_of_last_points(y, color, form)), "y")
    scale = {"domain": _domain(drawn[hidden("y")]), "nice": False}
    axis = time_axis(rows[x], "x", room=room_at_right(drawn[hidden("label")].drop_nulls()))
    detail = {"detail": {"field": escaped(color), "type": "nominal"}} if color else {}
    mark: Spec = {
        "type": "line",
        "interpolate": "step-after" if step else "monotone",
        "point": rows.height <= _MOST_POINTS,
    }
    layers: list[Spec] = [
        {
            "mark": mark,
            "encoding": {
                "x": axis,
                "y": numbers(y, form=form, scale=scale),
                "color": colour,
                "tooltip": tooltips(drawn),
                **detail,
            },
        },
        _labels_at_ends(axis, colour, scale),
    ]
    if rows.height <= _MOST_REACHABLE:
        layers.append(_reach(axis, numbers(y, form=form, scale=scale), drawn))
    return chart(layers, drawn, title=title, about=_ends(rows, x, y, color, form))


def stacked(
    frame: pl.DataFrame, x: str, y: str, *, color: str, form: str = "", title: str = ""
) -> "alt.LayerChart":
    """Return areas on top of each other: how many entities are in which state over time.

    Args:
        frame: a row per moment and state, such as a trend by a field; at most 5,000.
        x: the column of moments or numbers; a date is drawn at its end.
        y: a column of numbers that can be added.
        color: the column of states; the largest is at the bottom.
        form: how numbers read: ``count``, ``share`` or ``money``.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows, form = checked(frame, x, y, color), form or look(y).format
    moments = rows.select(pl.col(x).unique())
    states = rows.select(pl.col(color).unique())
    complete = moments.join(states, how="cross").join(rows, on=[x, color], how="left", nulls_equal=True)
    complete = complete.select(x, y, color).with_columns(pl.col(y).fill_null(0)).sort(x)
    colour, drawn = colours(complete, color, size=y)
    order: list[str] = colour["scale"]["domain"]
    rank = pl.col(hidden("series")).replace_strict(
        {name: n for n, name in enumerate(order)}, return_dtype=pl.Int64
    )
    drawn = drawn.with_columns(place(complete[x], "x"), rank.alias(hidden("rank"))).sort(x, hidden("rank"))
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "opacity": 0.9},
            "encoding": {
                "x": time_axis(rows[x], "x"),
                "y": numbers(y, form=form, stack="zero"),
                "color": colour,
                "order": {"field": hidden("rank"), "type": "quantitative"},
                "detail": {"field": escaped(color), "type": "nominal"},
                "tooltip": tooltips(drawn),
            },
        }
    ]
    return chart(layers, drawn, title=title, about=_ends(rows, x, y, color, form))


def time_in_state(
    frame: pl.DataFrame, duration: str, ended: str, *, color: str | None = None, title: str = ""
) -> "alt.LayerChart":
    """Return the share that is still in a state, by the time since it began (Kaplan and Meier), with a 95 % band.

    What has not ended counts as long as it was seen, so that young ones do not look short.

    Args:
        frame: a row per interval.
        duration: the column of durations (Duration, drawn in days, or numbers): until the end, or until now.
        ended: the column that says whether the interval has ended.
        color: the column whose values have curves of their own.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows = checked(frame, duration, ended, color).drop_nulls([duration, ended])
    if rows[duration].dtype == pl.Duration:
        rows = rows.with_columns(pl.col(duration) / timedelta(days=1))
    groups = (rows.partition_by(color, maintain_order=True) if color else []) or [rows]
    curves = pl.concat([_survival(group, duration, ended, color) for group in groups])
    colour, drawn = colours(curves, color, size="n", legend=False)
    name = pl.format("{} (n = {})", hidden("series"), "n") if color else pl.format("n = {}", "n")
    last = pl.int_range(pl.len()).over(hidden("series")) == pl.len().over(hidden("series")) - 1
    drawn = drawn.with_columns(
        place(curves["days"], "x"),
        pl.col("share").alias(hidden("y")),
        pl.when(last).then(name).alias(hidden("label")),
    )
    drawn = _spread_labels(drawn, "y")
    scale = {"domain": [0, 1], "nice": False}
    axis = time_axis(curves["days"], "x", room=room_at_right(drawn[hidden("label")].drop_nulls()))
    share = numbers("share", form="share", scale=scale, title="still in it")
    band = share | {"field": "low"}
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "opacity": 0.18, "interpolate": "step-after"},
            "encoding": {"x": axis, "y": band, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "line", "interpolate": "step-after"},
            "encoding": {"x": axis, "y": share, "color": colour, "tooltip": tooltips(drawn)},
        },
        _labels_at_ends(axis, colour, scale),
    ]
    return chart(layers, drawn, title=title, about=_ends(curves, "days", "share", color, "share"))


def _survival(rows: pl.DataFrame, duration: str, ended: str, color: str | None) -> pl.DataFrame:
    """Return the Kaplan-Meier curve of a group, its variance by Greenwood's formula.

    ::

        duration  1  1+  2  3+  4     (+: not ended)     at risk   5  3  1
        ends      1      1      1                        share    4/5 · 2/3 · 0/1
    """
    ends = (
        rows.group_by(days=pl.col(duration).cast(pl.Float64))
        .agg(ends=pl.col(ended).sum().cast(pl.Int64), leave=pl.len().cast(pl.Int64))
        .sort("days")
    )
    risk = rows.height - (pl.col("leave").cum_sum() - pl.col("leave"))
    stays = 1 - pl.col("ends") / risk
    found = ends.with_columns(risk.alias("at risk")).with_columns(share=stays.cum_prod())
    greenwood = (pl.col("ends") / (pl.col("at risk") * (pl.col("at risk") - pl.col("ends")))).cum_sum()
    error = NORMAL_QUANTILE * pl.col("share") * greenwood.sqrt()
    found = found.with_columns(
        low=(pl.col("share") - error).fill_nan(0).clip(0, 1), high=(pl.col("share") + error).fill_nan(0).clip(0, 1)
    )
    start = pl.DataFrame({"days": [0.0], "at risk": [rows.height], "share": [1.0], "low": [1.0], "high": [1.0]})
    curve = pl.concat([start, found.select(start.columns).cast(start.schema)])
    who = [pl.lit(rows[color].first(), rows.schema[color]).alias(color)] if color else []
    return curve.with_columns(pl.lit(rows.height).alias("n"), *who)


def _reach(axis: Spec, amounts: Spec, drawn: pl.DataFrame) -> Spec:
    """Return points that are not seen, so that the mouse need not hit a line exactly."""
    mark = {"type": "point", "filled": True, "opacity": 0, "size": 400}
    return {"mark": mark, "encoding": {"x": axis, "y": amounts, "tooltip": tooltips(drawn)}}


def _labels_at_ends(axis: Spec, colour: Spec, scale: Spec) -> Spec:
    return {
        "transform": [{"filter": "datum['|label'] != null"}],
        "mark": {"type": "text", "align": "left", "dx": 8, "limit": {"expr": "width / 2"}, "fontWeight": 600},
        "encoding": {
            "x": axis,
            "y": {"field": hidden("label place"), "type": "quantitative", "scale": scale, "title": None},
            "text": {"field": hidden("label")},
            "color": colour,
        },
    }


def _label_of_last_points(y: str, color: str | None, form: str) -> pl.Expr:
    """Return ``|label``: at the last point of each line its name; the last value of a single line; else null."""
    end, series = pl.col(hidden("y")), pl.col(hidden("series"))
    keys = [hidden("series"), *([color] if color else [])]
    last = pl.col(hidden("x")).rank("ordinal").over(keys) == pl.len().over(keys)
    small = series == OTHER  # lines of their own, but one label for all
    last &= ~small | (end == end.filter(last & small).max())
    value = pl.col(y).map_elements(lambda value: formatted(value, form), return_dtype=pl.String)
    return pl.when(last).then(series if color else value).alias(hidden("label"))


def _spread_labels(drawn: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add ``|label place``: where labels are, from the top down, each at least a letter below the one before."""
    low, high = _domain(drawn[hidden(name)])
    gap = (high - low) * _LABEL_HEIGHT / HEIGHT
    places: list[float | None] = [None] * drawn.height
    labels, ends = drawn[hidden("label")].to_list(), drawn[hidden(name)].to_list()
    free = float("inf")
    count = sum(label is not None for label in labels)
    for n, row in enumerate(
        sorted((n for n in range(drawn.height) if labels[n] is not None), key=lambda n: -ends[n])
    ):
        above_the_rest = low + gap * (count - 1 - n)
        places[row] = free = max(min(ends[row], free), above_the_rest)
        free -= gap
    return drawn.with_columns(pl.Series(hidden("label place"), places, pl.Float64))


def _domain(values: pl.Series) -> list[float]:
    present = values.drop_nulls().drop_nans()
    low, high = float(present.min() or 0), float(present.max() or 0)  # type: ignore[arg-type]  # numbers
    low, high = min(low, 0.0), max(high, 0.0)
    return [low * _HEADROOM, high * _HEADROOM if high > low else low + 1]


def _ends(rows: pl.DataFrame, x: str, y: str, color: str | None, form: str) -> str:
    """Return the first and last value of each line, for readers who do not see it."""
    parts = rows.sort(x).partition_by(color, as_dict=True) if color else {("",): rows.sort(x)}
    ends = [
        f"{formatted(key[0])} {formatted(part[y][0], form)} to {formatted(part[y][-1], form)}".strip()
        for key, part in list(parts.items())[:8]
        if part.height
    ]
    if not ends:
        return "No rows."
    span = rows.select(pl.col(x).min().alias("a"), pl.col(x).max().alias("b")).row(0)
    return f"From {moment_text(span[0])} to {moment_text(span[1])}: {'; '.join(ends)}."
