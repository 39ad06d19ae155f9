"""Charts of frames: four kinds with good defaults, as Altair charts.

Field names do not go through Altair's shorthand, so a name or value from a log is never read as an instruction.
Time axes are UTC. Integers beyond 2**53, which JavaScript would round, are shown as text. Altair is imported when
the first chart is made.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from eventsource.errors import ReportError

if TYPE_CHECKING:
    import altair as alt

__all__ = ["MIMETYPE", "VEGA_MIMETYPES", "bars", "heatmap", "intervals", "line", "use_in_notebooks"]

MIMETYPE: Final = "application/vnd.vegalite.v6+json"
"""The MIME type of a chart's specification in a notebook; reports draw it without a network."""
_LAB_MIMETYPE: Final = "application/vnd.vegalite.v5+json"
"""The newest version that JupyterLab 4 draws by itself; it draws these charts of version 6 as well."""
VEGA_MIMETYPES: Final = (MIMETYPE, _LAB_MIMETYPE)
"""All MIME types of charts, the preferred one first."""

_LAB_WIDTH: Final = 680
"""Pixels. In JupyterLab, a chart as wide as its container makes the container wider, without end."""
_MOST_ROWS: Final = 5_000
_EXACT: Final = 2**53
"""JavaScript holds integers up to here exactly."""
_PALETTE: Final = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#666666"]  # Okabe and Ito
_HEIGHT: Final = 260
_ROW_HEIGHT: Final = 22
_MOST_POINTS: Final = 60
"""Rows up to which a line has a point for each of them."""
_DISCRETE: Final = ("nominal", "ordinal")


def line(
    frame: pl.DataFrame, x: str, y: str, *, color: str | None = None, step: bool = False, title: str = ""
) -> "alt.Chart":
    """Return a line chart over time or numbers, with one line per value of ``color``.

    Args:
        frame: the rows, at most 5,000.
        x: the column of the horizontal axis: Date, Datetime or numbers.
        y: a column of numbers.
        color: the column whose values are lines of their own.
        step: whether a value holds until the next one; otherwise the line moves towards it.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or there are too many rows.
    """
    mark = {
        "type": "line",
        "point": frame.height <= _MOST_POINTS,
        "interpolate": "step-after" if step else "monotone",
    }
    return _chart(frame, mark, {"x": (x, None), "y": (y, None), "color": (color, None)}, title)


def bars(
    frame: pl.DataFrame, x: str, y: str, *, color: str | None = None, horizontal: bool = False, title: str = ""
) -> "alt.Chart":
    """Return a bar chart in the order of the rows, stacked by ``color``.

    ``x`` is the column of categories and ``y`` the column of numbers; ``horizontal`` exchanges them.
    """
    kinds = (None, "ordinal") if horizontal else ("ordinal", None)
    channels = {"x": (x, kinds[0]), "y": (y, kinds[1]), "color": (color, None)}
    return _chart(frame, {"type": "bar"}, channels, title)


def heatmap(frame: pl.DataFrame, x: str, y: str, value: str, *, title: str = "") -> "alt.Chart":
    """Return a grid of cells, darker for greater values, such as cohorts by age, or valid by transaction time."""
    channels = {"x": (x, "ordinal"), "y": (y, "ordinal"), "color": (value, None)}
    return _chart(frame, {"type": "rect"}, channels, title)


def intervals(frame: pl.DataFrame, y: str, *, color: str | None = None, title: str = "") -> "alt.Chart":
    """Return bars from ``valid_from`` to ``valid_to``, such as those of a history, in one row per value of ``y``.

    An open interval (``valid_to`` is null) is drawn up to the latest moment in the frame.
    """
    last = frame.select(pl.max_horizontal(pl.col("valid_from").max(), pl.col("valid_to").max())).item()
    shown = frame.with_columns(pl.col("valid_to").fill_null(last))
    channels = {"x": ("valid_from", None), "x2": ("valid_to", None), "y": (y, "nominal"), "color": (color, None)}
    return _chart(shown, {"type": "bar", "height": {"band": 0.6}}, channels, title)


def use_in_notebooks() -> None:
    """Make notebooks store the specification of a chart; JupyterLab draws it by itself, without a script."""
    import altair as alt  # noqa: PLC0415 - slow, and only charts need it

    alt.renderers.register("eventsource", _render)
    alt.renderers.enable("eventsource")


def _render(spec: dict[str, Any], **_metadata: Any) -> dict[str, Any]:
    plain = f"<chart: {spec.get('description', '')}>"
    return {MIMETYPE: spec, _LAB_MIMETYPE: spec | {"width": _LAB_WIDTH}, "text/plain": plain}


def _chart(
    frame: pl.DataFrame, mark: dict[str, Any], channels: Mapping[str, tuple[str | None, str | None]], title: str
) -> "alt.Chart":
    """Return a chart; ``channels`` maps a channel of Vega-Lite to a column and, if it is fixed, a type."""
    import altair as alt  # noqa: PLC0415 - slow, and only charts need it

    if frame.height > _MOST_ROWS:
        raise ReportError(
            f"a chart shows at most {_MOST_ROWS:,} rows, got {frame.height:,}", hint="aggregate the rows first"
        )
    used = {channel: (column, kind) for channel, (column, kind) in channels.items() if column is not None}
    columns = list(dict.fromkeys(str(column) for column, _ in used.values()))
    for column in columns:
        if column not in frame.columns:
            raise ReportError(f"unknown column {column!r}", hint=f"the columns are {', '.join(frame.columns)}")
    kinds = {str(column): kind or _kind(frame.schema[str(column)]) for column, kind in used.values()}
    data = frame.select(_plain(frame[column], kinds[column]) for column in columns)
    encoding: dict[str, Any] = {
        channel: _channel(str(column), kinds[str(column)], channel) for channel, (column, _) in used.items()
    }
    encoding["tooltip"] = [_channel(column, kinds[column], "tooltip") for column in columns]
    rows = [
        str(column) for channel, (column, _) in used.items() if channel == "y" and kinds[str(column)] in _DISCRETE
    ]
    height = _ROW_HEIGHT * (frame[rows[0]].n_unique() + 1) if rows else _HEIGHT
    spec = {
        "data": {"values": data.to_dicts()},
        "mark": mark,
        "encoding": encoding,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "description": title or f"{mark['type']} of {', '.join(columns)}",
        "config": _CONFIG,
    }
    if title:
        spec["title"] = title
    use_in_notebooks()
    return alt.Chart.from_dict(spec)


_CONFIG: Final[dict[str, Any]] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"grid": True, "gridOpacity": 0.3, "domain": False, "titleFontWeight": "normal", "labelLimit": 220},
    "title": {"anchor": "start", "fontSize": 14, "fontWeight": 600, "offset": 12},
    "legend": {"orient": "top", "title": None},
    "range": {"category": _PALETTE, "heatmap": {"scheme": "blues"}},
    "mark": {"color": _PALETTE[0]},
    "line": {"strokeWidth": 2},
}


def _channel(column: str, kind: str, channel: str) -> dict[str, Any]:
    """Return the encoding of one column in the long form, in which a name is never parsed."""
    field = {"field": _escaped(column)}
    if channel == "x2":
        return field
    encoding: dict[str, Any] = field | {"type": kind, "title": column}
    if channel == "tooltip":
        return encoding | {"type": "nominal" if kind == "temporal" else kind}  # the text as it is: UTC
    if kind == "temporal":
        encoding["scale"] = {"type": "utc"}
    if kind in _DISCRETE and channel in ("x", "y"):
        encoding["sort"] = None
    return encoding


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_temporal():
        return "temporal"
    return "quantitative" if dtype.is_numeric() else "nominal"


def _escaped(column: str) -> str:
    """Return a field name for Vega-Lite, where dots and brackets would mean a path."""
    return "".join("\\" + letter if letter in ".[]\\\"'" else letter for letter in column)


def _plain(column: pl.Series, kind: str) -> pl.Series:
    """Return values that JSON and JavaScript hold exactly: moments as UTC texts, large integers as texts."""
    dtype = column.dtype
    if dtype.is_temporal():
        return _moments(column, kind)
    if dtype.is_decimal() or dtype.is_float():
        values = column.cast(pl.Float64)
        return values.to_frame().select(pl.when(values.is_finite()).then(values).alias(column.name)).to_series()
    if dtype.is_integer() and int(column.abs().max() or 0) > _EXACT:  # type: ignore[arg-type]  # integers
        return column.cast(pl.String)
    return column if dtype.is_integer() or dtype == pl.Boolean else column.cast(pl.String)


def _moments(column: pl.Series, kind: str) -> pl.Series:
    """Return moments as texts: in full for a time axis, else as short as keeps them distinct."""
    if kind == "temporal":
        return column.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    days = column.dt.date() if column.dtype != pl.Date else column
    months = days.drop_nulls().dt.strftime("%Y-%m")
    if months.n_unique() == column.drop_nulls().n_unique():
        return days.dt.strftime("%Y-%m")
    whole = column.dtype == pl.Date or days.n_unique() == column.n_unique()
    return days.dt.strftime("%Y-%m-%d") if whole else column.dt.strftime("%Y-%m-%d %H:%M")
