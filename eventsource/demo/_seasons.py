"""When things happen. All times are integers: milliseconds since 1970-01-01T00:00Z."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from eventsource.demo._draws import Floats, Ints

__all__ = ["BUSINESS", "DAY", "HOUR", "MINUTE", "NEVER", "YEAR", "Season"]
__all__ += ["add_months", "milliseconds", "month_of", "month_start"]

BUSINESS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("business.json").read_text(encoding="utf-8"))
"""The facts of the business: event types, channels, seasons, campaigns, prices, names and places, items."""

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY
NEVER: Final = 1 << 60


class Season:
    """How busy each hour from ``since`` to ``until`` is by ``months`` of a year, and times drawn accordingly."""

    def __init__(self, since: int, until: int, *, months: str, growth: float = 1.0) -> None:
        starts = np.arange(since, until, HOUR)
        by_month, by_day, by_hour = (np.array(BUSINESS[name]) for name in (months, "by_weekday", "by_hour"))
        busy = by_month[month_of(starts) % 12] * by_day[(starts // DAY + 3) % 7] * by_hour[starts // HOUR % 24]
        busy = busy * growth ** ((starts - since) / (until - since))
        self._edges = np.append(starts, until).astype(np.float64)
        self._shares = np.append(0.0, np.cumsum(busy)) / busy.sum()

    def at(self, shares: Floats) -> Ints:
        """Return the times by which these shares (0 to 1) of all that happens have happened."""
        return np.interp(shares, self._shares, self._edges).astype(np.int64)

    def between(self, starts: Ints, end: int, shares: Floats) -> Ints:
        """Return times from ``starts`` to ``end``, more often in busy hours."""
        low, high = (np.interp(times, self._edges, self._shares) for times in (starts, end))
        return np.clip(self.at(low + (high - low) * shares), starts, end)


def milliseconds(text: str) -> int:
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
    frame = pl.DataFrame({"time": times, "months": months}).with_columns(pl.col("time").cast(pl.Datetime("ms")))
    return frame.select(pl.col("time").dt.offset_by(pl.format("{}mo", "months")).cast(pl.Int64))["time"].to_numpy()
