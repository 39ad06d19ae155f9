"""Specifications of Vega-Lite: fields, axes, colours, and the chart around its layers.

Names of columns do not go through Altair's shorthand nor into expressions, so a name or value from a log is never
read as an instruction. Altair is imported when the first chart is made.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from eventsource.charts._theme import ACCENT, CONFIG, GREY
from eventsource.charts._values import HIDDEN, categories, clock, flag_names, plain, series, spelt, whole_range
from eventsource.presentation import label, look

if TYPE_CHECKING:
    import altair as alt

__all__ = [
    "HEIGHT",
    "LAB_MIMETYPE",
    "MIMETYPE",
    "ROW_HEIGHT",
    "Spec",
    "chart",
    "colours",
    "drawn_width",
    "hidden",
    "names",
    "numbers",
    "place",
    "room_at_right",
    "time_axis",
    "tooltips",
    "use_in_notebooks",
]

Spec = dict[str, Any]

MIMETYPE: Final = "application/vnd.vegalite.v6+json"
"""The MIME type of a chart's specification in a notebook; reports draw it without a network."""
LAB_MIMETYPE: Final = "application/vnd.vegalite.v5+json"
"""The newest version that JupyterLab 4 draws by itself; it draws these charts of version 6 as well."""

HEIGHT: Final = 260
ROW_HEIGHT: Final = 24
_LAB_WIDTH: Final = 680
"""Pixels. In JupyterLab, a chart as wide as its container makes the container wider, without end."""
_LETTER: Final = 7
"""Pixels that a letter of a label takes, about."""
_WIDEST_LABEL: Final = 230
_LEAST_DRAWN: Final = 0.5
"""The share of its width that a chart keeps for itself beside long labels, such as on a phone."""
_NARROWEST: Final = 320
"""Pixels of a chart on a phone, where a legend must fit too."""
_FORMATS: Final = {"share": ".0%", "money": ",.2f", "count": ",d", "number": ",.3~f"}
_CURRENCIES: Final = {"money": "€"}

_YEARS_FROM, _MONTHS_FROM, _DAYS_FROM = 365 * 4, 70, 3
"""Days of a span from which on the labels are years, months, days."""
_MOST_TICKS: Final = 12
_BY_YEAR: Final = "utcFormat(datum.value, '%Y')"
_BY_MONTH: Final = (
    "datum.index == 0 || utcmonth(datum.value) == 0"
    " ? [utcFormat(datum.value, '%b'), utcFormat(datum.value, '%Y')] : utcFormat(datum.value, '%b')"
)
_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\u2028\u2029]")
_BY_DAY: Final = (
    "datum.index == 0 || utcdayofyear(datum.value) == 1"
    " ? [utcFormat(datum.value, '%-d %b'), utcFormat(datum.value, '%Y')] : utcFormat(datum.value, '%-d %b')"
)
_BY_HOUR: Final = (
    "datum.index == 0 || utchours(datum.value) + utcminutes(datum.value) == 0"
    " ? [utcFormat(datum.value, '%H:%M'), utcFormat(datum.value, '%-d %b %Y')] : utcFormat(datum.value, '%H:%M')"
)


def chart(
    layers: Sequence[Spec], frame: pl.DataFrame, *, title: str, about: str, height: int = HEIGHT
) -> "alt.LayerChart":
    """Return a chart of layers that share the rows of a frame, all of which are drawn.

    Args:
        layers: marks with their encodings.
        frame: the rows; names that begin with ``|`` are for drawing only.
        title: the title above the chart.
        about: what a reader who does not see the chart hears of it.
        height: pixels.
    """
    import altair as alt  # noqa: PLC0415 - slow, and only charts need it

    use_in_notebooks()
    if any(map(_NOT_IN_NAMES.search, frame.columns)):
        layers = [_with_plain_names(layer) for layer in layers]
        frame = frame.rename(_with_plain_names)
    spec: Spec = {
        "data": alt.InlineData(values=frame.select(plain(column) for column in frame).to_dicts()),
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "description": f"{title}. {about}" if title else about,
        "config": CONFIG,
    }
    if title:
        spec["title"] = title
    # Not LayerChart.from_dict, which takes 0.15 s: it tries every kind of object that each part may be.
    drawn = [
        alt.Chart(**{**layer, "encoding": alt.FacetedEncoding(**layer.get("encoding", {}))}) for layer in layers
    ]
    return alt.LayerChart(layer=drawn, **spec)


def _with_plain_names(value: Any) -> Any:
    """Return a part of a specification without letters that break an expression of Vega, such as U+2028."""
    match value:
        case str():
            return _NOT_IN_NAMES.sub(" ", value)
        case Mapping():
            return {name: _with_plain_names(each) for name, each in value.items()}
        case list():
            return [_with_plain_names(each) for each in value]
    return value


def use_in_notebooks() -> None:
    """Make notebooks store the specification of a chart; JupyterLab draws it by itself, without a script."""
    import altair as alt  # noqa: PLC0415 - slow, and only charts need it

    alt.renderers.register("eventsource", _render)
    alt.renderers.enable("eventsource")


def _render(spec: Spec, **_metadata: Any) -> Spec:
    text = f"<chart: {spec.get('description', '')}>"
    return {MIMETYPE: spec, LAB_MIMETYPE: spec | {"width": _LAB_WIDTH}, "text/plain": text}


def hidden(name: str) -> str:
    """Return the name of a column that only places or labels a mark."""
    return HIDDEN + name


def escaped(column: str) -> str:
    """Return a field name for Vega-Lite, where dots and brackets would mean a path."""
    return "".join("\\" + letter if letter in ".[]\\\"'" else letter for letter in column)


def place(column: pl.Series, name: str) -> pl.Series:
    """Return the places of a column's values on an axis, as a column of the hidden name."""
    drawn = clock(column) if column.dtype.is_temporal() else plain(column)
    return drawn.alias(hidden(name))


def time_axis(column: pl.Series, name: str, *, room: int = 0) -> Spec:
    """Return the horizontal axis of time or numbers, whose places are in a hidden column.

    Labels fit the span: years, months with the year, days, or hours with the zone of the column.

    Args:
        column: the moments that the axis must hold.
        name: the hidden name.
        room: pixels that stay free at the right, for labels.
    """
    encoding: Spec = {"field": hidden(name), "title": None}
    scale: Spec = {"range": [0, drawn_width(room)]} if room else {}
    if not column.dtype.is_temporal():
        more = {"scale": scale | {"nice": False}, "axis": {"tickCount": 8}, "title": titled(column.name)}
        return encoding | {"type": "quantitative"} | more
    times = clock(column).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ").drop_nulls()
    span = times.max() - times.min() if len(times) else timedelta(0)  # type: ignore[operator]  # datetimes
    encoding |= {"type": "temporal", "scale": scale | {"type": "utc"}}
    return encoding | _time_labels(span, column)  # type: ignore[arg-type]  # the difference of datetimes


def _time_labels(span: timedelta, column: pl.Series) -> Spec:
    days = span / timedelta(days=1)
    zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
    axis: Spec = {"labelFlush": False, "labelSeparation": 6}
    if days > _YEARS_FROM:
        return {"axis": axis | {"labelExpr": _BY_YEAR, "tickCount": "year"}}
    if days > _MONTHS_FROM:
        step = next((step for step in (1, 2, 3) if days / 30 / step <= _MOST_TICKS), 6)
        return {"axis": axis | {"labelExpr": _BY_MONTH, "tickCount": {"interval": "month", "step": step}}}
    if days > _DAYS_FROM:
        return {"axis": axis | {"labelExpr": _BY_DAY, "tickCount": 8}}
    return {"axis": axis | {"labelExpr": _BY_HOUR, "tickCount": 8}, "title": zone}


def numbers(column: str, *, form: str = "", title: str | None = "", **more: Any) -> Spec:
    """Return an axis of numbers; a format of `eventsource.formats` makes its labels."""
    axis: Spec = {"tickCount": 5} | _number_format(form)
    return {
        "field": escaped(column),
        "type": "quantitative",
        "axis": axis,
        "title": titled(column, form) if title == "" else title,
    } | more


def names(column: pl.Series, name: str, *, is_row: bool = False, **more: Any) -> Spec:
    """Return an axis of categories without gaps, and without lines through their marks."""
    axis: Spec = {"grid": False, "ticks": False, "labelPadding": 6} | ({} if is_row else {"labelAngle": 0})
    scale: Spec = {"domain": whole_range(column)}
    return {
        "field": hidden(name),
        "type": "ordinal",
        "axis": axis,
        "scale": scale,
        "sort": None,
        "title": None,
    } | more


def name_column(column: pl.Series, name: str) -> pl.Series:
    """Return the names of categories as a hidden column."""
    return categories(column).alias(hidden(name))


def colours(
    frame: pl.DataFrame, column: str | None, *, size: str | None = None, legend: bool = True
) -> tuple[Spec, pl.DataFrame]:
    """Return the encoding of colour by a column, and the frame with the hidden column ``|series`` it reads."""
    if column is None:
        return {"value": ACCENT}, frame.with_columns(pl.lit("").alias(hidden("series")))
    texts, order = series(frame, column, size)
    scale: Spec = {"domain": order}
    if frame[column].dtype == pl.Boolean:
        scale["range"] = [ACCENT if name == flag_names(column)[0] else GREY for name in order]
    widest = 30 + _LETTER * max(map(len, order), default=0)
    columns = {"columns": max(1, _NARROWEST // widest)}
    encoding: Spec = {
        "field": hidden("series"),
        "type": "nominal",
        "scale": scale,
        "legend": columns if legend and len(order) > 1 else None,
        "sort": order,
    }
    return encoding, frame.with_columns(texts.alias(hidden("series")))


def tooltips(frame: pl.DataFrame) -> list[Spec]:
    """Return the tooltip of a mark: all columns that are for readers, moments as texts."""
    shown = [column for column in frame.columns if not column.startswith(HIDDEN)]
    return [{"field": escaped(column), "title": titled(column)} | _tooltip_format(column) for column in shown]


def titled(column: str, form: str = "") -> str:
    """Return how a column is called, with the currency of money that is not written beside each number."""
    form = form or look(column).format
    currency = _CURRENCIES.get(form, form.removeprefix("money ") if form.startswith("money ") else "")
    return f"{label(column)} ({currency})" if currency and look(column).format else label(column)


def _number_format(form: str) -> Spec:
    """Return the format of Vega-Lite for a format of `eventsource.formats`; empty: it has none."""
    found = _FORMATS.get(form.partition(" ")[0])
    return {"format": found} if found else {}


def _tooltip_format(column: str) -> Spec:
    found = _number_format(look(column).format)
    return {"type": "quantitative", **found} if found else {"type": "nominal"}


def room_at_right(labels: pl.Series | Sequence[str]) -> int:
    """Return the pixels that labels at the ends of lines need."""
    longest = max((len(label) for label in labels if label), default=0)
    return min(12 + _LETTER * longest, _WIDEST_LABEL)


def drawn_width(room: int) -> Spec:
    """Return the width that is left for marks beside labels that need some pixels."""
    return {"expr": f"max(width - {room}, width * {_LEAST_DRAWN})"}


def moment_text(moment: Any) -> str:
    """Return one moment, or number, as a text."""
    return str(spelt(pl.Series([moment])).item()) if moment is not None else "–"


def rows_of(values: Mapping[str, Any]) -> pl.DataFrame:
    """Return a frame of columns by name, hidden ones included."""
    return pl.DataFrame(dict(values))
