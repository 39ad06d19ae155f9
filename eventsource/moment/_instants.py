"""One moment as instants of UTC."""

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventsource.errors import MomentError

__all__ = [
    "EARLIEST",
    "LATEST",
    "LEAP_SECOND",
    "LEAP_SECOND_IS",
    "TICK",
    "Moment",
    "day_of",
    "end_of_calendar",
    "epoch_microseconds",
    "first_instant",
    "instant_of_local_time",
    "last_instant",
    "midnight",
    "parse_moment",
    "readable_time",
    "relative_moment",
    "time_zone",
]

Moment = str | date | datetime
"""What may name a moment: a datetime, a date, or the ISO 8601 text of one."""

TICK: Final = timedelta(microseconds=1)
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)

LEAP_SECOND: Final = re.compile(r"([Tt ]\d{2}:\d{2}):60(?:\.\d+)?")
"""The time of a text whose seconds are 60, with their fraction."""
LEAP_SECOND_IS: Final = ":59.999999"
"""What a leap second is read as: the last microsecond of its minute, so that it stays on its day."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_DAY_OF_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(\d{2})")
_DAYS: Final = re.compile(r"(?:today)?([+-]\d{1,6})d")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CALENDAR_HINT: Final = "the calendar has the years 1 to 9999"


def time_zone(tz: str | tzinfo) -> tzinfo:
    """Return the zone that ``tz`` names.

    Raises:
        MomentError: the zone is unknown.
    """
    if isinstance(tz, tzinfo):
        return tz
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MomentError(
            f"expected the name of a time zone, got {tz!r}",
            hint='such as "Europe/Warsaw" or "UTC"',
        ) from error


def last_instant(moment: Moment, tz: str | tzinfo = "UTC") -> datetime:
    """Return the last instant that belongs to ``moment``, in UTC: a date ends a microsecond before midnight.

    Raises:
        MomentError: ``moment`` is not a moment.
    """
    value = parse_moment(moment)
    if isinstance(value, datetime):
        return _instant(value, tz)
    return midnight(value + timedelta(days=1), tz) - TICK if value < date.max else LATEST


def first_instant(moment: Moment, tz: str | tzinfo = "UTC") -> datetime:
    """Return the first instant that belongs to ``moment``, in UTC: a date begins at its midnight.

    Raises:
        MomentError: ``moment`` is not a moment.
    """
    value = parse_moment(moment)
    if isinstance(value, datetime):
        return _instant(value, tz)
    return midnight(value, tz) if value > date.min else EARLIEST


def day_of(moment: datetime, tz: str | tzinfo) -> date:
    """Return the day of an instant in ``tz``; outside the calendar, its first or last day."""
    try:
        return moment.astimezone(time_zone(tz)).date()
    except OverflowError:
        return date.min if moment.year == 1 else date.max


def parse_moment(moment: Moment) -> date | datetime:
    """Return ``moment`` as the date or datetime that it names; a zone is kept.

    Raises:
        MomentError: ``moment`` is not a moment.
    """
    if isinstance(moment, str):
        return _parse_text(moment)
    if isinstance(moment, datetime):
        to_datetime = getattr(moment, "to_pydatetime", None)
        return to_datetime(warn=False) if to_datetime else moment  # a pandas Timestamp drops its nanoseconds
    if isinstance(moment, date):
        return moment
    raise MomentError(
        f"expected a moment, got {moment!r}", hint='use a date, a datetime or a text such as "2024-06-30"'
    )


def readable_time(at: datetime, precision: Literal["auto", "seconds", "minutes"] = "seconds") -> str:
    """Return a time as people read it, on its own clock and without its zone: ``2024-03-01 12:30:05``.

    Years before 1000 have four digits, too; ``strftime`` writes them without zeros. ``"auto"`` shows microseconds
    if there are any.
    """
    return at.replace(tzinfo=None).isoformat(" ", precision)


def relative_moment(text: str, tz: str | tzinfo = "UTC", *, now: datetime | None = None) -> date | datetime | None:
    """Return the moment that a word names relative to now; None for any other text.

    The words are ``now``, ``today``, ``yesterday``, ``month_end`` (of the last full month; also written ``last
    month end``), ``last week end``, ``last quarter end`` and ``last year end``, and ``-7d`` and ``+1d`` (also
    written ``today-7d``).
    The command line and reports resolve them at once, so that the question they ask names its day.

    Args:
        text: a word.
        tz: the zone that says which day is today.
        now: the instant that counts as now; default: now.

    Raises:
        MomentError: a number of days that leaves the calendar.
    """
    instant_now = now or datetime.now(UTC)
    today = instant_now.astimezone(time_zone(tz)).date()
    named: dict[str, date | datetime] = {
        "now": instant_now,
        "today": today,
        "yesterday": _shift(today, -1),
        "month_end": _shift(today.replace(day=1), -1),
        "week_end": _shift(today, -1 - today.weekday()),
        "quarter_end": _shift(today.replace(month=3 * ((today.month - 1) // 3) + 1, day=1), -1),
        "year_end": _shift(today.replace(month=1, day=1), -1),
    }
    days, word = _DAYS.fullmatch(text), "_".join(text.split())
    if word.endswith("_end"):
        word = word.removeprefix("last_")
    return _shift(today, int(days[1])) if days else named.get(word)


def instant_of_local_time(local: datetime, tz: str | tzinfo) -> datetime:
    """Return the instant at which clocks in ``tz`` show a time; ``local`` has no zone.

    In Warsaw, 02:30 did not exist on 31 March 2024 and existed twice on 27 October 2024::

        clock           offset       instant
        31 March 02:30  before: +1   01:30 UTC      as if the clocks had not been changed yet
        27 Oct.  02:30  first: +2    00:30 UTC      the first of both

    Raises:
        MomentError: it is outside the calendar in UTC.
    """
    return _in_utc(local.replace(tzinfo=time_zone(tz), fold=0))


def epoch_microseconds(moment: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (moment - _EPOCH) // TICK


def midnight(day: date, tz: str | tzinfo) -> datetime:
    """Return the first instant of a day.

    East of UTC, the first day of the calendar begins before the calendar does; then it is `EARLIEST`.
    """
    try:
        return instant_of_local_time(datetime.combine(day, time.min), tz)
    except MomentError:
        return EARLIEST


def end_of_calendar(tz: str | tzinfo) -> datetime:
    """Return the last instant of the last day of the calendar; west of UTC, `LATEST`."""
    try:
        return instant_of_local_time(datetime.combine(date.max, time.max), tz)
    except MomentError:
        return LATEST


def _parse_text(text: str) -> date | datetime:
    text = LEAP_SECOND.sub(rf"\g<1>{LEAP_SECOND_IS}", text.strip())
    try:
        return date.fromisoformat(text) if _DATE.match(text) else datetime.fromisoformat(text)
    except ValueError as error:
        raise MomentError(
            f"expected a moment, got {text!r}{_days_of_month(text)}",
            hint='write "2024-06-30" for a whole day, or "2024-06-30T12:00:00Z" for an instant',
        ) from error


def _days_of_month(text: str) -> str:
    """Return ``: June 2024 has 30 days`` for a text that names a later day, else an empty text."""
    found = _DAY_OF_MONTH.match(text)
    if found is None or found[1] == "0000":
        return ""
    year, month, day = map(int, found.groups())
    days = calendar.monthrange(year, month)[1]
    return f": {calendar.month_name[month]} {year} has {days} days" if not 1 <= day <= days else ""


def _instant(moment: datetime, tz: str | tzinfo) -> datetime:
    return instant_of_local_time(moment, tz) if moment.tzinfo is None else _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise MomentError(f"{moment} is outside the calendar in UTC", hint=_CALENDAR_HINT) from error


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError as error:
        raise MomentError(f"{days:+} days from {day} is outside the calendar", hint=_CALENDAR_HINT) from error
