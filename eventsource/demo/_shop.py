"""Purchases and refunds: a few customers buy most, and December is the season."""

from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._customers import Customers, fill
from eventsource.demo._draws import Ints
from eventsource.demo._seasons import BUSINESS, DAY, MINUTE, YEAR, Season

__all__ = ["shop_events"]

_PER_YEAR: Final = 16.0  # purchases, in the mean over all customers
_SHOPPERS: Final = 0.75
_REFUNDED: Final = 0.04
_MOST: Final = 5_000  # purchases of one customer
_ITEMS: Final = pl.DataFrame(BUSINESS["items"], schema_overrides={"share": pl.Float64})


def shop_events(customers: Customers) -> list[pl.DataFrame]:
    """Return the purchases and their refunds."""
    who, times = _purchases(customers)
    draws, size = customers.draws("baskets"), len(who)
    items = _ITEMS[draws.pick(size, _ITEMS["share"].to_list())]
    quantity = 1 + (draws.exponential(size) * 0.6).astype(np.int64)
    discount = 1 - 0.05 * draws.below(size, 4)  # none, 5, 10 or 15 %
    tail = np.minimum((1 - draws.uniform(size)) ** (-1 / 2.2), 60)  # Pareto: sizes and extras
    cents = np.maximum((items["cents"].to_numpy() * quantity * discount * tail * 0.8).astype(np.int64), 50)
    order = fill("O-%-%", customers.numbers[who], np.arange(size) - np.searchsorted(who, who) + 1)
    template = '{"order_id":"%","item":"%","amount":%,"quantity":%,"currency":"EUR"}'
    bought = fill(template, order, items["name"], _amount(cents), quantity)

    draws = customers.draws("refunds")
    later = times + ((1 + 9 * draws.exponential(size)) * DAY).astype(np.int64)
    back = np.where(draws.chance(size, 0.7), cents, cents // 2)
    returned = draws.chance(size, _REFUNDED)
    data = fill('{"order_id":"%","amount":%}', order.filter(pl.Series(returned)), _amount(back[returned]))
    return [
        customers.events("PurchaseMade", who, times, bought),
        customers.events("PurchaseRefunded", who[returned], later[returned], data, times[returned]),
    ]


def _purchases(customers: Customers) -> tuple[Ints, Ints]:
    """Return customers and times of the purchases, ordered by both."""
    draws, size, until = customers.draws("purchases"), customers.size, customers.settings.until
    taste = draws.lognormal(size, 0.9) / np.exp(0.9**2 / 2) * draws.chance(size, _SHOPPERS) / _SHOPPERS
    years = (until - customers.signup) / YEAR
    counts = (_PER_YEAR * years * taste + draws.uniform(size)).astype(np.int64).clip(max=_MOST)
    who = np.repeat(customers.everyone, counts)
    first = np.minimum(customers.signup + 5 * MINUTE, until)[who]
    times = Season(customers.settings.since, until, months="purchases_by_month").between(
        first, until, draws.uniform(len(who))
    )
    order = np.lexsort((times, who))
    order = order[customers.is_possible(who[order], times[order])]
    return who[order], times[order]


def _amount(cents: Ints) -> pl.Series:
    return pl.Series(cents / 100).cast(pl.String)  # Polars divides by multiplying: 150.92000000000002
