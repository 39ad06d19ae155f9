"""Purchases, with a heavy tail and a December, and refunds."""

from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._block import Block, pooled, text
from eventsource.demo._calendar import DAY, MINUTE
from eventsource.demo._draws import Ints

__all__ = ["events"]

_PER_YEAR = 16.0  # in the mean over all customers
_SHOPPERS = 0.75
_REFUNDED = 0.04
_MOST = 5_000  # purchases of one customer

_ITEMS: Final = (
    ("coffee beans 1 kg", 1890),
    ("espresso cups, pair", 2400),
    ("green tea 250 g", 990),
    ("moka pot", 3450),
    ("filter papers", 450),
    ("milk frother", 4200),
    ("café mug „Großstadt“", 1600),
    ("grinder", 8900),
    ("descaler", 790),
    ("gift card", 2500),
    ("hot chocolate", 1150),
    ("herbal tea", 850),
    ("French press", 3900),
    ("kettle", 5900),
    ("espresso machine", 39900),
    ("<b>limited</b> roast", 2750),
    ("=1+1", 1000),
    ("</script><script>alert(1)</script>", 1000),
)
_SHARES: Final = (20, 4, 12, 3, 14, 2, 4, 1.5, 5, 6, 8, 10, 2, 1.5, 0.4, 3, 0.15, 0.15)
_NAMES: Final = [name for name, _ in _ITEMS]
_PRICES: Final = np.array([price for _, price in _ITEMS])


def events(block: Block) -> list[pl.DataFrame]:
    """Return the purchases and their refunds."""
    rows, times = _moments(block)
    draws, size = block.draws("baskets"), len(rows)
    item = draws.pick(size, _SHARES)
    quantity = 1 + (draws.exponential(size) * 0.6).astype(np.int64)
    discount = 1 - 0.05 * draws.below(size, 4)  # none, 5, 10 or 15 %
    tail = np.minimum((1 - draws.uniform(size)) ** (-1 / 2.2), 60)  # Pareto: sizes and extras
    cents = np.maximum((_PRICES[item] * quantity * discount * tail * 0.8).astype(np.int64), 50)
    order = _order_id(block, rows)
    data = text(
        order,
        ',"item":"',
        pooled(_NAMES, item),
        '","amount":',
        _amount(cents),
        ',"quantity":',
        quantity,
        ',"currency":"EUR"}',
    )
    return [block.events("PurchaseMade", rows, times, data), _refunds(block, rows, times, order, cents)]


def _moments(block: Block) -> tuple[Ints, Ints]:
    """Return customers and times of the purchases, ordered by both; few customers make many."""
    draws, size = block.draws("purchases"), block.size
    years = (block.period.until - block.signup) / (365 * DAY)
    taste = draws.lognormal(size, 0.9) / np.exp(0.9**2 / 2) * draws.chance(size, _SHOPPERS) / _SHOPPERS
    counts = (_PER_YEAR * years * taste + draws.uniform(size)).astype(np.int64).clip(max=_MOST)
    rows = np.repeat(np.arange(size), counts)
    first = np.minimum(block.signup + 5 * MINUTE, block.period.until)
    ends = np.full(len(rows), block.period.until)
    times = block.period.purchases.between(first[rows], ends, draws.uniform(len(rows)))
    order = np.lexsort((times, rows))
    rows, times = rows[order], times[order]
    happens = block.alive(rows, times)
    return rows[happens], times[happens]


def _refunds(block: Block, rows: Ints, times: Ints, order: pl.Series, cents: Ints) -> pl.DataFrame:
    draws, size = block.draws("refunds"), len(rows)
    later = times + ((1 + 9 * draws.exponential(size)) * DAY).astype(np.int64)
    whole = draws.chance(size, 0.7)
    happens = draws.chance(size, _REFUNDED) & block.alive(rows, later, times)
    back = np.where(whole, cents, cents // 2)[happens]
    data = text(order.filter(pl.Series(happens)), ',"amount":', _amount(back), "}")
    return block.events("PurchaseRefunded", rows[happens], later[happens], data)


def _order_id(block: Block, rows: Ints) -> pl.Series:
    nth = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    return text('{"order_id":"O-', block.numbers[rows], "-", nth, '"')


def _amount(cents: Ints) -> pl.Series:
    return pl.Series(cents / 100).cast(pl.String)  # Polars divides by multiplying: 150.92000000000002
