"""Rows of a table as events: whole columns at once, or row by row where a value needs it.

Columns at once, with ``event_id="seq"``, ``stream="{kind}-{no}"``::

    seq  kind   no   body              event_id  stream   data
    1    order  17   {"amount": 10}    1         order-17 {"amount": 10}
    2    order  18   {"amount": 5}     2         order-18 {"amount": 5}

If a value does not fit (a null id, a text that is not a time, a payload that is not an object), the rows are
decoded one by one, which gives each event or the reason why a row is rejected.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.event import ENVELOPE, TIMESTAMP
from eventsource.moment import null_outside_calendar
from eventsource.sources._cells import cells
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._table_plan import Column
from eventsource.sources._texts import TextColumn
from eventsource.sources._times import TimeReader
from eventsource.sources._values import MALFORMED

__all__ = ["events_of_columns", "members_of_rows"]

_TEXTS: Final = ("event_id", "stream", "type")
_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_OBJECT: Final = msgspec.json.Decoder(msgspec.defstruct("AnyObject", []))
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def members_of_rows(frame: pl.DataFrame, columns: Sequence[Column]) -> Iterator[Mapping[str, Any]]:
    """Yield the members of each row: JSON stays verbatim, and so do numbers."""
    values = [_values(frame[each.name], each) for each in columns]
    names = [each.name for each in columns]
    return (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _values(series: pl.Series, column: Column) -> list[Any]:
    values = cells(series)
    if column.kind == "json":
        return [None if value is None else msgspec.Raw(value.encode()) for value in values]
    if column.kind == "number":
        return [
            msgspec.Raw(value.encode()) if value is not None and _NUMBER.fullmatch(value) else value
            for value in values
        ]
    return values


def events_of_columns(
    frame: pl.DataFrame, columns: Sequence[Column], mapping: FieldMapping, times: TimeReader, place: str
) -> pl.DataFrame | None:
    """Return the events of rows; None if they must be decoded one by one.

    Args:
        frame: the rows, with ``@position``.
        columns: what its columns are.
        mapping: which column is which of the envelope.
        times: how times are read.
        place: the name of the table.
    """
    kinds = {each.name: each.kind for each in columns} | {"@position": "plain", "@place": "plain"}
    frame = frame.with_columns(pl.lit(place).alias("@place"))
    found: dict[str, pl.Series] = {}
    for name in ENVELOPE:
        series = _column(name, frame, kinds, mapping, times)
        if series is None:
            return None
        found[name] = series
    path = mapping.paths.get("occurred_at", "occurred_at")
    if frame[str(path)].dtype == pl.String:
        times.count_without_zone(frame[str(path)].to_list())
    found["recorded_at"] = found["recorded_at"].fill_null(found["occurred_at"])
    return pl.DataFrame(found, schema=ENVELOPE)


def _column(
    name: str, frame: pl.DataFrame, kinds: Mapping[str, str], mapping: FieldMapping, times: TimeReader
) -> pl.Series | None:
    """Return one column of the envelope; None if a value does not fit, or it is not made of whole columns."""
    if name in mapping.constants:
        return pl.Series([mapping.constants[name]] * frame.height, dtype=pl.String) if name in _TEXTS else None
    if name in _TEXTS:
        return _text(name, frame, kinds, mapping)
    path = mapping.paths.get(name, name)
    if path not in frame.columns:
        # A path that was given may lead into a payload, where no whole column is.
        is_absent = name not in mapping.paths and name not in ("occurred_at", "data")
        return pl.Series([None] * frame.height, dtype=ENVELOPE[name]) if is_absent else None
    series = frame[str(path)]
    if name == "version":
        return series.cast(pl.Int64) if series.dtype.is_integer() else None
    if name in ("data", "metadata"):
        return _objects(series, kinds[str(path)], is_required=name == "data")
    return _times(series, times, is_required=name == "occurred_at")


def _text(name: str, frame: pl.DataFrame, kinds: Mapping[str, str], mapping: FieldMapping) -> pl.Series | None:
    given = mapping.paths.get(name, "id" if name == "event_id" and "event_id" not in frame.columns else name)
    if isinstance(given, str) and TextColumn(name, given).is_path:
        return _filled(frame, given, kinds)
    if not isinstance(given, str):
        parts = [_filled(frame, part, kinds) for part in given]
        escaped = [None if part is None else part.str.replace_all(r"([\\:])", r"\${1}") for part in parts]
        return _joined(escaped, ":")
    pieces: list[pl.Series | None] = []
    end = 0
    for placeholder in _PLACEHOLDER.finditer(given):
        pieces.append(_literal(given[end : placeholder.start()], frame.height))
        end = placeholder.end()
        part = placeholder[1]
        is_brace = part is None
        pieces.append(_literal(placeholder[0][0], frame.height) if is_brace else _filled(frame, part, kinds))
    return _joined([*pieces, _literal(given[end:], frame.height)], "")


def _literal(text: str, height: int) -> pl.Series:
    return pl.Series([text] * height, dtype=pl.String)


def _joined(parts: Sequence[pl.Series | None], separator: str) -> pl.Series | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    frame = pl.DataFrame({str(number): part for number, part in enumerate(known)})
    return frame.select(pl.concat_str(pl.all(), separator=separator)).to_series()


def _filled(frame: pl.DataFrame, path: str, kinds: Mapping[str, str]) -> pl.Series | None:
    """Return a column of texts or integers as texts; None if it has nulls or empty texts, or is something else."""
    if path not in frame.columns or kinds.get(path) != "plain":
        return None
    series = frame[path]
    if series.null_count() or not (series.dtype == pl.String or series.dtype.is_integer()):
        return None
    texts = series.cast(pl.String)
    return None if (texts == "").any() else texts


def _times(series: pl.Series, times: TimeReader, *, is_required: bool) -> pl.Series | None:
    if is_required and series.null_count():
        return None
    if isinstance(series.dtype, pl.Datetime):
        has_zone = series.dtype.time_zone is not None
        if null_outside_calendar(series).null_count() > series.null_count():
            return None
        return series.dt.convert_time_zone("UTC").cast(TIMESTAMP) if has_zone else None
    if series.dtype != pl.String:
        return None
    found = times.read(series.to_list())
    return None if found.null_count() > series.null_count() else found


def _objects(series: pl.Series, kind: str, *, is_required: bool) -> pl.Series | None:
    """Return texts of JSON objects; None if one is something else."""
    if series.dtype != pl.String:
        return series.cast(pl.String) if series.dtype == pl.Null and not is_required else None
    if not series.str.starts_with("{").fill_null(value=True).all():
        return None
    if kind != "json":
        try:
            for text in series.drop_nulls():
                _OBJECT.decode(text)
        except MALFORMED:
            return None
    return series.fill_null("{}") if is_required else series
