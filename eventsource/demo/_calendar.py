"""When things happen: seasons of the year, days of the week, hours of the day, calendar months.

All times here are integers: milliseconds since 1970-01-01T00:00Z.
"""

from typing import Final

import numpy as np

from eventsource.demo._draws import Floats, Ints

__all__ = ["DAY", "FAR", "HOUR", "MINUTE", "Season", "add_months", "millis", "month_of", "month_start"]

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
FAR: Final = 1 << 60
"""A moment that never comes."""

_SIGN_UPS: Final = np.array([1.35, 1.1, 1.0, 0.95, 0.9, 0.75, 0.65, 0.75, 1.2, 1.1, 1.3, 0.95])
_PURCHASES: Final = np.array([0.8, 0.8, 0.95, 1.0, 1.0, 0.9, 0.8, 0.85, 1.0, 1.1, 1.5, 2.4])
_WEEK: Final = np.array([1.15, 1.2, 1.15, 1.1, 0.95, 0.7, 0.75])  # Monday first
_HOURS: Final = np.array([2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 9, 8, 8, 8, 8, 9, 11, 13, 13, 11, 8, 4])
_GROWTH: Final = 3.0  # sign-ups per day at the end of the period, as a multiple of those at its start


class Season:
    """How busy each hour of a period is, and times drawn accordingly."""

    def __init__(self, since: int, until: int, *, months: Floats, growth: float = 1.0) -> None:
        starts = np.arange(since, until, HOUR)
        days = starts // DAY
        busy = months[month_of(starts) % 12] * _WEEK[(days + 3) % 7] * _HOURS[starts // HOUR % 24]
        busy = busy * growth ** ((starts - since) / (until - since))
        self._edges = np.append(starts, until).astype(np.float64)
        self._shares = np.append(0.0, np.cumsum(busy)) / busy.sum()

    @classmethod
    def of_sign_ups(cls, since: int, until: int) -> "Season":
        """January and autumn are strong, summer and weekends weak, and the business grows."""
        return cls(since, until, months=_SIGN_UPS, growth=_GROWTH)

    @classmethod
    def of_purchases(cls, since: int, until: int) -> "Season":
        """December is the season: two and a half times an ordinary month."""
        return cls(since, until, months=_PURCHASES)

    def at(self, shares: Floats) -> Ints:
        """Return the times by which these shares (0 to 1) of all that happens have happened."""
        return np.interp(shares, self._shares, self._edges).astype(np.int64)

    def between(self, starts: Ints, ends: Ints, shares: Floats) -> Ints:
        """Return times between ``starts`` and ``ends``, row by row, busy hours more often."""
        low = np.interp(starts, self._edges, self._shares)
        high = np.interp(ends, self._edges, self._shares)
        return np.clip(self.at(low + (high - low) * shares), starts, ends)


def millis(text: str) -> int:
    """Return the time that an ISO 8601 text without a zone names in UTC."""
    return int(np.datetime64(text, "ms").astype(np.int64))


def month_of(times: Ints) -> Ints:
    """Return the month of each time, counted from January 1970."""
    return times.astype("M8[ms]").astype("M8[M]").astype(np.int64)


def month_start(months: Ints) -> Ints:
    """Return the first instant of each month, counted from January 1970."""
    return months.astype("M8[M]").astype("M8[ms]").astype(np.int64)


def add_months(times: Ints, months: Ints) -> Ints:
    """Return the same day and time some months later; the last day where that month is too short."""
    month = month_of(times)
    start, after = month_start(month + months), month_start(month + months + 1)
    into = times - month_start(month)
    return start + np.where(into < after - start, into, after - start - DAY + into % DAY)
