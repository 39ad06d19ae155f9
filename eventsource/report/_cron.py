"""Cron texts: five fields, as crontab reads them.

APScheduler, systemd and crontab differ in two things, so both are settled here: the days of the week are names
(APScheduler counts them from Monday, crontab from Sunday), and only one of day of month and day of week may be
given (crontab takes either of both, the others require both).
"""

import re
from typing import Final

from eventsource.errors import ReportError

__all__ = ["check_cron", "cron_fields"]

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
