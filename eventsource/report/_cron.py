"""Cron texts: five fields, as crontab reads them.

systemd and crontab differ in two things, so both are settled here: the days of the week are names, and only one of
day of month and day of week may be given (crontab takes either of both, systemd requires both). The moments are
computed here: the trigger of APScheduler 3 counts days of the week from Monday, runs a time twice that a clock
change repeats, and searches the whole calendar for a 30 February.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from eventsource.errors import ReportError

__all__ = ["check_cron", "cron_fields", "due_moments", "next_moment", "systemd_calendar"]

_FAR: Final = timedelta(days=5 * 366)

_NAMES: Final = ("minute", "hour", "day", "month", "day_of_week")
_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_HINT: Final = '"0 6 1 * *" is 6:00 on the first of each month, "30 7 * * mon-fri" 7:30 on weekdays'
_PART: Final = re.compile(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?")


def check_cron(text: str) -> None:
    """Check a cron text.

    Raises:
        ReportError: it has not five fields, or one of them is out of its range.
    """
    cron_fields(text)


def cron_fields(text: str) -> dict[str, list[int] | None]:
    """Return the values of each field of a cron text; None: every value. Sunday is 0.

    Raises:
        ReportError: see `check_cron`.
    """
    fields = text.split()
    if len(fields) != len(_NAMES):
        raise ReportError(f"expected five fields, got {text!r}", hint=_HINT)
    found = {
        name: _values(name, field.lower(), *limits)
        for name, field, limits in zip(_NAMES, fields, _RANGES, strict=True)
    }
    if found["day"] is not None and found["day_of_week"] is not None:
        raise ReportError(
            f"expected a day of the month or a day of the week, got both: {text!r}",
            hint="write two reports, or * for one of them",
        )
    return found


def _values(name: str, field: str, lowest: int, highest: int) -> list[int] | None:
    if field == "*":
        return None
    values: set[int] = set()
    for part in field.split(","):
        found = _PART.fullmatch(_with_numbers(name, part))
        if found is None or (found[4] and (int(found[4]) < 1 or not (found[1] or found[3]))):
            raise ReportError(f"{name}: expected numbers, ranges or steps, got {part!r}", hint=_HINT)
        first = lowest if found[1] else int(found[2])
        last = highest if found[1] else int(found[3] or first)
        if not lowest <= first <= last <= highest:
            raise ReportError(f"{name}: expected {lowest} to {highest}, got {part!r}", hint=_HINT)
        values |= set(range(first, last + 1, int(found[4] or 1)))
    return sorted({value % 7 for value in values} if name == "day_of_week" else values)


def _with_numbers(name: str, part: str) -> str:
    """Return a part with numbers in place of names of days and months."""
    names = {
        "day_of_week": dict(zip(_DAYS, range(7), strict=True)),
        "month": dict(zip(_MONTHS, range(1, 13), strict=True)),
    }
    return re.sub(r"[a-z]+", lambda word: str(names.get(name, {}).get(word[0], word[0])), part)


def due_moments(cron: str, tz: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments of a cron text that are later than ``after`` and not later than ``until``, in UTC.

    Where clocks change, a time that is skipped runs at that offset, once, and one that is repeated runs the first
    time only, unless the report runs every hour. In Warsaw, ``30 2 * * *``::

        31 March 2024     02:30 is skipped       runs at 01:30 UTC, when clocks show 03:30
        27 October 2024   02:30 comes twice      runs at 00:30 UTC, not again at 01:30
    """
    zone, fields, day = ZoneInfo(tz), cron_fields(cron), after.astimezone(ZoneInfo(tz)).date()
    last = until.astimezone(zone).date()
    while day <= last:
        if _is_on(fields, day):
            yield from (moment for moment in sorted(_of_day(fields, day, zone)) if after < moment <= until)
        day += timedelta(days=1)


def next_moment(cron: str, tz: str, after: datetime) -> datetime | None:
    """Return the first moment of a cron text that is later than ``after``, in UTC; None: none in 5 years."""
    return next(due_moments(cron, tz, after, after + _FAR), None)


def systemd_calendar(cron: str, tz: str) -> str:
    """Return a cron text as the ``OnCalendar=`` of a systemd timer, such as ``*-*-1 6:0:00 Europe/Warsaw``."""
    fields = cron_fields(cron)
    days = fields["day_of_week"]
    week = "" if days is None else ",".join(_DAYS[day].capitalize() for day in days) + " "
    month, day, hour, minute = (_listed(fields[name]) for name in ("month", "day", "hour", "minute"))
    return f"{week}*-{month}-{day} {hour}:{minute}:00 {tz}"


def _is_on(fields: dict[str, list[int] | None], day: date) -> bool:
    """Return whether a schedule has moments on a day; Sunday is 0."""
    parts = {"month": day.month, "day": day.day, "day_of_week": day.isoweekday() % 7}
    return all((allowed := fields[name]) is None or part in allowed for name, part in parts.items())


def _of_day(fields: dict[str, list[int] | None], day: date, zone: ZoneInfo) -> set[datetime]:
    """Return the moments of a schedule on a day."""
    hours, minutes = fields["hour"], fields["minute"]
    found = set()
    for hour in range(24) if hours is None else hours:
        for minute in range(60) if minutes is None else minutes:
            local = datetime.combine(day, time(hour, minute), tzinfo=zone)
            found.add(local.astimezone(UTC))
            if hours is None and local.utcoffset() > local.replace(fold=1).utcoffset():  # type: ignore[operator]  # it has a zone
                found.add(local.replace(fold=1).astimezone(UTC))
    return found


def _listed(values: list[int] | None) -> str:
    return "*" if values is None else ",".join(map(str, values))
