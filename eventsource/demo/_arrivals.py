"""How events reach the file: recorded later than they occurred, some much later, some twice, some broken.

A frame of arrivals has one row per line of the file:

========== ======= ================================================================================
customer   Int64   the stream is ``customer-<number>``
version    Int64   1, 2, 3 … within the stream, in the order of recording
kind       UInt8   index of `TYPES`
occurred   Int64   milliseconds
recorded   Int64   milliseconds, never before ``occurred``
origin     UInt8   index of `ORIGINS`
copy       Int8    0: the event itself; else one of `BROKEN`, `REPEATED`, `CONFLICTING`
fault      UInt8   how a broken line is broken
arrived    Int64   milliseconds: when the line was written
data       String  JSON
========== ======= ================================================================================
"""

from typing import Final

import numpy as np
import polars as pl

from eventsource.demo import _people, _premium, _shop, _story, _support
from eventsource.demo._block import ORIGINS, TYPES, Block
from eventsource.demo._calendar import DAY, HOUR
from eventsource.demo._draws import Draws, Flags, Floats, Ints

__all__ = ["BROKEN", "CONFLICTING", "FAULTS", "ORDER", "REPEATED", "arrivals", "recorded"]

FAULTS: Final = ("truncated", "no type", "impossible date", "not UTF-8", "an array")
BROKEN, REPEATED, CONFLICTING = -1, 1, 2
ORDER: Final = ("arrived", "customer", "version", "copy")
"""The order of the file."""

_REPEATED = 0.005
_LATE = 0.02
_CORRECTED = 0.06
"""Share of the cancellations that the back office types in weeks later."""
_PER_CUSTOMERS = 5_000
"""Every fault occurs twice in a block, and once more among so many customers; conflicts likewise."""
_IOS, _ANDROID, _BACKOFFICE = (ORIGINS.index(name) for name in ("ios", "android", "backoffice"))
_CREATED, _CANCELLED, _PURCHASE = (
    TYPES.index(name) for name in ("CustomerCreated", "PremiumPlanCancelled", "PurchaseMade")
)


def recorded(block: Block) -> pl.DataFrame:
    """Return the events of a block, each once, as arrivals in the order of ``customer, version``."""
    found = _support.tickets(block)
    trouble = found.trouble(block.size)
    frames = [
        *_people.events(block),
        *_premium.events(block, trouble),
        *_support.events(block, found),
        *_shop.events(block),
    ]
    lives = _with_lags(pl.concat(frames), block.draws("lags"))
    if _story.told(block):
        lives = _with_story(lives)
    return _numbered(lives.filter(pl.col("recorded") < block.period.until))


def arrivals(block: Block) -> pl.DataFrame:
    """Return all lines of a block, in no order: its events, and what goes wrong on their way."""
    events = recorded(block)
    draws, until = block.draws("noise"), block.period.until
    others = pl.Series(events["customer"] != _story.HERO).to_numpy()
    return pl.concat(
        [
            events,
            _repeated(events, others, draws, until),
            _conflicting(events, others & (events["kind"] == _PURCHASE).to_numpy(), draws, block),
            _broken(events, others, draws, block),
        ]
    )


def _with_lags(lives: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    size, kind = lives.height, lives["kind"].to_numpy()
    origin = draws.pick(size, (30, 36, 17, 12, 5)).astype(np.uint8)
    lag = 40 + 700 * draws.exponential(size)
    offline = ((origin == _IOS) | (origin == _ANDROID)) & draws.chance(size, 0.2) & (kind != _CREATED)
    lag = np.where(offline, np.minimum(2 * HOUR * draws.exponential(size), 20 * HOUR), lag)
    late = draws.chance(size, _LATE) & (kind != _CREATED)
    lag = np.where(late, np.minimum(1 + 6 * draws.exponential(size), 45) * DAY, lag)
    corrected = (kind == _CANCELLED) & draws.chance(size, _CORRECTED)
    lag = np.where(corrected, (10 + 25 * draws.uniform(size)) * DAY, lag)
    origin[corrected] = _BACKOFFICE
    return lives.with_columns(
        recorded=pl.col("occurred") + pl.Series(lag.astype(np.int64)), origin=pl.Series(origin)
    )


def _with_story(lives: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([lives.filter(pl.col("customer") != _story.HERO), _story.frame()])


def _numbered(lives: pl.DataFrame) -> pl.DataFrame:
    """Return the events in the order of recording within each stream, with their versions."""
    customer, recorded_at = lives["customer"].to_numpy(), lives["recorded"].to_numpy()
    order = np.lexsort((lives["kind"].to_numpy(), lives["occurred"].to_numpy(), recorded_at, customer))
    ordered = lives[order]
    customers = ordered["customer"].to_numpy()
    version = np.arange(len(customers)) - np.searchsorted(customers, customers) + 1
    return ordered.select(
        "customer",
        pl.Series("version", version),
        "kind",
        "occurred",
        "recorded",
        "origin",
        pl.lit(0, pl.Int8).alias("copy"),
        pl.lit(0, pl.UInt8).alias("fault"),
        pl.col("recorded").alias("arrived"),
        "data",
    )


def _repeated(events: pl.DataFrame, others: Flags, draws: Draws, until: int) -> pl.DataFrame:
    """Return lines that are sent again, hours later, word by word."""
    again = events.filter(pl.Series(draws.chance(events.height, _REPEATED) & others))
    return _later(again, REPEATED, 3 * HOUR * draws.exponential(again.height), until)


def _conflicting(events: pl.DataFrame, eligible: Flags, draws: Draws, block: Block) -> pl.DataFrame:
    """Return purchases that are sent again with another quantity under the same id."""
    chosen = _chosen(np.flatnonzero(eligible), draws, 1 + 4 * (1 + block.size // _PER_CUSTOMERS))
    wrong = events[chosen].with_columns(pl.col("data").str.replace(r'"quantity":\d+', '"quantity":99'))
    return _later(wrong, CONFLICTING, DAY * (1 + 2 * draws.uniform(wrong.height)), block.period.until)


def _broken(events: pl.DataFrame, others: Flags, draws: Draws, block: Block) -> pl.DataFrame:
    """Return spoilt lines; the sender notices, and the good line follows at once."""
    many = len(FAULTS) * (2 + block.size // _PER_CUSTOMERS)
    spoilt = events[_chosen(np.flatnonzero(others), draws, many)]
    fault = (np.arange(spoilt.height) % len(FAULTS)).astype(np.uint8)
    return spoilt.with_columns(
        pl.lit(BROKEN, pl.Int8).alias("copy"), pl.Series("fault", fault), pl.col("arrived") - 1
    )


def _later(lines: pl.DataFrame, copy: int, delay: Floats, until: int) -> pl.DataFrame:
    arrived = np.minimum(lines["arrived"].to_numpy() + delay.astype(np.int64), until - 1)
    return lines.with_columns(pl.lit(copy, pl.Int8).alias("copy"), pl.Series("arrived", arrived))


def _chosen(candidates: Ints, draws: Draws, many: int) -> Ints:
    """Return up to ``many`` different candidates, ascending."""
    return np.unique(candidates[draws.below(many, len(candidates))]) if len(candidates) else candidates
