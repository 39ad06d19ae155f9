"""Moments: what a date, a datetime or a text means as an instant, for one value or a whole column.

The rules of the specification:

* a datetime means that instant, inclusive; without a zone it is local to ``tz``;
* a date (``date`` or ``"2024-06-30"``) means that whole day in ``tz``, closed at its end;
* instants are UTC and have microseconds; finer digits are cut off;
* the first and the last day of the calendar hold all that is before and after them.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from eventsource.errors import MomentError

__all__ = [
    "FIRST",
    "LAST",
    "Moment",
    "day_of",
    "instant",
    "instants",
    "is_calendar_step",
    "label",
    "microseconds",
    "parse_times",
    "possible",
    "relative",
    "skipped",
    "start",
    "step_after",
    "step_begins",
    "step_ends",
    "steps",
    "unit_of",
    "zone",
]

Moment = str | date | datetime
"""What may name a moment: a datetime, a date, or the ISO 8601 text of one."""

FIRST: Final = -62_135_596_800_000_000
"""The first instant of the calendar, that of the year 1, in microseconds since 1970."""

LAST: Final = 253_402_300_799_999_999
"""Its last one, that of the year 9999: Python knows no others."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_DAYS: Final = re.compile(r"([+-]\d{1,6})d")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_MOST: Final = 2_000_000
"""So many steps are a slip: those of days up to an event that stands for ever, in the year 9999."""
_UTC_TYPE: Final = pl.Datetime("us", "UTC")
_MICROS: Final = {"ms": 1_000, "us": 1, "days": 86_400_000_000}


def zone(tz: str | tzinfo) -> tzinfo:
    """Return the zone that ``tz`` names.

    Raises:
        MomentError: there is no such zone.
    """
    if isinstance(tz, tzinfo):
        return tz
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MomentError(
            f"there is no time zone {tz!r}", hint='zones are named as in "Europe/Warsaw" or "UTC"'
        ) from error


def instant(moment: Moment, tz: str | tzinfo = "UTC") -> datetime:
    """Return the last instant that belongs to ``moment``, in UTC: a date ends with its day.

    Raises:
        MomentError: ``moment`` names no moment.
    """
    value = label(moment)
    if isinstance(value, datetime):
        return _utc(value, tz)
    return _midnight(value + timedelta(days=1), tz) - _TICK if value < date.max else _LATEST


def start(moment: Moment, tz: str | tzinfo = "UTC") -> datetime:
    """Return the first instant that belongs to ``moment``, in UTC: a date begins at its midnight."""
    value = label(moment)
    if isinstance(value, datetime):
        return _utc(value, tz)
    return _midnight(value, tz) if value > date.min else _EARLIEST


def day_of(moment: datetime, tz: str | tzinfo) -> date:
    """Return the day of an instant in ``tz``; where the calendar has it not, the day that is next to it."""
    try:
        return moment.astimezone(zone(tz)).date()
    except OverflowError:
        return date.min if moment.year == 1 else date.max


def label(moment: Moment) -> date | datetime:
    """Return ``moment`` as the date or datetime that it names; zones are kept as they are."""
    if isinstance(moment, str):
        return _parse(moment)
    if isinstance(moment, datetime):
        plain = getattr(moment, "to_pydatetime", None)
        return plain(warn=False) if plain else moment  # a pandas Timestamp drops its nanoseconds
    if isinstance(moment, date):
        return moment
    raise MomentError(f"{moment!r} is not a moment", hint='use a date, a datetime or a text such as "2024-06-30"')


def relative(text: str, tz: str | tzinfo = "UTC", *, now: datetime | None = None) -> date | datetime | None:
    """Return the moment that a word names as seen from now, None for all other texts.

    The words are ``now``, ``today``, ``yesterday``, ``month_end`` (of the last full month), and ``-7d``, ``+1d``.
    Those who take what a person types resolve them, so that what is asked names its day.

    Args:
        text: a word.
        tz: the zone whose days are meant.
        now: default: now.

    Raises:
        MomentError: days that lead out of the calendar.
    """
    instant_now = now or datetime.now(UTC)
    today = instant_now.astimezone(zone(tz)).date()
    named: dict[str, date | datetime] = {
        "now": instant_now,
        "today": today,
        "yesterday": _shift(today, -1),
        "month_end": _shift(today.replace(day=1), -1),
    }
    days = _DAYS.fullmatch(text)
    return _shift(today, int(days[1])) if days else named.get(text)


def skipped(text: str, tz: str | tzinfo) -> bool:
    """Say whether a text names a local time that a change of clocks in ``tz`` skips: it does not exist there."""
    try:
        naive = datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    if naive.tzinfo is not None:
        return False
    try:
        return naive.replace(tzinfo=zone(tz)).astimezone(UTC).astimezone(zone(tz)).replace(tzinfo=None) != naive
    except OverflowError:
        return False


def microseconds(moment: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (moment - _EPOCH) // _TICK


def instants(column: pl.Series, tz: str | tzinfo = "UTC") -> pl.Series:
    """Return a column of moments (dates, datetimes or texts) as instants; null stays null.

    Raises:
        MomentError: the column holds something else.
    """
    dtype = column.dtype
    if dtype == pl.Null:
        return column.cast(_UTC_TYPE)
    if dtype == pl.String:
        return pl.Series(column.name, [_maybe(text, tz) for text in column], _UTC_TYPE)
    name = str(zone(tz))
    local = pl.col(column.name)
    if dtype == pl.Date:
        midnight = local.dt.offset_by("1d").cast(pl.Datetime("us"))
        moment = pl.when(local >= date.max).then(_LATEST).otherwise(_localised(midnight, name) - _TICK)
    elif isinstance(dtype, pl.Datetime):
        micros = local.dt.cast_time_unit("us")
        moment = micros if dtype.time_zone else _localised(micros, name)
    else:
        raise MomentError(f"column {column.name!r} holds {dtype}, not moments")
    return _unskipped(column.to_frame().select(moment.dt.convert_time_zone("UTC")).to_series(), column, tz)


def steps(since: Moment, until: Moment, every: str, tz: str | tzinfo = "UTC") -> list[date | datetime]:
    """Return ``since``, ``since + every``, … up to ``until`` inclusive.

    Calendar steps count from ``since``, so month-ends do not drift: 31 January, 29 February,
    31 March. Two dates give dates, anything else gives datetimes.

    Args:
        since: the first moment.
        until: the last moment that may be in the answer.
        every: a Polars duration such as ``"1d"``, ``"1w"``, ``"1mo"``, ``"1q"``, ``"15m"``.
        tz: the zone of moments that name none.

    Raises:
        MomentError: ``every`` is no duration, does not lead forward, or makes millions of steps.
    """
    first, last = label(since), label(until)
    if not isinstance(first, datetime) and not isinstance(last, datetime):
        column = pl.Series([first], dtype=pl.Date)
        return _walk(column, last, every).to_list()
    begin, end = max(start(since, tz), _midnight(date.min, tz)), min(instant(until, tz), _end(tz))
    if begin > end:
        return []
    column = pl.Series([begin.astimezone(zone(tz))]).dt.cast_time_unit("us")
    return _walk(column, end, every).to_list()


def is_calendar_step(every: str) -> bool:
    """Say whether a duration is of days or more: such steps end with a day."""
    return re.fullmatch(r"[1-9]\d*(d|w|mo|q|y)", every) is not None


def step_ends(first: date, last: date, every: str) -> list[date | datetime]:
    """Return the last days of the calendar steps from the one of ``first`` to the one of ``last``.

    Month-ends for ``"1mo"``, Sundays for ``"1w"``, the days themselves for ``"1d"``.
    """
    begin = pl.Series([first]).dt.truncate(every)
    return _last_days(_walk(begin, last, every), every).to_list()


def step_begins(day: date, every: str) -> Iterator[date]:
    """Yield the first days of calendar steps, from that of a day back to the begin of the calendar."""
    while True:
        begin: date = pl.Series([day]).dt.truncate(every).clip(date.min).item()
        yield begin
        if begin == date.min:
            return
        day = begin - timedelta(days=1)


def step_after(day: date, every: str) -> date:
    """Return the last day of a step that begins with a day."""
    found: date = _last_days(pl.Series([day]), every).item()
    return found


def parse_times(texts: pl.Series, tz: str | tzinfo = "UTC") -> pl.Series:
    """Return ISO 8601 texts as instants; null where a text is none or names an impossible moment.

    A text without a zone is local to ``tz``: of an hour that a clock change repeats the first is
    meant, one that it skips is impossible, and so are the years before 1 and after 9999. A text of a
    date alone is its midnight.
    """
    name = str(zone(tz))
    text = pl.col(texts.name)
    aware = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    naive = [
        _localised(text.str.to_datetime(form, time_unit="us", strict=False), name)
        for form in (
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d %H:%M",
        )
    ]
    others = [
        text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
        for form in ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
    ]
    day = _localised(text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")), name)
    parsed = texts.to_frame().select(aware).to_series()
    if parsed.null_count() > texts.null_count():
        parsed = texts.to_frame().select(pl.coalesce(aware, *naive, *others, day)).to_series()
    return possible(parsed)


def possible(times: pl.Series) -> pl.Series:
    """Return dates, or times of any unit and zone, with null for those outside of the calendar."""
    micros = _MICROS.get(unit_of(times))
    if micros is None or times.null_count() == len(times):
        return times  # 64 bits of nanoseconds end in 2262
    units, first, last = times.to_physical(), FIRST // micros, LAST // micros
    if first <= units.min() and units.max() <= last:  # type: ignore[operator]  # integers
        return times
    return times.set(~units.is_between(first, last).fill_null(value=False), None)


def unit_of(times: pl.Series) -> str:
    """Return what the numbers count that stand for dates or times: ``days``, ``ms``, ``us``, ``ns``."""
    return "days" if times.dtype == pl.Date else str(getattr(times.dtype, "time_unit", None))


def _localised(moments: pl.Expr, name: str) -> pl.Expr:
    local = moments.dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _last_days(begins: pl.Series, every: str) -> pl.Series:
    return begins.dt.offset_by(every).dt.offset_by("-1d").clip(date.min, date.max)


def _walk(first: pl.Series, last: date, every: str) -> pl.Series:
    unit = re.fullmatch(r"(\d+)([a-z]+)", every)
    if unit is None or int(unit[1]) < 1:
        raise MomentError(f"{every!r} is not a duration that leads forward", hint='such as "1d" or "1mo"')
    count, limit = 50, pl.Series([last]).cast(first.dtype)
    while True:
        walked = _stepped(first, [f"{number * int(unit[1])}{unit[2]}" for number in range(count)], every)
        found = walked.filter(walked <= limit)
        if len(back := (found.diff() <= timedelta()).arg_true()):
            raise MomentError(f"steps of {every!r} do not lead from {found[back[0] - 1]} forward")
        if len(found) < count:
            return found
        if count == _MOST:
            why = f"there are millions of steps of {every!r} up to {last}"
            raise MomentError(why, hint="give since= and until=, or a longer step")
        count = min(4 * count, _MOST)


def _stepped(first: pl.Series, offsets: list[str], every: str) -> pl.Series:
    try:
        steps = pl.DataFrame([first.new_from_index(0, len(offsets)).alias("at"), pl.Series("by", offsets)])
        return steps.select(pl.col("at").dt.offset_by(pl.col("by"))).to_series()
    except (pl.exceptions.PolarsError, OverflowError) as error:
        why = str(error).partition("\n")[0]
        raise MomentError(f"{every!r} is not a duration: {why}", hint='such as "1mo"') from error


def _unskipped(found: pl.Series, column: pl.Series, tz: str | tzinfo) -> pl.Series:
    """Return instants with those that a clock change skips: they mean what each means alone."""
    if found.null_count() == column.null_count():
        return found
    alone = [_maybe(value, tz) if gap else None for value, gap in zip(column, found.is_null(), strict=True)]
    return found.fill_null(pl.Series(column.name, alone, _UTC_TYPE))


def _maybe(moment: Moment | None, tz: str | tzinfo) -> datetime | None:
    return None if moment is None else instant(moment, tz)


def _parse(text: str) -> date | datetime:
    text = text.strip()
    try:
        return date.fromisoformat(text) if _DATE.match(text) else datetime.fromisoformat(text)
    except ValueError as error:
        raise MomentError(
            f"{text!r} is not a moment",
            hint='write "2024-06-30" for a whole day, or "2024-06-30T12:00:00Z" for an instant',
        ) from error


def _utc(moment: datetime, tz: str | tzinfo) -> datetime:
    local = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone(tz))
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise MomentError(f"{moment} is outside of the calendar") from error


def _midnight(day: date, tz: str | tzinfo) -> datetime:
    """Return where a day begins; east of UTC, the first one of the calendar began before it."""
    try:
        return _utc(datetime(day.year, day.month, day.day), tz)  # noqa: DTZ001 - _utc adds the zone
    except MomentError:
        return _EARLIEST


def _end(tz: str | tzinfo) -> datetime:
    """Return where the last day of the calendar ends; west of UTC, it goes on after it."""
    try:
        return _utc(datetime.combine(date.max, time.max), tz)
    except MomentError:
        return _LATEST


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError as error:
        raise MomentError(f"{day} is outside of the calendar") from error
