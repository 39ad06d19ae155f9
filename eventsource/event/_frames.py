"""Frames of events from users: checks, defaults, and one error for all faults."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, Final, Never

import msgspec
import polars as pl

from eventsource.errors import FrameError
from eventsource.event._envelope import ENVELOPE, REQUIRED, TIMESTAMP
from eventsource.moment import null_outside_calendar, parse_times, time_unit

__all__ = ["check_events", "events_from_dicts", "json_text"]

_NOT_FINITE: Final = "expected finite numbers, got NaN or an infinity, which JSON does not have"
_OBJECT: Final = msgspec.json.Decoder(msgspec.defstruct("AnyObject", []))  # skips every member
_JSON: Final = ("data", "metadata")
_TIMES: Final = ("occurred_at", "recorded_at")
_DEFAULTS: Final = {
    "version": pl.lit(None, pl.Int64),
    "recorded_at": pl.lit(None, TIMESTAMP),  # every null in it becomes occurred_at
    "data": pl.lit("{}"),
    "metadata": pl.lit(None, pl.String),
}


def check_events(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` as `ENVELOPE`, or raise one error that names every fault.

    Columns may come in any order. ``version``, ``recorded_at`` (default: ``occurred_at``), ``data`` (default:
    ``{}``) and ``metadata`` may be absent. A column that is not part of the envelope is an error. Times may have
    any unit and zone; without a zone they are UTC, and digits finer than microseconds are cut off. They must be
    in the years 1 to 9999. A null in ``recorded_at`` means ``occurred_at``, a null in ``data`` means ``{}``.
    ``data`` and ``metadata`` may also be struct columns.

    Raises:
        FrameError: one line per fault: missing or unknown columns, wrong dtypes, nulls, impossible times,
            and data that is not the text of a JSON object.
    """
    faults = [f"column {name!r} is missing" for name in REQUIRED if name not in frame.columns]
    faults += [_unknown(f"column {name!r}") for name in frame.columns if name not in ENVELOPE]
    present = frame.with_columns(
        default.alias(name)
        for name, default in _DEFAULTS.items()
        if name not in frame.columns and "occurred_at" in frame.columns
    )
    columns = [_column(present[name], faults) for name in ENVELOPE if name in present.columns]
    if faults:
        _raise(faults)
    events = pl.DataFrame(columns).with_columns(
        pl.col("recorded_at").fill_null(pl.col("occurred_at")),
        pl.col("data").fill_null("{}"),
    )
    faults += [
        f"column {name!r} has {count} nulls, the first in row {present[name].is_null().arg_max()}"
        for name in REQUIRED
        if (count := present[name].null_count())
    ]
    faults += [fault for name in _TIMES if (fault := _calendar_fault(present[name])) is not None]
    faults += [fault for name in _JSON if (fault := _object_fault(events[name])) is not None]
    if faults:
        _raise(faults)
    return events


def events_from_dicts(events: list[dict[str, Any]]) -> pl.DataFrame:
    """Return dicts as a frame for `check_events`; ``data`` and ``metadata`` may be dicts or JSON text.

    Times may be `datetime` objects or ISO 8601 texts; a text without a zone is UTC.

    Raises:
        FrameError: a member that an event does not have, or a value that its column cannot hold.
    """
    if others := [event for event in events if not isinstance(event, Mapping)]:
        raise FrameError(
            f"expected dicts, got {others[0]!r}", hint='such as {"event_id": "o-1", "stream": "a", …}'
        )
    columns = {name: [event.get(name) for event in events] for name in ENVELOPE}
    unknown = sorted({name for event in events for name in event} - set(ENVELOPE))
    faults = [_unknown(f"{name!r}") for name in unknown]
    series = []
    for name, dtype in ENVELOPE.items():
        values = columns[name]
        if name in _JSON:
            values = [json_text(name, value) for value in values]
        try:
            series.append(_series(name, values, dtype))
        except (TypeError, ValueError, pl.exceptions.PolarsError, OverflowError) as error:
            faults.append(f"column {name!r}: {error}")
    if faults:
        _raise(faults)
    return pl.DataFrame(series)


def _unknown(what: str) -> str:
    return f"{what} is not part of an event (put it into data or metadata)"


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == TIMESTAMP:
        return _times(name, values)
    return pl.Series(name, values, dtype=dtype, strict=True)


def _times(name: str, values: list[Any]) -> pl.Series:
    texts = [value if isinstance(value, str) else None for value in values]
    others = [None if isinstance(value, str) else value for value in values]
    if wrong := [value for value in others if not isinstance(value, date | None)]:
        raise TypeError(f"expected a time, got {wrong[0]!r}")
    aware = [
        value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
        for value in others
    ]
    times = pl.Series(name, aware, TIMESTAMP)
    if all(text is None for text in texts):
        return times
    parsed = parse_times(pl.Series(name, texts, pl.String))
    for text, instant in zip(texts, parsed, strict=True):
        if text is not None and instant is None:
            raise ValueError(f"expected a time, got {text!r}")
    return parsed.fill_null(times)


def json_text(name: str, value: Any) -> str | None:
    """Return a payload as JSON text; a text and null stay as they are.

    Args:
        name: what the payload is, for the error: ``data`` or ``metadata``.
        value: a dict, a text, or None.

    Raises:
        FrameError: it holds NaN or an infinity, or a text that UTF-8 cannot encode.
    """
    if value is None or isinstance(value, str):
        return value
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        raise FrameError(
            f"{name}: expected texts that UTF-8 can encode: {error}", hint="leave them out"
        ) from error
    if "null" in text and _has_no_json(value):  # msgspec writes null for such a number
        raise FrameError(
            f"{name}: {_NOT_FINITE}",
            hint="leave the member out, or write it as a text",
        )
    return text


def _has_no_json(value: Any) -> bool:
    """Return whether a value holds NaN or an infinity."""
    if isinstance(value, Mapping):
        return any(map(_has_no_json, value.values()))
    if isinstance(value, list | tuple | AbstractSet):
        return any(map(_has_no_json, value))
    return isinstance(value, float) and not isfinite(value)


def _column(column: pl.Series, faults: list[str]) -> pl.Series:
    """Return a column with the envelope's dtype; append to ``faults`` if it cannot have it."""
    name, dtype = column.name, ENVELOPE[column.name]
    if column.dtype == dtype:
        return column
    if isinstance(column.dtype, pl.Datetime) and dtype == TIMESTAMP:
        micros = null_outside_calendar(column).dt.cast_time_unit("us")  # `_calendar_fault` reports the nulls
        aware = micros if column.dtype.time_zone else micros.dt.replace_time_zone("UTC")
        return aware.dt.convert_time_zone("UTC")
    if column.dtype == pl.Null or (dtype == pl.Int64 and column.dtype.is_integer()):
        return _cast(column, dtype, faults)
    if name in _JSON and isinstance(column.dtype, pl.Struct):
        return _encoded(column, faults)
    if dtype == pl.String and isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return column.cast(pl.String)
    faults.append(f"column {name!r}: expected {dtype}, got {column.dtype}")
    return column.clear().cast(dtype, strict=False)


def _encoded(column: pl.Series, faults: list[str]) -> pl.Series:
    """Return structs as JSON text; append to ``faults`` what JSON does not have."""
    for part in _parts(column):
        if part.dtype in (pl.Binary, pl.Object):
            faults.append(f"column {column.name!r}: expected members that JSON has, got {part.dtype}")
        elif part.dtype.is_float() and not part.is_finite().all():  # Polars writes null for such a number
            faults.append(f"column {column.name!r}: {_NOT_FINITE}")
        else:
            continue
        return pl.Series(column.name, [], pl.String)
    return column.struct.json_encode().set(column.is_null(), None)  # not the text null


def _parts(column: pl.Series) -> Iterator[pl.Series]:
    """Yield the columns of values that a nested column consists of."""
    if isinstance(column.dtype, pl.Struct):
        for field in column.struct.fields:
            yield from _parts(column.struct.field(field))
    elif isinstance(column.dtype, pl.List | pl.Array):
        yield from _parts(column.explode())
    else:
        yield column


def _cast(column: pl.Series, dtype: pl.DataType, faults: list[str]) -> pl.Series:
    try:
        return column.cast(dtype)
    except pl.exceptions.PolarsError as error:
        faults.append(f"column {column.name!r}: {error}")
        return column.clear().cast(dtype, strict=False)


def _calendar_fault(times: pl.Series) -> str | None:
    """Return a sentence about times outside the calendar, or None."""
    inside = null_outside_calendar(times)
    if inside.null_count() == times.null_count():
        return None
    outside = (times.is_not_null() & inside.is_null()).arg_true()
    number = times.to_physical()[outside[0]]
    which = f"{len(outside)} times outside the years 1 to 9999, the first in row {outside[0]}: {number}"
    return f"column {times.name!r} has {which} (is {time_unit(times)!r} their unit?)"


def _object_fault(texts: pl.Series) -> str | None:
    """Return a sentence about the first text that is not one JSON object, or None."""
    for row, text in enumerate(texts):
        try:
            if text is not None:
                _OBJECT.decode(text)
        except msgspec.DecodeError as error:
            return f"column {texts.name!r}: expected a JSON object, got {text[:80]!r} in row {row}: {error}"
    return None


def _raise(faults: list[str]) -> Never:
    many = f"{len(faults)} faults" if len(faults) > 1 else "a fault"
    raise FrameError(
        f"this frame of events has {many}:\n  " + "\n  ".join(faults),
        hint=f"events have the columns {', '.join(ENVELOPE)}",
    )
