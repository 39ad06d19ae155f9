"""Bars: amounts by category, what changed between two moments, what was won and lost, what came late."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from eventsource.charts._spec import (
    HEIGHT,
    ROW_HEIGHT,
    Spec,
    chart,
    colours,
    drawn_width,
    escaped,
    hidden,
    name_column,
    names,
    numbers,
    room_at_right,
    tooltips,
)
from eventsource.charts._theme import GREY
from eventsource.charts._values import checked, whole
from eventsource.charts._whiskers import HIGH, texts_of_intervals, whiskers, with_intervals
from eventsource.formats import formatted
from eventsource.presentation import label, look, texts_of_small_rows

if TYPE_CHECKING:
    import altair as alt

__all__ = ["bars", "difference", "late_arrivals", "won_and_lost"]

_MOST_LABELLED: Final = 14
"""Columns up to which each has its value above it."""
_MOST_NAMED: Final = 8
_HEADROOM: Final = 1.15
_DELAYS: Final = {
    "a minute": timedelta(minutes=1),
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "a week": timedelta(weeks=1),
    "30 days": timedelta(days=30),
}


def bars(  # noqa: PLR0913 - options, all by keyword
    frame: pl.DataFrame,
    x: str,
    y: str,
    *,
    color: str | None = None,
    horizontal: bool = False,
    form: str = "",
    of: str | None = None,
    title: str = "",
) -> "alt.LayerChart":
    """Return a bar chart in the order of the rows, stacked by ``color``; values are at the ends of single bars.

    ``x`` is the column of categories and ``y`` the column of numbers; ``horizontal`` exchanges them. Integers,
    days and months of which some in between are missing are shown with their gaps.

    Args:
        frame: the rows, at most 5,000.
        x: the column on the horizontal axis.
        y: the column on the vertical axis.
        color: the column whose values are stacked. The seven largest have a colour; others are grey.
        horizontal: whether bars go to the right.
        form: how numbers read: ``count``, ``share`` or ``money``; see `eventsource.formats`.
        of: a column of counts: how many a share is a share of; its numbers are beside the values, and a whisker
            shows the 95 % interval of the share (Wilson's); see `eventsource.shares`.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    category, number = (y, x) if horizontal else (x, y)
    rows, form = checked(frame, x, y, color, of), form or look(number).format
    colour, drawn = colours(rows, color, size=number)
    texts = _texts(frame, rows, number, form=form, of=of)
    drawn = drawn.with_columns(name_column(rows[category], "name"), pl.Series(hidden("label"), texts, pl.String))
    axis = names(rows[category], "name", is_row=horizontal)
    count = len(axis["scale"]["domain"])
    labelled = color is None and (horizontal or count <= _MOST_LABELLED)
    is_share = bool(of) and form == "share" and color is None
    drawn = with_intervals(drawn, number, of or number) if is_share else drawn
    longest = drawn[HIGH] if is_share else rows[number]
    amounts = numbers(number, form=form, title=None if labelled else "", stack="zero")
    if labelled:
        scale = _scale_beside_labels(longest, texts, horizontal=horizontal)
        amounts |= {"axis": None, "scale": scale, "stack": None}
    places: Spec = {"x": amounts, "y": axis} if horizontal else {"x": axis, "y": amounts}
    detail = {"detail": {"field": escaped(color), "type": "nominal"}} if color else {}
    layers: list[Spec] = [
        {"mark": "bar", "encoding": places | {"color": colour, "tooltip": tooltips(drawn)} | detail}
    ]
    layers += whiskers(places, horizontal=horizontal) if is_share else []
    if labelled:
        end = {"x" if horizontal else "y": amounts | {"field": HIGH}} if is_share else {}
        layers.append(_labels(places | end, horizontal=horizontal))
    if is_share:
        texts = [text + interval for text, interval in zip(texts, texts_of_intervals(drawn), strict=True)]
    height = ROW_HEIGHT * (count + 1) if horizontal else HEIGHT
    return chart(layers, drawn, title=title, about=_largest(rows, category, texts, color), height=height)


def difference(
    frame: pl.DataFrame, name: str, before: str, after: str, *, form: str = "", title: str = ""
) -> "alt.LayerChart":
    """Return one row per name, with a point for each of two moments and a line between them.

    Args:
        frame: a row per name, at most 5,000.
        name: the column of names.
        before: the column of numbers at the first moment; its name is in the legend.
        after: the column of numbers at the second.
        form: how numbers read: ``count``, ``share`` or ``money``.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows = checked(frame, name, before, after)
    form = form or look(before).format
    change = rows[after].cast(pl.Float64) - rows[before].cast(pl.Float64)
    texts = [f"{'+' if by > 0 else ''}{formatted(whole(by), form)}" if by is not None else "–" for by in change]
    end = rows.select(pl.max_horizontal(pl.col(before, after).cast(pl.Float64))).to_series()
    drawn = rows.with_columns(
        name_column(rows[name], "name"), pl.Series(hidden("label"), texts), end.alias(hidden("end"))
    )
    row = names(rows[name], "name", is_row=True)
    amounts = numbers(before, form=form, title=None, scale={"zero": True})
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "color": GREY},
            "encoding": {"y": row, "x": amounts, "x2": {"field": escaped(after)}},
        },
        *(
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {
                    "y": row,
                    "x": numbers(column, form=form, title=None),
                    "color": {"datum": column, "type": "nominal"},
                    "tooltip": tooltips(drawn),
                },
            }
            for column in (after, before)
        ),
        {
            "mark": {"type": "text", "align": "left", "dx": 10},
            "encoding": {
                "y": row,
                "x": numbers(hidden("end"), title=None),
                "text": {"field": hidden("label")},
            },
        },
    ]
    about = f"From {before} to {after}: {_named(rows[name], texts)}."
    return chart(layers, drawn, title=title, about=about, height=ROW_HEIGHT * (rows.height + 1))


def won_and_lost(frame: pl.DataFrame, x: str, won: str, lost: str, *, title: str = "") -> "alt.LayerChart":
    """Return columns up for what was won and down for what was lost per period, with both together above them.

    Args:
        frame: a row per period, at most 5,000.
        x: the column of periods.
        won: the column of numbers that were won.
        lost: the column of numbers that were lost, as positive numbers.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows = checked(frame, x, won, lost).with_columns(_signed(frame[won]), _signed(frame[lost]))
    drawn = rows.with_columns(
        name_column(rows[x], "name"),
        (-pl.col(lost)).alias(hidden("lost")),
        pl.Series(hidden("label"), [f"{'+' if by > 0 else ''}{formatted(by)}" for by in rows[won] - rows[lost]]),
    )
    axis = names(rows[x], "name")

    def bar(column: str, name: str) -> Spec:
        colour = {"datum": name, "type": "nominal"}
        amount = numbers(column, title=None)
        return {"mark": "bar", "encoding": {"x": axis, "y": amount, "color": colour, "tooltip": tooltips(drawn)}}

    net: Spec = {
        "mark": {"type": "text", "baseline": "bottom", "dy": -4},
        "encoding": {"x": axis, "y": numbers(won, title=None), "text": {"field": hidden("label")}},
    }
    layers = [bar(won, won), bar(hidden("lost"), lost), net]
    total, gone = float(rows[won].sum()), float(rows[lost].sum())
    about = f"{formatted(total)} {won}, {formatted(gone)} {lost}, together {formatted(total - gone)}."
    return chart(layers, drawn, title=title, about=about)


def late_arrivals(
    frame: pl.DataFrame, occurred: str = "occurred_at", recorded: str = "recorded_at", *, title: str = ""
) -> "alt.LayerChart":
    """Return how long events took to be recorded: how many within a minute, an hour … and later.

    The label of a bar says which share was recorded by then.

    Args:
        frame: a row per event; any number of rows.
        occurred: the column of instants when events occurred.
        recorded: the column of instants when they were recorded.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist.
    """
    checked(frame.head(0), occurred, recorded)
    delays = frame.select((pl.col(recorded) - pl.col(occurred)).alias("delay"))
    limits = [*_DELAYS.values()]
    within = [int(delays.select((pl.col("delay") <= limit).sum()).item()) for limit in limits]
    counts = [*within, delays.drop_nulls().height]
    rows = pl.DataFrame(
        {
            "recorded within": [*_DELAYS, "later"],
            "events": [count - before for count, before in zip(counts, [0, *counts[:-1]], strict=True)],
        }
    )
    total = max(counts[-1], 1)
    texts = [
        f"{formatted(events)} · {100 * known / total:.1f} % by then" if events else "0"
        for events, known in zip(rows["events"], counts, strict=True)
    ]
    drawn = rows.with_columns(
        name_column(rows["recorded within"], "name"),
        pl.Series(hidden("label"), texts),
        (pl.col("events") + 1).log10().alias(hidden("length")),
    )
    row = names(rows["recorded within"], "name", is_row=True)
    length = numbers(hidden("length"), title=None) | {
        "axis": None,
        "scale": {"domain": [0, max(float(drawn[hidden("length")].max() or 0), 1) * 1.5]},  # type: ignore[arg-type]
    }
    layers: list[Spec] = [
        {"mark": "bar", "encoding": {"y": row, "x": length, "tooltip": tooltips(drawn)}},
        {
            "mark": {"type": "text", "align": "left", "dx": 5},
            "encoding": {"y": row, "x": length, "text": {"field": hidden("label")}},
        },
    ]
    about = f"Lengths are logarithms. {_named(rows['recorded within'], texts)}."
    return chart(layers, drawn, title=title, about=about, height=ROW_HEIGHT * (rows.height + 1))


def _texts(frame: pl.DataFrame, rows: pl.DataFrame, number: str, *, form: str, of: str | None) -> list[str]:
    """Return what is written at each bar: its value, and of how many it is a share."""
    return [
        small or formatted(value, form) + (f" of {formatted(whole)}" if of else "")
        for value, whole, small in zip(rows[number], rows[of or number], texts_of_small_rows(frame), strict=True)
    ]


def _scale_beside_labels(values: pl.Series, texts: list[str], *, horizontal: bool) -> Spec:
    """Return the scale of bars that leaves room for the texts at their ends."""
    scale: Spec = {"domain": _domain(values, 1 if horizontal else _HEADROOM), "nice": False}
    return scale | ({"range": [0, drawn_width(room_at_right(texts))]} if horizontal else {})


def _labels(ends: Spec, *, horizontal: bool) -> Spec:
    """Return the texts at the ends of bars."""
    beside: Spec = {"align": "left", "dx": 5} if horizontal else {"baseline": "bottom", "dy": -4}
    return {"mark": {"type": "text"} | beside, "encoding": ends | {"text": {"field": hidden("label")}}}


def _domain(values: pl.Series, headroom: float) -> list[float]:
    low, high = float(values.min() or 0), float(values.max() or 0)  # type: ignore[arg-type]  # numbers
    return [min(low, 0.0) * headroom, max(high, 0.0) * headroom or 1.0]


def _signed(column: pl.Series) -> pl.Series:
    return column.cast(pl.Int64) if column.dtype.is_unsigned_integer() else column


def _largest(rows: pl.DataFrame, category: str, texts: list[str], color: str | None) -> str:
    if color:
        return f"{rows[category].n_unique()} of {label(category)}, by {label(color)}."
    return f"{_named(rows[category], texts)}."


def _named(column: pl.Series, texts: list[str]) -> str:
    pairs: list[Any] = list(zip(column.cast(pl.String).fill_null("–"), texts, strict=True))
    more = f"; and {len(pairs) - _MOST_NAMED} more" if len(pairs) > _MOST_NAMED else ""
    return "; ".join(f"{name} {text}" for name, text in pairs[:_MOST_NAMED]) + more
