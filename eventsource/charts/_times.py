"""Intervals of states on one axis of time.

Neighbours that look the same are one bar, since events that change neither row nor colour would cut it::

    valid_from  valid_to  city    orders              from  to      city
    1 Jan       5 Jan     Kraków  1                   1 Jan 9 Jan   Kraków
    5 Jan       9 Jan     Kraków  2         ->        9 Jan (end)   Warszawa  ▸ still
    9 Jan       (null)    Warsz…  2
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from eventsource.charts._spec import (
    ROW_HEIGHT,
    Spec,
    chart,
    colours,
    hidden,
    moment_text,
    name_column,
    names,
    place,
    time_axis,
    tooltips,
)
from eventsource.charts._theme import ACCENT
from eventsource.charts._values import categories, checked, plain
from eventsource.errors import ReportError
from eventsource.moment import Moment, last_instant
from eventsource.presentation import label, masked, readers

if TYPE_CHECKING:
    import altair as alt

__all__ = ["intervals", "life_line"]

_FROM, _TO = "valid_from", "valid_to"
_STILL: Final = "▸ still"
_ROOM: Final = 60
"""Pixels for ``still`` at the right."""
_MOST_NAMED: Final = 6
_NAMED_FROM: Final = 0.07
"""Share of the axis from which on an interval has room for its value."""
_BAND: Final = 0.62
_ALWAYS: Final = 1 << 62
"""Later than all instants."""


def intervals(
    frame: pl.DataFrame, y: str, *, color: str | None = None, until: Moment | None = None, title: str = ""
) -> "alt.LayerChart":
    """Return bars from ``valid_from`` to ``valid_to``, such as those of a history, in one row per value of ``y``.

    Args:
        frame: the intervals; ``valid_to`` is null while one lasts.
        y: the column of rows.
        color: the column whose values have colours.
        until: where an open interval is drawn to; default: a little beyond the latest moment of the frame. An
            open interval is paler, and says ``still``.
        title: the title above the chart.

    Raises:
        ReportError: a column does not exist, or more than 5,000 intervals look different.
    """
    drawn = _merged(frame, _FROM, _TO, y, color)
    drawn, end = _closed(checked(drawn, _FROM, _TO, y, color, hidden("open")), until)
    colour, drawn = colours(drawn, color)
    drawn = drawn.with_columns(name_column(drawn[y], "name"))
    axis = time_axis(pl.concat([drawn[_FROM], end]), "from", room=_ROOM)
    row = names(drawn[y], "name", is_row=True)
    about = _spans(drawn, y if color is None else color)
    height = ROW_HEIGHT * (drawn[y].n_unique() + 1)
    opacity: Spec = {"condition": {"test": "datum['|open']", "value": 0.55}, "value": 1}
    return chart(_bars(drawn, axis, row, colour, opacity), drawn, title=title, about=about, height=height)


def life_line(
    frame: pl.DataFrame,
    *,
    fields: list[str] | None = None,
    events: pl.DataFrame | None = None,
    until: Moment | None = None,
    title: str = "",
) -> "alt.LayerChart":
    """Return the life of one entity: a lane per field, and its events as dots below.

    Args:
        frame: the history of one entity.
        fields: the fields that have lanes; default: all but numbers.
        events: ``at`` and ``type`` of its events, and ``recorded_at`` where known: a line then leads from the day
            on which a late event happened to the day on which it was recorded.
        until: where an open interval is drawn to; default: a little beyond the latest moment.
        title: the title above the chart.

    Raises:
        ReportError: a field does not exist, or the frame has several entities.
    """
    if "entity" in frame.columns and frame["entity"].n_unique() > 1:
        count = frame["entity"].n_unique()
        raise ReportError(f"expected the history of one entity, got {count:,}", hint="timeline.history(entity)")
    skipped = {"entity", _FROM, _TO}
    chosen = fields or [c for c in frame.columns if c not in skipped and not frame.schema[c].is_numeric()]
    checked(frame.head(0), _FROM, _TO, *chosen)
    frame, chosen = masked(frame), _seen(chosen)
    lanes = pl.concat([_merged(_lane(frame, field), _FROM, _TO, "field", "value") for field in chosen])
    drawn, end = _closed(lanes, until)
    drawn = _shaded(drawn)
    opacity: Spec = {"field": hidden("shade"), "type": "quantitative", "scale": None}
    drawn = drawn.with_columns(name_column(drawn["field"], "name"))
    axis = time_axis(pl.concat([drawn[_FROM], end]), "from", room=_ROOM)
    row = names(
        pl.Series("field", [*map(label, chosen), *(["events"] if events is not None else [])]), "name", is_row=True
    )
    end_of, start_of = pl.col(hidden("end")), pl.col(_FROM)
    is_long = end_of - start_of >= (end_of.max() - start_of.min()) * _NAMED_FROM
    drawn = drawn.with_columns(pl.when(is_long).then("value").otherwise(pl.lit("")).alias(hidden("label")))
    inside: Spec = {
        "mark": {"type": "text", "align": "left", "dx": 4, "limit": 140},
        "encoding": {"x": axis, "y": row, "text": {"field": hidden("label")}},
    }
    layers = [*_bars(drawn, axis, row, {"value": ACCENT}, opacity), inside]
    if events is not None:
        found = _dots(events)
        drawn = pl.concat([drawn, found], how="diagonal")
        layers += _event_layers(axis, row, found)
    about = _spans(lanes, "value")
    return chart(layers, drawn, title=title, about=about, height=ROW_HEIGHT * (len(row["scale"]["domain"]) + 1))


def _merged(frame: pl.DataFrame, start: str, end: str, y: str, color: str | None) -> pl.DataFrame:
    """Return intervals with those of one row and colour that touch as one; ``|open`` says which last."""
    keys = list(dict.fromkeys([y, *([color] if color else [])]))
    for column in (start, end, *keys):
        if column not in frame.columns:
            raise ReportError(f"unknown column {column!r}", hint=f"the columns are {', '.join(frame.columns)}")
    days = pl.col(start, end).cast(pl.Datetime("us")) if frame.schema[start] == pl.Date else pl.col(start, end)
    ordered = frame.select(days, *keys).sort(start, maintain_order=True)
    before = pl.col(end).to_physical().fill_null(_ALWAYS).cum_max().shift().over(keys)
    begins = (pl.col(start).to_physical() > before).fill_null(value=True).cum_sum().over(keys).alias(hidden("run"))
    runs = ordered.with_columns(begins).group_by(*keys, hidden("run"), maintain_order=True)
    is_open = pl.col(end).is_null().any().alias(hidden("open"))
    merged = runs.agg(pl.col(start).min(), pl.col(end).max().alias("|last"), is_open)
    last = pl.when(~pl.col(hidden("open"))).then("|last").alias(end)
    return merged.select(start, last, *keys, hidden("open"))


def _zone(column: pl.Series) -> str | None:
    return column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None


def _closed(drawn: pl.DataFrame, until: Moment | None) -> tuple[pl.DataFrame, pl.Series]:
    """Add ``|end`` where bars end, ``|from`` and ``|to``; return these ends too."""
    known = pl.concat([drawn[_FROM], drawn[_TO].cast(drawn.schema[_FROM])]).drop_nulls()
    end = drawn[_TO].cast(drawn.schema[_FROM]).alias(_FROM)
    if len(known):
        moments: list[datetime] = known.sort().to_list()
        first, latest, zone = moments[0], moments[-1], _zone(known)
        beyond = latest + max((latest - first) / 25, timedelta(hours=1))
        limit = pl.Series([last_instant(until or beyond, zone or "UTC")]).dt.convert_time_zone(zone or "UTC")
        asked: datetime = (limit if zone else limit.dt.replace_time_zone(None)).item()
        end = end.set(end.is_null(), asked if asked > latest else beyond)
    places = [place(drawn[_FROM], "from"), place(end, "to"), end.alias(hidden("end"))]
    return drawn.with_columns(places), end


def _bars(drawn: pl.DataFrame, axis: Spec, row: Spec, colour: Spec, opacity: Spec) -> list[Spec]:
    still: Spec = {
        "transform": [{"filter": "datum['|open']"}],
        "mark": {"type": "text", "align": "left", "dx": 4},
        "encoding": {"x": axis | {"field": hidden("to")}, "y": row, "text": {"value": _STILL}},
    }
    bar: Spec = {
        "mark": {"type": "bar", "height": {"band": _BAND}},
        "encoding": {
            "x": axis,
            "x2": {"field": hidden("to")},
            "y": row,
            "color": colour,
            "opacity": opacity,
            "tooltip": tooltips(drawn),
        },
    }
    return [bar, still]


def _seen(fields: list[str]) -> list[str]:
    """Return the fields that readers may see; all, if they may see none: their values are masked then."""
    hides = readers()
    return [field for field in fields if hides is None or hides.kind(field) != "mask"] or fields


def _lane(frame: pl.DataFrame, field: str) -> pl.DataFrame:
    texts = plain(frame[field]).cast(pl.String)
    if frame.schema[field] == pl.Boolean:
        texts = texts.replace({"true": "yes", "false": "no"})
    return frame.select(_FROM, _TO, pl.lit(label(field)).alias("field"), texts.alias("value")).drop_nulls("value")


def _shaded(drawn: pl.DataFrame) -> pl.DataFrame:
    """Add ``|shade``: strong where a flag says yes, weak where it says no, and two by turns for other values."""
    number = pl.int_range(pl.len()).over("field") % 2
    shade = pl.when(number == 0).then(0.3).otherwise(0.5)
    shade = pl.when(pl.col("value") == "yes").then(0.75).when(pl.col("value") == "no").then(0.12).otherwise(shade)
    return drawn.with_columns(shade.alias(hidden("shade")))


def _dots(events: pl.DataFrame) -> pl.DataFrame:
    columns = ["at", "type", *(["recorded_at"] if "recorded_at" in events.columns else [])]
    found = checked(events, *columns)
    recorded = found[columns[-1] if "recorded_at" in columns else "at"]
    late = (recorded - found["at"]) >= timedelta(days=1)
    return found.with_columns(
        place(found["at"], "event"),
        place(recorded, "recorded").set(~late.fill_null(value=False), None),
        pl.lit("events").alias(hidden("name")),
    )


def _event_layers(axis: Spec, row: Spec, found: pl.DataFrame) -> list[Spec]:
    at = axis | {"field": hidden("event")}
    only: Spec = {"transform": [{"filter": "datum['|event'] != null"}]}
    late: Spec = {"transform": [{"filter": "datum['|recorded'] != null"}]}
    line: Spec = {"x": at, "x2": {"field": hidden("recorded")}, "y": row}
    dot: Spec = {"type": "point", "filled": True, "size": 45, "opacity": 1, "color": ACCENT}
    return [
        late | {"mark": {"type": "rule", "strokeWidth": 3, "color": "#d25a00"}, "encoding": line},
        only | {"mark": dot, "encoding": {"x": at, "y": row, "tooltip": tooltips(found)}},
    ]


def _spans(drawn: pl.DataFrame, column: str) -> str:
    rows = drawn.sort(_FROM).select(_FROM, _TO, column).rows()
    texts = categories(pl.Series([row[2] for row in rows], dtype=drawn.schema[column])).cast(pl.String)
    parts = [
        f"{'–' if text is None else text} from {moment_text(start)} {f'to {moment_text(end)}' if end else 'on'}"
        for text, (start, end, _) in zip(texts, rows, strict=True)
    ]
    more = f"; and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    return "; ".join(parts[:_MOST_NAMED]) + more + "."
