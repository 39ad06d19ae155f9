"""A made-up subscription business, as the raw event log that its software would have written.

The same arguments give the same bytes on every machine. What is planted, to be found again in charts:

* **Slow support drives customers away.** Of the customers who open a ticket within 90 days of their
  sign-up, a third wait more than four days (6 to 26 days, or for good). Once they have waited four days
  they cancel the premium plan 4.5 times as often as others (0.99 instead of 0.22 cancellations per
  year of a plan), and most say why.
* **Vouchers bring customers who do not stay**: those who came by the channel ``voucher`` cancel 2.5
  times as often, and fewer of them ever verify their address.
* **Campaigns sell**: two of five purchases of the plan that are near to a campaign wait for it
  (``new-year`` from 2 January, ``spring`` from 15 March, ``black-week`` from 20 November, at a lower
  price). The price rose on 1 January 2024.
* **A plan dies with its card**: a plan whose card ran out and was not replaced expires at its next
  renewal.
* **Seasons**: sign-ups grow threefold over the period, are strong in January and autumn and weak on
  weekends; purchases peak in December, in the evening; a few customers buy most.

And what every real log has: 2 % of the events recorded days or weeks after they occurred, 6 % of the
cancellations typed in weeks later by the back office, half a percent of the lines sent twice, some
ids sent again with another payload, some broken lines (`FAULTS`: the good line follows each), explicit
nulls (``rating``, ``reason``, ``address.city``), absent members (``channel``, ``campaign``,
``address.postcode``, ``metadata``), names in many alphabets, names and items that are markup or
formulas, customers who are deleted and come back. ``customer-42`` has a life written by hand.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.demo._arrivals import FAULTS, ORDER, recorded
from eventsource.demo._block import TYPES, Period
from eventsource.demo._lines import envelope
from eventsource.demo._order import blocks
from eventsource.demo._writer import Manifest, write_lines
from eventsource.errors import SourceError
from eventsource.moment import Moment, first_instant, last_instant

__all__ = ["FAULTS", "TYPES", "Manifest", "events", "write"]

_SINCE: Final = "2023-01-01"
_UNTIL: Final = "2024-12-31"


def write(
    path: str | Path,
    *,
    customers: int = 400,
    seed: int = 7,
    since: Moment = _SINCE,
    until: Moment = _UNTIL,
    progress: Callable[[float], None] | None = None,
) -> Manifest:
    """Write the business's log as JSON Lines, in the order of arrival.

    A million customers are about 23 million lines; memory stays bounded, the disk needs room for about
    twice the file while it works.

    Args:
        path: a file that ends in ``.jsonl`` or ``.jsonl.gz``, or a folder, which then holds
            ``events-0001.jsonl.gz`` … of 500,000 lines each. What is there under those names is replaced.
        customers: how many sign up in the period.
        seed: another seed, another business.
        since: the first day (UTC).
        until: the last day (UTC); what is recorded later is not in the file.
        progress: called with the share that is done, from 0 to 1.

    Raises:
        SourceError: there is nobody to tell about, or no time for it, or ``path`` is no such name.
    """
    period = _period(customers, since, until)
    return write_lines(Path(path), int(customers), seed, period, progress or _silent)


def events(*, customers: int = 400, seed: int = 7, since: Moment = _SINCE, until: Moment = _UNTIL) -> pl.DataFrame:
    """Return the same business as a frame of `event.ENVELOPE`: every event once, in the order of arrival.

    Raises:
        SourceError: there is nobody to tell about, or no time for it.
    """
    period = _period(customers, since, until)
    found = pl.concat([recorded(block) for block in blocks(int(customers), seed, period)])
    return envelope(found.sort(ORDER), seed)


def _period(customers: float, since: Moment, until: Moment) -> Period:
    begin, end = first_instant(since), last_instant(until) + timedelta(microseconds=1)
    if customers < 1:
        raise SourceError(f"a business of {customers} customers has no events", hint="--customers 500")
    if end - begin < timedelta(days=1):
        raise SourceError(f"there is no day from {since} to {until}")
    return Period(*(int(moment.timestamp()) * 1000 for moment in (begin, end)))


def _silent(share: float) -> None:
    """Show no progress."""
