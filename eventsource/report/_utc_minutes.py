"""Times as pages and the lines of status say them."""

from datetime import datetime

from eventsource.moment import readable_time

__all__ = ["utc_minute"]


def utc_minute(at: datetime | str) -> str:
    """Return a time of UTC, or its text of ISO 8601, to the minute: ``2024-03-01 12:30 UTC``."""
    return f"{readable_time(datetime.fromisoformat(at) if isinstance(at, str) else at, 'minutes')} UTC"
