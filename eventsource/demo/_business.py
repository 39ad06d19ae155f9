"""The facts of the business, its chances and its calendar. Times are integers: milliseconds since 1970 (UTC)."""

import json
from bisect import bisect
from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, count
from math import exp, log
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from eventsource.errors import SourceError
from eventsource.moment import Moment, first_instant, last_instant

__all__ = ["BUSINESS", "DAY", "HOUR", "MINUTE", "NEVER", "RATES", "YEAR", "Chance", "Settings"]
__all__ += ["campaigns", "day_of", "milliseconds", "months_after"]

BUSINESS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("business.json").read_text(encoding="utf-8"))
"""Event types, seasons, campaigns, prices, names and places, items; how often what is chosen."""

RATES: Final[dict[str, Any]] = BUSINESS["rates"]
"""Which share of the customers, cards, events does what; or how often in a year."""

MINUTE, HOUR, DAY, YEAR = 60_000, 3_600_000, 86_400_000, 365 * 86_400_000
NEVER: Final = 1 << 60
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()
_month: Final = cache(monthrange)
_CHOICES: Final = {
    name: (tuple(shares), tuple(accumulate(shares.values()))) for name, shares in BUSINESS["choices"].items()
}
"""Texts to choose from, and the shares of each and all before it, added up."""


class Settings(NamedTuple):
    """What the whole log depends on; ``since`` (inclusive) and ``until`` (exclusive) are milliseconds."""

    customers: int
    seed: int
    since: int
    until: int

    @classmethod
    def of(cls, customers: int, seed: int, since: Moment, until: Moment) -> "Settings":
        """Return the settings of a log from the start of a day to the end of another."""
        begin, end = first_instant(since), last_instant(until) + timedelta(microseconds=1)
        if customers < 1:
            raise SourceError(f"expected at least 1 customer, got {customers}", hint="--customers 500")
        if end - begin < timedelta(days=1):
            message = f"expected a period of at least a day, got {since} to {until}"
            raise SourceError(message, hint="--since, --until")
        return cls(int(customers), seed, *(int(moment.timestamp()) * 1000 for moment in (begin, end)))


class Chance(Random):
    """The random choices of one customer. Python promises that the numbers of ``random`` never change."""

    def happens(self, share: float) -> bool:
        """Return true as often as the share says."""
        return self.random() < share

    def after(self, mean: float) -> int:
        """Return how long something takes that happens at a steady rate."""
        return int(-mean * log(1 - self.random()))

    def around(self, median: float) -> int:
        """Return a duration that is often near the median, and sometimes many times as long."""
        return int(median * exp(3 * (self.random() + self.random() + self.random() - 1.5)))

    def below(self, limit: int) -> int:
        """Return an integer from 0 up to below the limit."""
        return int(self.random() * limit)

    def one_of(self, what: str) -> str:
        """Return one of the topics, brands, …, each as often as its share says."""
        texts, edges = _CHOICES[what]
        text: str = texts[bisect(edges, self.random() * edges[-1], hi=len(edges) - 1)]
        return text


@cache
def campaigns(year: int) -> list[tuple[str, int, int]]:
    """Return the campaigns of a year in the order of time: name, start, and the time before which each ends."""
    starts = [(each, milliseconds(f"{year:04}-{each['begins']}")) for each in BUSINESS["campaigns"]]
    return [(each["name"], start, start + each["days"] * DAY) for each, start in starts]


def months_after(time: int, step: int) -> Iterator[int]:
    """Yield the same time of day every so many months later; the last day of a month that is too short."""
    begin = day_of(time)
    for months in count(12 * begin.year + begin.month - 1 + step, step):
        year, month = months // 12, months % 12 + 1
        day = date(year, month, min(begin.day, _month(year, month)[1]))
        yield (day.toordinal() - _FIRST_DAY) * DAY + time % DAY


def day_of(time: int) -> date:
    """Return the day (UTC) of a time."""
    return date.fromordinal(time // DAY + _FIRST_DAY)


def milliseconds(text: str) -> int:
    """Return the time that an ISO 8601 text without a zone names in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
