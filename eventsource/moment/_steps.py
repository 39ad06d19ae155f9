"""Steps of a duration: every 15 minutes, every day, every month-end."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

import polars as pl

from eventsource.errors import MomentError
from eventsource.moment._columns import localised
from eventsource.moment._instants import (
    Moment,
    end_of_calendar,
    first_instant,
    last_instant,
    midnight,
    parse_moment,
    time_zone,
)

__all__ = ["first_days_back_from", "is_calendar_step", "last_day_of_step", "last_days_of_steps", "steps"]

_DAY: Final = timedelta(days=1)
_MOST_STEPS: Final = 2_000_000
"""More steps than this are a mistake, such as days up to the end date 9999-12-31."""

_DURATION_HINT: Final = 'durations are such as "15m", "1d" or "1mo"'
_DATE_HINT: Final = 'dates take steps of days or more; give since= as a datetime, such as "2024-06-30T00:00"'


def steps(since: Moment, until: Moment, every: str, tz: str | tzinfo = "UTC") -> list[date | datetime]:
    """Return ``since``, ``since + every``, … up to ``until`` inclusive.

    Each step is counted from ``since``, so month-ends do not drift: 31 January, 29 February, 31 March. Steps of
    days or more keep the local time of ``since``, even if a clock change skips that time on one of the days. Two
    dates give dates, anything else gives instants of UTC.

    Args:
        since: the first moment.
        until: the last moment that may be in the answer.
        every: a Polars duration such as ``"1d"``, ``"1w"``, ``"1mo"``, ``"1q"``, ``"15m"``.
        tz: the zone of moments that name none.

    Raises:
        MomentError: ``every`` is not a positive duration, or there are millions of steps.
    """
    first, last = parse_moment(since), parse_moment(until)
    if not isinstance(first, datetime) and not isinstance(last, datetime):
        column = pl.Series([first], dtype=pl.Date)
        return _steps_up_to(column, last, every).to_list()
    begin, end = (
        max(first_instant(since, tz), midnight(date.min, tz)),
        min(last_instant(until, tz), end_of_calendar(tz)),
    )
    if begin > end:
        return []
    if not is_calendar_step(every):
        return _steps_up_to(pl.Series([begin], dtype=pl.Datetime("us", "UTC")), end, every).to_list()
    return [begin, *_calendar_steps(_local_time(since, begin, tz), end, every, tz)[1:]]


def _local_time(since: Moment, begin: datetime, tz: str | tzinfo) -> datetime:
    """Return the local time that ``since`` names, even if a clock change skips it; ``begin`` is its instant."""
    value = parse_moment(since)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    return begin.astimezone(time_zone(tz)).replace(tzinfo=None)


def _calendar_steps(local: datetime, end: datetime, every: str, tz: str | tzinfo) -> list[datetime]:
    """Return the instants of local times, counted from the first one, up to ``end``.

    From 02:30 on 30 March 2024 in Warsaw, a step a day; on the 31st clocks went from 02:00 to 03:00::

        local time    30th 02:30    31st 02:30    1st 02:30
        instant       30th 01:30    31st 01:30    1st 00:30         on the 31st, clocks show 03:30
    """
    zone = time_zone(tz)
    # A day more, since clocks show an earlier time for a later instant after they went back.
    last = end.astimezone(zone).date()
    limit = datetime.combine(last + _DAY if last < date.max else last, time.max)
    times = _steps_up_to(pl.Series("at", [local]).dt.cast_time_unit("us"), limit, every)
    instants = times.to_frame().select(localised(pl.col("at"), str(zone))).to_series()
    return instants.filter(instants <= end).to_list()


def is_calendar_step(every: str) -> bool:
    """Return whether a duration counts days or more: such a step ends with a day."""
    return re.fullmatch(r"[1-9]\d*(d|w|mo|q|y)", every) is not None


def last_days_of_steps(first: date, last: date, every: str) -> list[date | datetime]:
    """Return the last day of each calendar step, from the step of ``first`` to the step of ``last``.

    Month-ends for ``"1mo"``, Sundays for ``"1w"``, the days themselves for ``"1d"``.
    """
    begin = pl.Series([first]).dt.truncate(every)
    return _last_days(_steps_up_to(begin, last, every), every).to_list()


def first_days_back_from(day: date, every: str) -> Iterator[date]:
    """Yield the first day of the calendar step that holds ``day``, then of each earlier step."""
    while True:
        begin: date = pl.Series([day]).dt.truncate(every).clip(date.min).item()
        yield begin
        if begin == date.min:
            return
        day = begin - timedelta(days=1)


def last_day_of_step(first_day: date, every: str) -> date:
    """Return the last day of the step that begins on ``first_day``."""
    last_day: date = _last_days(pl.Series([first_day]), every).item()
    return last_day


def _last_days(first_days: pl.Series, every: str) -> pl.Series:
    return first_days.dt.offset_by(every).dt.offset_by("-1d").clip(date.min, date.max)


def _steps_up_to(first: pl.Series, last: date, every: str) -> pl.Series:
    """Return the steps from ``first`` (one row) up to ``last``: 50 at a time at first, then four times as many."""
    duration = re.fullmatch(r"(\d+)([a-z]+)", every)
    if duration is None or int(duration[1]) < 1:
        raise MomentError(f"expected a positive duration, got {every!r}", hint=_DURATION_HINT)
    count, limit = 50, pl.Series([last]).cast(first.dtype)
    while True:
        candidates = _add_offsets(first, [f"{n * int(duration[1])}{duration[2]}" for n in range(count)], every)
        found = candidates.filter(candidates <= limit)
        if len(stuck := (found.diff() <= timedelta()).arg_true()):
            hint = _DATE_HINT if first.dtype == pl.Date else _DURATION_HINT
            raise MomentError(f"steps of {every!r} do not get past {found[stuck[0] - 1]}", hint=hint)
        if len(found) < count:
            return found
        if count == _MOST_STEPS:
            raise MomentError(
                f"there are millions of steps of {every!r} up to {last}",
                hint="give since= and until=, or a longer step",
            )
        count = min(4 * count, _MOST_STEPS)


def _add_offsets(first: pl.Series, offsets: list[str], every: str) -> pl.Series:
    try:
        pairs = pl.DataFrame([first.new_from_index(0, len(offsets)).alias("at"), pl.Series("by", offsets)])
        return pairs.select(pl.col("at").dt.offset_by(pl.col("by"))).to_series()
    except (pl.exceptions.PolarsError, OverflowError) as error:
        why = str(error).partition("\n")[0]
        raise MomentError(f"expected a duration, got {every!r}: {why}", hint=_DURATION_HINT) from error
