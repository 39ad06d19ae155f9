"""A made-up subscription business, as the raw event log that its software would have written.

The same arguments give the same bytes on every machine. The log contains relations that charts can find again:

* **Slow support drives customers away.** A third of the tickets of the first 90 days wait more than four days.
  From then on their customers cancel the premium plan 4.5 times as often as others, and most say why.
* **Vouchers bring customers who do not stay**: they cancel 2.5 times as often, and fewer verify their address.
* **Campaigns sell**: two of five purchases of the plan wait for a campaign that is near.
* **A plan ends with its card**: it expires at the next renewal, where an expired card was not replaced.
* **Seasons**: sign-ups grow threefold and are strong in January and autumn; purchases peak in December.

It also contains what every real log has: late events (2 %; 6 % of the cancellations weeks later), duplicates,
conflicts under one ``event_id``, broken lines (each is followed by the good one), explicit nulls, absent members,
names and items that are markup or formulas, customers who are deleted and come back. The events of ``customer-42``
are written by hand.

The generator is imported when it is first used. The models of the notebooks (`eventsource.demo.models`) do without
it.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from eventsource.errors import SourceError
from eventsource.moment import Moment, first_instant, last_instant

if TYPE_CHECKING:
    from eventsource.demo._business import Settings
    from eventsource.demo._files import Manifest

__all__ = ["events", "write"]


def write(
    path: str | Path,
    *,
    customers: int = 400,
    seed: int = 7,
    since: Moment = "2023-01-01",
    until: Moment = "2024-12-31",
    progress: Callable[[float], None] | None = None,
) -> "Manifest":
    """Write the business's log as JSON Lines, in the order of arrival.

    A million customers are about 24 million lines. Memory stays bounded. While the function works, the disk needs
    room for about six times the compressed file.

    Args:
        path: a file that ends in ``.jsonl`` or ``.jsonl.gz``; it is replaced.
        customers: how many sign up in the period.
        seed: another seed gives another business.
        since: the first day (UTC).
        until: the last day (UTC), inclusive; what is recorded later is not in the file.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        SourceError: there are no customers, the period is shorter than a day, or ``path`` has another suffix.
    """
    from eventsource.demo._files import write_business  # noqa: PLC0415 - the models do without the generator

    return write_business(Path(path), _settings(customers, seed, since, until), progress or (lambda _: None))


def events(
    *, customers: int = 400, seed: int = 7, since: Moment = "2023-01-01", until: Moment = "2024-12-31"
) -> pl.DataFrame:
    """Return the same business as a frame of `event.ENVELOPE`: every event once, in the order of arrival.

    Raises:
        SourceError: there are no customers, or the period is shorter than a day.
    """
    from eventsource.demo._events import all_events, envelope  # noqa: PLC0415 - likewise

    found = pl.concat([some for _, some in all_events(_settings(customers, seed, since, until))])
    return envelope(found.sort("recorded", "customer", "version"))


def _settings(customers: float, seed: int, since: Moment, until: Moment) -> "Settings":
    from eventsource.demo._business import Settings  # noqa: PLC0415 - likewise

    begin, end = first_instant(since), last_instant(until) + timedelta(microseconds=1)
    if customers < 1:
        raise SourceError(f"expected at least 1 customer, got {customers}", hint="--customers 500")
    if end - begin < timedelta(days=1):
        raise SourceError(f"expected a period of at least a day, got {since} to {until}", hint="--since, --until")
    return Settings(int(customers), seed, *(int(moment.timestamp()) * 1000 for moment in (begin, end)))
