"""Columns of moments as instants of UTC."""

from datetime import date, datetime, tzinfo
from typing import Final

import polars as pl

from eventsource.errors import MomentError
from eventsource.moment._instants import (
    LATEST,
    LEAP_SECOND,
    LEAP_SECOND_IS,
    TICK,
    Moment,
    instant_of_local_time,
    last_instant,
    time_zone,
)

__all__ = [
    "FIRST_MICROSECOND",
    "LAST_MICROSECOND",
    "check_calendar",
    "last_instants",
    "localised",
    "null_outside_calendar",
    "parse_times",
    "time_unit",
]

FIRST_MICROSECOND: Final = -62_135_596_800_000_000
"""The first instant of the calendar, in the year 1, in microseconds since 1970."""

LAST_MICROSECOND: Final = 253_402_300_799_999_999
"""The last instant of the calendar, in the year 9999; Python's datetimes end there."""

_UTC_TYPE: Final = pl.Datetime("us", "UTC")
_MICROSECONDS: Final = {"ms": 1_000, "us": 1, "days": 86_400_000_000}
_NAIVE_FORMATS: Final = (
    *("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"),
    "%Y-%m-%d",  # to_datetime reads a date as its midnight
)
_ZONED_FORMATS: Final = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")


def last_instants(column: pl.Series, tz: str | tzinfo = "UTC") -> pl.Series:
    """Return the last instant of each moment in a column of dates, datetimes or texts; null stays null.

    Raises:
        MomentError: the column has another dtype, a text in it is not a moment, or a time is outside the calendar.
    """
    check_calendar(column)
    dtype = column.dtype
    if dtype == pl.Null:
        return column.cast(_UTC_TYPE)
    if dtype == pl.String:
        return pl.Series(column.name, [_last_instant_or_none(text, tz) for text in column], _UTC_TYPE)
    zone = str(time_zone(tz))
    local = pl.col(column.name)
    if dtype == pl.Date:
        next_midnight = local.dt.offset_by("1d").cast(pl.Datetime("us"))
        moment = pl.when(local == date.max).then(LATEST).otherwise(localised(next_midnight, zone) - TICK)
    elif isinstance(dtype, pl.Datetime):
        micros = local.dt.cast_time_unit("us")
        moment = micros if dtype.time_zone else localised(micros, zone)
    else:
        raise MomentError(
            f"column {column.name!r}: expected moments, got {dtype}", hint="moments are dates, datetimes or texts"
        )
    return column.to_frame().select(moment.dt.convert_time_zone("UTC")).to_series()


def parse_times(texts: pl.Series, tz: str | tzinfo = "UTC") -> pl.Series:
    """Return ISO 8601 texts as instants; null where a text is not a time or names an impossible one.

    A text without a zone is local to ``tz``, see `localised`. A text of a date alone is its midnight. A leap
    second (``23:59:60``) is the last microsecond of its minute. The years before 1 and after 9999 are impossible.
    """
    from eventsource.moment._fixed_width import fixed_width_times  # noqa: PLC0415 - numpy, only where columns are read

    if (found := fixed_width_times(texts)) is None:
        return _parse(texts, tz)
    times, others = found
    return times.scatter(others, _parse(texts.gather(others), tz)) if len(others) else times


def _parse(texts: pl.Series, tz: str | tzinfo) -> pl.Series:
    """Return texts of any form as instants, see `parse_times`; each format is tried where those before fail."""
    if texts.str.contains(":60", literal=True).any():
        texts = texts.str.replace(LEAP_SECOND.pattern, "${1}" + LEAP_SECOND_IS)
    found = texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    others = (found.is_null() & texts.is_not_null()).arg_true()
    left = texts.gather(others)
    for format_ in (*_NAIVE_FORMATS, *_ZONED_FORMATS):
        if not len(left):
            break
        zone = None if format_ in _NAIVE_FORMATS else "UTC"
        some = left.str.to_datetime(format_, time_unit="us", time_zone=zone, strict=False)
        if some.null_count() < len(some):
            times = _localised(some, str(time_zone(tz))) if zone is None else some
            found = found.scatter(others, times)
            others, left = others.filter(times.is_null()), left.filter(times.is_null())
    return null_outside_calendar(found)


def null_outside_calendar(times: pl.Series) -> pl.Series:
    """Return dates, or times of any unit and zone, with null in place of those outside the years 1 to 9999."""
    micros = _MICROSECONDS.get(time_unit(times))
    if micros is None or times.null_count() == len(times):
        return times  # 64 bits of nanoseconds end in 2262, inside the calendar
    numbers, first, last = times.to_physical(), FIRST_MICROSECOND // micros, LAST_MICROSECOND // micros
    if first <= numbers.min() and numbers.max() <= last:  # type: ignore[operator]  # integers
        return times
    return times.set(~numbers.is_between(first, last).fill_null(value=False), None)


def check_calendar(column: pl.Series) -> None:
    """Raise an error if a column of dates or times has one outside the years 1 to 9999.

    Raises:
        MomentError: it has. The message names the first such row.
    """
    if column.dtype != pl.Date and not isinstance(column.dtype, pl.Datetime):
        return
    is_far = null_outside_calendar(column).is_null() & column.is_not_null()
    if is_far.any():
        raise MomentError(
            f"column {column.name!r}: expected moments of the years 1 to 9999, "
            f"got another one in row {is_far.arg_max()}",
            hint="null takes a row out; for after all events take the moment 9999-12-31",
        )


def time_unit(times: pl.Series) -> str:
    """Return what the physical integers of dates or times count: ``days``, ``ms``, ``us`` or ``ns``."""
    return "days" if times.dtype == pl.Date else str(getattr(times.dtype, "time_unit", None))


def localised(naive: pl.Expr, zone: str) -> pl.Expr:
    """Return local times of a zone as instants.

    Of a time that a clock change repeats, the first instant is meant. A time that a clock change skips is taken
    with the offset before the gap, as by `instant_of_local_time`.
    """
    return naive.map_batches(lambda times: _localised(times, zone), return_dtype=_UTC_TYPE)


def _localised(times: pl.Series, zone: str) -> pl.Series:
    local = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    skipped = (local.is_null() & times.is_not_null()).arg_true()
    instants = [instant_of_local_time(time, zone) for time in times.gather(skipped)]
    found = local.dt.convert_time_zone("UTC")
    return found.scatter(skipped, instants) if instants else found


def _last_instant_or_none(moment: Moment | None, tz: str | tzinfo) -> datetime | None:
    return None if moment is None else last_instant(moment, tz)
