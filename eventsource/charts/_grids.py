"""Grids of cells, with their numbers in them.

A cell is the stronger the greater its number is; zero is paper. A cell that is too young to judge is hatched::

    cohort        quarter 0    1      2      3
    2024 Q1 (11)     100 %   91 %   82 %    ///     not over yet
    2024 Q2 (20)     100 %   85 %    ///    ///
"""

from typing import TYPE_CHECKING, Final

import polars as pl

from eventsource.charts._spec import ROW_HEIGHT, Spec, chart, hidden, name_column, names, tooltips
from eventsource.charts._theme import ACCENT, GREY
from eventsource.charts._values import categories, checked, whole
from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.presentation import label, look, small_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["heatmap", "retention"]

_CELL_HEIGHT: Final = 30
_STRONGEST: Final = 0.8
"""The opacity of the greatest value: numbers in it have a contrast of 4.5:1, on white and on dark paper."""
_HATCHING: Final = "╱╱╱"
_MOST_NUMBERS: Final = 16
"""Columns up to which cells have room for their numbers."""
_NARROW, _SMALL = 36, 9
"""Pixels of a cell below which its number is small, as on a phone, and the size of small letters."""


def heatmap(
    frame: pl.DataFrame,
    x: str,
    y: str,
    value: str,
    *,
    form: str = "",
    young: str | None = None,
    title: str = "",
) -> "alt.LayerChart":
    """Return a grid of cells, stronger for greater values, such as valid by transaction time; zero is paper.

    Args:
        frame: a row per cell, at most 5,000.
        x: the column of columns.
        y: the column of rows, from the top in the order of the frame.
        value: the numbers, at least 0. Shares of at most 1 are compared with 1, others with the greatest.
        form: how numbers read: ``count``, ``share`` or ``money``; see `eventsource.formats`.
        young: a column that says which cells are too young to judge; they are hatched.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, there are too many rows, or a number is below 0.
    """
    rows, form = checked(frame, x, y, value, young), form or look(value).format
    cells = rows[value].cast(pl.Float64).fill_nan(None)
    low, high = float(cells.min() or 0), float(cells.max() or 0)  # type: ignore[arg-type]  # numbers
    if low < 0:
        raise ReportError(f"expected numbers of at least 0 in column {value!r}, got {low:g}", hint="charts.bars")
    strength = cells / (1.0 if form == "share" and high <= 1 else high or 1.0)
    unsure = rows[young].fill_null(value=False) if young else pl.repeat(value=False, n=rows.height, eager=True)
    columns = names(rows[x], "column", axis={"grid": False, "ticks": False, "labelAngle": 0, "orient": "bottom"})
    has_room = len(columns["scale"]["domain"]) <= _MOST_NUMBERS
    texts = [formatted(number, form) if number is not None and has_room else "" for number in rows[value]]
    labels = pl.Series([_HATCHING if is_young else text for is_young, text in zip(unsure, texts, strict=True)])
    drawn = rows.drop(young or []).with_columns(
        name_column(rows[x], "column"),
        name_column(rows[y], "row"),
        (_STRONGEST * strength.set(unsure, 0.0).fill_null(0.0)).alias(hidden("strength")),
        labels.cast(pl.String).alias(hidden("label")),
    )
    count = rows[y].n_unique()
    about = f"{label(value)} from {formatted(whole(low), form)} to {formatted(whole(high), form)}."
    return _grid(drawn, columns, names(rows[y], "row", is_row=True), title=title, about=about, count=count)


def retention(
    frame: pl.DataFrame, cohort: str, age: str, share: str, *, n: str | None = None, title: str = ""
) -> "alt.LayerChart":
    """Return which share of each cohort stayed, by its age; cells that are yet to come are hatched.

    Args:
        frame: a row per cohort and age, at most 5,000.
        cohort: the column of cohorts.
        age: the column of ages: integers.
        share: the column of shares, from 0 to 1.
        n: the column of the cohorts' sizes; they are beside the names.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    rows = checked(frame, cohort, age, share, n).sort(cohort, age)
    sizes = rows.group_by(cohort, maintain_order=True).agg(pl.col(n).max() if n else pl.len().alias("|n"))
    texts = categories(sizes[cohort]).cast(pl.String).fill_null("–")
    if n:
        texts = pl.select(
            pl.format("{} (n = {})", texts, sizes[n].cast(pl.String).fill_null(small_text()))
        ).to_series()
    named = sizes.select(cohort, texts.alias("cohort and size"))
    ages = rows.select(pl.col(age).unique().sort())
    whole = named.join(ages, how="cross").join(rows, on=[cohort, age], how="left")
    whole = whole.with_columns(pl.col(share).is_null().alias("too young"))
    last = whole.filter(~pl.col("too young")).group_by(cohort).agg(pl.col(age).max().alias("last"))
    whole = whole.join(last, on=cohort, how="left").with_columns(
        pl.col("too young") & (pl.col(age) > pl.col("last"))
    )
    return heatmap(
        whole.sort(cohort, age), age, "cohort and size", share, form="share", young="too young", title=title
    )


def _grid(
    drawn: pl.DataFrame, columns: Spec, rows: Spec, *, title: str, about: str, count: int
) -> "alt.LayerChart":
    cell = {"x": columns, "y": rows}
    rect: Spec = {"type": "rect", "color": ACCENT, "stroke": GREY, "strokeOpacity": 0.25, "strokeWidth": 1}
    narrow = _NARROW * max(len(columns["scale"]["domain"]), 1)
    size = {"expr": f"width < {narrow} ? {_SMALL} : 12"}
    opacity = {"field": hidden("strength"), "type": "quantitative", "scale": None}
    layers: list[Spec] = [
        {"mark": rect, "encoding": cell | {"fillOpacity": opacity, "tooltip": tooltips(drawn)}},
        {"mark": {"type": "text", "fontSize": size}, "encoding": cell | {"text": {"field": hidden("label")}}},
    ]
    return chart(layers, drawn, title=title, about=about, height=_CELL_HEIGHT * count + ROW_HEIGHT)
