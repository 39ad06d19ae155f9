"""One moment as instants of UTC."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventsource.errors import MomentError

__all__ = [
    "EARLIEST",
    "LATEST",
    "TICK",
    "Moment",
    "day_of",
    "end_of_calendar",
    "epoch_microseconds",
    "first_instant",
    "is_skipped_time",
    "last_instant",
    "midnight",
    "parse_moment",
    "relative_moment",
    "time_zone",
]

Moment = str | date | datetime
"""What may name a moment: a datetime, a date, or the ISO 8601 text of one."""

TICK: Final = timedelta(microseconds=1)
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
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
        return _in_utc(value, tz)
    return midnight(value + timedelta(days=1), tz) - TICK if value < date.max else LATEST


def first_instant(moment: Moment, tz: str | tzinfo = "UTC") -> datetime:
    """Return the first instant that belongs to ``moment``, in UTC: a date begins at its midnight.

    Raises:
        MomentError: ``moment`` is not a moment.
    """
    value = parse_moment(moment)
    if isinstance(value, datetime):
        return _in_utc(value, tz)
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


def relative_moment(text: str, tz: str | tzinfo = "UTC", *, now: datetime | None = None) -> date | datetime | None:
    """Return the moment that a word names relative to now; None for any other text.

    The words are ``now``, ``today``, ``yesterday``, ``month_end`` (of the last full month), ``-7d`` and ``+1d``,
    also written ``today-7d``.
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
    }
    days = _DAYS.fullmatch(text)
    return _shift(today, int(days[1])) if days else named.get(text)


def is_skipped_time(text: str, tz: str | tzinfo) -> bool:
    """Return whether a text is a local time that a clock change in ``tz`` skips, so that it never existed."""
    try:
        naive = datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    if naive.tzinfo is not None:
        return False
    zone = time_zone(tz)
    try:
        return naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive
    except OverflowError:
        return False


def epoch_microseconds(moment: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (moment - _EPOCH) // TICK


def midnight(day: date, tz: str | tzinfo) -> datetime:
    """Return the first instant of a day.

    East of UTC, the first day of the calendar begins before the calendar does; then it is `EARLIEST`.
    """
    try:
        return _in_utc(datetime(day.year, day.month, day.day), tz)  # noqa: DTZ001 - _in_utc adds the zone
    except MomentError:
        return EARLIEST


def end_of_calendar(tz: str | tzinfo) -> datetime:
    """Return the last instant of the last day of the calendar; west of UTC, `LATEST`."""
    try:
        return _in_utc(datetime.combine(date.max, time.max), tz)
    except MomentError:
        return LATEST


def _parse_text(text: str) -> date | datetime:
    text = text.strip()
    try:
        return date.fromisoformat(text) if _DATE.match(text) else datetime.fromisoformat(text)
    except ValueError as error:
        raise MomentError(
            f"expected a moment, got {text!r}",
            hint='write "2024-06-30" for a whole day, or "2024-06-30T12:00:00Z" for an instant',
        ) from error


def _in_utc(moment: datetime, tz: str | tzinfo) -> datetime:
    local = moment if moment.tzinfo is not None else moment.replace(tzinfo=time_zone(tz))
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise MomentError(f"{moment} is outside the calendar in UTC", hint=_CALENDAR_HINT) from error


def _shift(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError as error:
        raise MomentError(f"{days:+} days from {day} is outside the calendar", hint=_CALENDAR_HINT) from error
