"""A block: some customers whose sign-ups are neighbours in time, the unit of work and of randomness."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._calendar import DAY, FAR, MINUTE, Season
from eventsource.demo._draws import Draws, Flags, Ints

__all__ = ["BLOCK", "CHANNELS", "ORIGINS", "TYPES", "VOUCHER", "Block", "Period", "pooled", "text"]

BLOCK: Final = 20_000
"""Customers per block: what is in memory at once, about half a million events."""

TYPES: Final = (
    "CustomerCreated",
    "CustomerVerified",
    "CustomerRenamed",
    "BillingAddressChanged",
    "CardAdded",
    "CardExpired",
    "PremiumPlanBought",
    "PremiumPlanRenewed",
    "PremiumPlanCancelled",
    "PremiumPlanExpired",
    "PurchaseMade",
    "PurchaseRefunded",
    "TicketOpened",
    "TicketClosed",
    "CustomerDeleted",
)

ORIGINS: Final = ("", "web", "ios", "android", "api", "backoffice")
"""What recorded an event; the first: it does not say."""

CHANNELS: Final = ("search", "social", "friend", "partner", "newsletter", "voucher")
VOUCHER: Final = CHANNELS.index("voucher")
_CHANNEL_SHARES: Final = (0.34, 0.2, 0.16, 0.1, 0.06, 0.14)
_COUNTRY_SHARES: Final = (0.3, 0.22, 0.1, 0.12, 0.1, 0.06, 0.05, 0.05)  # in the order of _people
_VERIFIED, _VERIFIED_VOUCHER = 0.93, 0.82


@dataclass(frozen=True)
class Period:
    """The time that is told about: ``since`` inclusive, ``until`` exclusive, in milliseconds."""

    since: int
    until: int

    @cached_property
    def sign_ups(self) -> Season:
        """When customers come."""
        return Season.of_sign_ups(self.since, self.until)

    @cached_property
    def purchases(self) -> Season:
        """When customers buy."""
        return Season.of_purchases(self.since, self.until)


@dataclass(frozen=True)
class Block:
    """Customers ``first``, ``first + 1`` … of ``total``, and what is common to all they do.

    Args:
        seed: of the whole log.
        first: number of the first customer, from 1.
        size: how many there are.
        total: how many there are in the whole log.
        period: what is told about.
    """

    seed: int
    first: int
    size: int
    total: int
    period: Period

    def draws(self, concept: str) -> Draws:
        """Return the random numbers of one concept."""
        return Draws(self.seed, self.first, concept)

    @cached_property
    def numbers(self) -> Ints:
        """The customers' numbers."""
        return np.arange(self.first, self.first + self.size)

    @cached_property
    def signup(self) -> Ints:
        """When each signed up, ascending."""
        shares = np.sort(self.draws("signup").uniform(self.size))
        return self.period.sign_ups.at((self.first - 1 + shares * self.size) / self.total)

    @cached_property
    def country(self) -> Ints:
        """Where each lives, as an index."""
        return self.draws("country").pick(self.size, _COUNTRY_SHARES)

    @cached_property
    def channel(self) -> Ints:
        """What brought each here, as an index of `CHANNELS`."""
        return self.draws("channel").pick(self.size, _CHANNEL_SHARES)

    @cached_property
    def verified(self) -> Ints:
        """When each confirmed the address: minutes to days later, or never."""
        draws = self.draws("verified")
        sure = np.where(self.channel == VOUCHER, _VERIFIED_VOUCHER, _VERIFIED)
        delay = (MINUTE + 12 * MINUTE * draws.lognormal(self.size, 1.7)).astype(np.int64)
        return np.where(draws.chance(self.size, sure), self.signup + delay, FAR)

    @cached_property
    def deleted(self) -> Ints:
        """When the account was deleted: 5 %, a month or more after the sign-up."""
        draws = self.draws("deleted")
        room = np.maximum(self.period.until - self.signup - 30 * DAY, 1)
        when = self.signup + 30 * DAY + (draws.uniform(self.size) * room).astype(np.int64)
        return np.where(draws.chance(self.size, 0.05), when, FAR)

    @cached_property
    def returned(self) -> Ints:
        """When a customer who was deleted came back: 3 of 10, weeks to months later."""
        draws = self.draws("returned")
        when = self.deleted + ((15 + 50 * draws.exponential(self.size)) * DAY).astype(np.int64)
        return np.where(draws.chance(self.size, 0.3) & (self.deleted < FAR), when, FAR)

    def alive(self, rows: Ints, times: Ints, causes: Ints | None = None) -> Flags:
        """Return which events happen: within the period, the account there all the time since their cause.

        Args:
            rows: the customers, as indices into this block.
            times: when each event would happen.
            causes: when what led to it happened, such as the purchase of a refund; default: ``times``.
        """
        since = times if causes is None else causes
        there = (times < self.deleted[rows]) | (since > self.returned[rows])
        return there & (times < self.period.until)

    def events(self, kind: str, rows: Ints, times: Ints, data: pl.Series | str) -> pl.DataFrame:
        """Return events as a frame: ``customer``, ``kind`` (index of `TYPES`), ``occurred``, ``data``."""
        same = pl.repeat(data, len(rows), eager=True) if isinstance(data, str) else data
        return pl.DataFrame(
            {
                "customer": self.numbers[rows],
                "kind": np.full(len(rows), TYPES.index(kind), np.uint8),
                "occurred": times,
                "data": same,
            }
        )


def text(*pieces: str | Ints | pl.Series) -> pl.Series:
    """Return the pieces joined row by row; texts stand in every row, at least one piece is a column."""
    parts = [pl.lit(piece if isinstance(piece, str) else pl.Series(piece)) for piece in pieces]
    return pl.select(pl.concat_str(parts)).to_series()


def pooled(pool: Sequence[str], indices: Ints) -> pl.Series:
    """Return the texts of a pool that the indices name."""
    return pl.Series(pool, dtype=pl.String).gather(pl.Series(indices))
