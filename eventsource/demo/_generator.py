"""The two ways to get the business: as files of a raw log, or as a frame of events."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl

from eventsource.demo._customers import Settings
from eventsource.demo._events import envelope, recorded_events
from eventsource.demo._files import Manifest, all_customers, write_business
from eventsource.errors import SourceError
from eventsource.moment import Moment, first_instant, last_instant

__all__ = ["events", "write"]


def write(
    path: str | Path,
    *,
    customers: int = 400,
    seed: int = 7,
    since: Moment = "2023-01-01",
    until: Moment = "2024-12-31",
    progress: Callable[[float], None] | None = None,
) -> Manifest:
    """Write the business's log as JSON Lines, in the order of arrival.

    A million customers are about 23 million lines. Memory stays bounded. While the function works, the disk needs
    room for about six times the compressed file.

    Args:
        path: a file that ends in ``.jsonl`` or ``.jsonl.gz``, or a folder, which then holds
            ``events-0001.jsonl.gz`` … of 500,000 lines each. Files of these names are replaced.
        customers: how many sign up in the period.
        seed: another seed gives another business.
        since: the first day (UTC).
        until: the last day (UTC), inclusive; what is recorded later is not in the file.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        SourceError: there are no customers, the period is shorter than a day, or ``path`` has another suffix.
    """
    return write_business(Path(path), _settings(customers, seed, since, until), progress or (lambda _: None))


def events(
    *, customers: int = 400, seed: int = 7, since: Moment = "2023-01-01", until: Moment = "2024-12-31"
) -> pl.DataFrame:
    """Return the same business as a frame of `event.ENVELOPE`: every event once, in the order of arrival.

    Raises:
        SourceError: there are no customers, or the period is shorter than a day.
    """
    settings = _settings(customers, seed, since, until)
    found = pl.concat([recorded_events(some) for some in all_customers(settings)])
    return envelope(found.sort("recorded", "customer", "version"))


def _settings(customers: float, seed: int, since: Moment, until: Moment) -> Settings:
    begin, end = first_instant(since), last_instant(until) + timedelta(microseconds=1)
    if customers < 1:
        raise SourceError(f"expected at least 1 customer, got {customers}", hint="--customers 500")
    if end - begin < timedelta(days=1):
        raise SourceError(f"expected a period of at least a day, got {since} to {until}", hint="--since, --until")
    return Settings(int(customers), seed, *(int(moment.timestamp()) * 1000 for moment in (begin, end)))
