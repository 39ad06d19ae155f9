"""Purchases and refunds of many customers at once: a few customers buy most, and December is the season.

A frame has one row per purchase::

    customer  signup  deleted  occurred  number  amount  is_back  back  back_at
    7         3 Jan   (never)  4 Jan     1       18.90   false
    7         3 Jan   (never)  9 Feb     2       4.50    true     4.50  12 Feb
    8         5 Jan   1 Mar    2 Mar                                   the account was deleted: left out
"""

from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._business import BUSINESS, DAY, MINUTE, RATES, YEAR, Settings
from eventsource.demo._draws import Draws, Ints, Season

__all__ = ["purchases"]

_MOST: Final = 5_000  # purchases of one customer
_ITEMS: Final = pl.DataFrame(BUSINESS["items"], schema_overrides={"share": pl.Float64})
_BOUGHT: Final = '{{"order_id":"O-{}-{}","item":"{}","amount":{},"quantity":{},"currency":"EUR"}}'
_REFUND: Final = '{{"order_id":"O-{}-{}","amount":{}}}'


def purchases(settings: Settings, customers: pl.DataFrame, season: Season) -> list[pl.DataFrame]:
    """Return the purchases and the refunds: ``customer``, ``occurred``, ``type``, ``data``.

    Args:
        settings: what the log depends on.
        customers: ``customer``, and when each ``signup`` was, the account was ``deleted`` and created again
            (``returned``); nothing is bought in between.
        season: when purchases happen.
    """
    draws, size, until = Draws(settings.seed, customers["customer"][0], "shop"), customers.height, settings.until
    taste = draws.exponential(size) ** 2 / 2 * draws.chance(size, RATES["shop at all"]) / RATES["shop at all"]
    years = (until - customers["signup"].to_numpy()) / YEAR
    counts = (RATES["purchases in a year"] * years * taste + draws.uniform(size)).astype(np.int64).clip(max=_MOST)
    rows = customers[np.repeat(np.arange(size), counts)]
    size, first = rows.height, (rows["signup"] + 5 * MINUTE).clip(upper_bound=until).to_numpy()
    rows = rows.with_columns(occurred=season.between(first, until, draws.uniform(size))).sort(
        "customer", "occurred"
    )
    items = _ITEMS[draws.pick(size, _ITEMS["share"].to_list())]
    quantity = 1 + (draws.exponential(size) * 0.6).astype(np.int64)
    tail = np.minimum((1 - draws.uniform(size)) ** (-1 / 2.2), 60)  # Pareto: sizes and extras
    cents = (items["cents"].to_numpy() * quantity * tail * 0.8).astype(np.int64).clip(min=50)
    days = 1 + 9 * draws.exponential(size)
    rows = rows.with_columns(
        items["name"],
        number=pl.int_range(1, pl.len() + 1).over("customer"),
        quantity=quantity,
        amount=_euros(cents),
        back=_euros(np.where(draws.chance(size, 0.7), cents, cents // 2)),
        back_at=pl.col("occurred") + pl.Series((days * DAY).astype(np.int64)),
        is_back=draws.chance(size, RATES["refunded"]),
    ).filter(_exists("occurred", until))
    bought = pl.format(_BOUGHT, "customer", "number", "name", "amount", "quantity")
    refund = pl.format(_REFUND, "customer", "number", "back")
    returned = rows.filter(pl.col("is_back"), _exists("back_at", until))
    return [
        rows.select("customer", "occurred", type=pl.lit("PurchaseMade"), data=bought),
        returned.select("customer", occurred="back_at", type=pl.lit("PurchaseRefunded"), data=refund),
    ]


def _exists(when: str, until: int) -> pl.Expr:
    """Say whether the account that made a purchase exists at a time within the period."""
    is_same = (pl.col(when) < pl.col("deleted")) | (pl.col("occurred") >= pl.col("returned"))
    return is_same & (pl.col(when) < until)


def _euros(cents: Ints) -> pl.Series:
    return (pl.Series(cents) / 100).cast(pl.Decimal(18, 2))
