"""Terms: one plan of one customer from its purchase on, and the renewals that follow."""

from dataclasses import dataclass

import numpy as np

from eventsource.demo._calendar import add_months
from eventsource.demo._draws import Flags, Ints

__all__ = ["Terms", "renewals"]


@dataclass(frozen=True)
class Terms:
    """Plans, one row each.

    Args:
        rows: the customers, as indices into the block.
        bought: when.
        cancelled: when the customer would cancel, if nothing ends the plan before.
        yearly: whether it is paid by the year, not by the month.
        angry: whether a slow ticket is why.
    """

    rows: Ints
    bought: Ints
    cancelled: Ints
    yearly: Flags
    angry: Flags


def renewals(terms: Terms, expiry: Ints, until: int) -> tuple[Ints, Ints, Flags]:
    """Return what is due after the purchases: which term, when, and whether the card failed.

    A plan renews on the same day of each month or year until it is cancelled; the first renewal
    that falls on or after the card's ``expiry`` fails, and is the last.
    """
    found: list[tuple[Ints, Ints, Flags]] = []
    step, nth = np.where(terms.yearly, 12, 1), np.arange(len(terms.rows))
    months = np.zeros(len(terms.rows), np.int64)
    while not found or len(nth):
        months[nth] += step[nth]
        when = add_months(terms.bought[nth], months[nth])
        due = (when < terms.cancelled[nth]) & (when < until)
        nth, when = nth[due], when[due]
        fails = when >= expiry[nth]
        found.append((nth, when, fails))
        nth = nth[~fails]
    terms_of, moments, failures = zip(*found, strict=True)
    return np.concatenate(terms_of), np.concatenate(moments), np.concatenate(failures)
