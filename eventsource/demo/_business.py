"""The facts of the business, its chances and its calendar. Times are integers: milliseconds since 1970 (UTC)."""

import json
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import exp, log
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

__all__ = ["BUSINESS", "DAY", "HOUR", "MINUTE", "NEVER", "YEAR", "Chance", "Settings"]
__all__ += ["campaigns", "milliseconds", "month_of", "months_after", "year_of"]

BUSINESS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("business.json").read_text(encoding="utf-8"))
"""Event types, seasons, campaigns, prices, names and places, items; how often what is chosen."""

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY
NEVER: Final = 1 << 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Settings(NamedTuple):
    """What the whole log depends on; ``since`` (inclusive) and ``until`` (exclusive) are milliseconds."""

    customers: int
    seed: int
    since: int
    until: int


class Chance:
    """The random choices of one customer. Python promises that the numbers of ``Random.random`` never change."""

    def __init__(self, seed: int, customer: int) -> None:
        self.uniform = Random(f"{seed}/{customer}").random  # noqa: S311 - made-up data, the same on every machine

    def happens(self, share: float) -> bool:
        """Return true as often as the share says."""
        return self.uniform() < share

    def after(self, mean: float) -> int:
        """Return how long something takes that happens at a steady rate."""
        return int(-mean * log(1 - self.uniform()))

    def around(self, median: float) -> int:
        """Return a duration that is often near the median, and sometimes many times as long."""
        return int(median * exp(3 * (self.uniform() + self.uniform() + self.uniform() - 1.5)))

    def below(self, limit: int) -> int:
        """Return an integer from 0 up to below the limit."""
        return int(self.uniform() * limit)

    def one_of(self, shares: Mapping[str, float]) -> str:
        """Return a text, each as often as its share says."""
        left, found = self.uniform() * sum(shares.values()), ""
        for text, share in shares.items():
            left, found = left - share, text
            if left < 0:
                break
        return found


@cache
def campaigns(year: int) -> list[tuple[str, int, int]]:
    """Return the campaigns of a year in the order of time: name, start, and the time before which each ends."""
    starts = [milliseconds(f"{year:04}-{each['begins']}") for each in BUSINESS["campaigns"]]
    pairs = zip(BUSINESS["campaigns"], starts, strict=True)
    return [(each["name"], start, start + each["days"] * DAY) for each, start in pairs]


def months_after(time: int, step: int) -> Iterator[int]:
    """Yield the same time of day every so many months later; the last day of a month that is too short."""
    moment, of_day = _datetime(time), time % DAY
    begin = 12 * moment.year + moment.month - 1
    for count in range(1, 12 * 9999):
        first, days = _month(begin + step * count)
        yield (first + min(moment.day, days) - 1) * DAY + of_day


@cache
def _month(number: int) -> tuple[int, int]:
    """Return the first day of a month, in days since 1970, and how many days it has; January of year 1 is 12."""
    year, month = divmod(number, 12)
    return date(year, month + 1, 1).toordinal() - _EPOCH.toordinal(), monthrange(year, month + 1)[1]


def milliseconds(text: str) -> int:
    """Return the time that an ISO 8601 text without a zone names in UTC."""
    return _in_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def year_of(time: int) -> int:
    """Return the year of a time."""
    return _datetime(time).year


def month_of(time: int) -> str:
    """Return the month of a time, such as ``2024-06``."""
    return f"{_datetime(time):%Y-%m}"


def _datetime(time: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time)


def _in_milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
