"""The moments of the questions, the same for every contender."""

from datetime import date, datetime, timedelta
from typing import Final

__all__ = ["DAYS", "FIELDS", "MOMENT", "MONTHS", "NEAR", "SNAPSHOT", "TWO", "after", "day_of"]

FIELDS: Final = ("name", "city", "premium", "orders", "spent")
MOMENT: Final = "2023-06-30"
TWO: Final = ("2022-12-31", "2023-06-30")
"""The moments of a difference."""
SNAPSHOT: Final = "2023-06-15"
"""The moment of a snapshot before `MOMENT`, as with a snapshot every month."""
NEAR: Final = "2023-06-29"
"""The moment of a snapshot the day before `MOMENT`, as with a snapshot every day."""
MONTHS: Final = ("2021-01-31", "2023-12-31")
"""First and last of 36 month-ends."""
DAYS: Final = ("2021-04-06", "2023-12-31")
"""First and last of 1,000 days."""


def day_of(day: str) -> date:
    """Return a date."""
    return date.fromisoformat(day)


def after(day: str) -> datetime:
    """Return the first instant after a day."""
    following = day_of(day) + timedelta(days=1)
    return datetime(following.year, following.month, following.day)  # noqa: DTZ001 - typed Parquet has UTC without a zone
