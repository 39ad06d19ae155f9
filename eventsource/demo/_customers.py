"""Some customers, and the frames of events that happen to them: the unit of work, of memory and of randomness."""

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from eventsource.demo._draws import Draws, Flags, Ints
from eventsource.demo._seasons import BUSINESS, DAY, MINUTE, NEVER, Season

__all__ = ["AT_ONCE", "TYPES", "Customers", "Settings", "fill"]

AT_ONCE: Final = 10_000
"""Customers that are in memory at the same time, about a quarter of a million events."""

TYPES: Final[tuple[str, ...]] = tuple(BUSINESS["event_types"])
_CHANNELS: Final = {channel["name"]: channel["share"] for channel in BUSINESS["channels"]}
_COUNTRY_SHARES: Final = [country["share"] for country in BUSINESS["countries"]]


class Settings(NamedTuple):
    """What the whole log depends on; ``since`` (inclusive) and ``until`` (exclusive) are milliseconds."""

    customers: int
    seed: int
    since: int
    until: int


class Customers:
    """Customers who sign up one after the other: at most `AT_ONCE`, from number ``first`` on.

    The columns have one value per customer: ``numbers``, ``country`` (an index), ``channel``, and the times
    ``signup`` (ascending), ``verified``, ``deleted`` and ``returned``, which are `NEVER` where it does not happen.
    """

    def __init__(self, settings: Settings, first: int) -> None:
        self.settings, self.first = settings, first
        self.size = size = min(AT_ONCE, settings.customers + 1 - first)
        self.everyone = np.arange(size)
        self.numbers = first + self.everyone
        self.country = self.draws("country").pick(size, _COUNTRY_SHARES)
        self.channel = self.draws("channel").choice(size, _CHANNELS)
        self.has_voucher = (self.channel == "voucher").to_numpy()
        season = Season(settings.since, settings.until, months="signups_by_month", growth=3.0)
        shares = np.sort(self.draws("signup").uniform(size))
        self.signup = season.at((first - 1 + shares * size) / settings.customers)
        draws = self.draws("verified")
        verified = self.signup + (MINUTE + 12 * MINUTE * draws.lognormal(size, 1.7)).astype(np.int64)
        self.verified = np.where(draws.chance(size, np.where(self.has_voucher, 0.82, 0.93)), verified, NEVER)
        draws = self.draws("deleted")
        room = np.maximum(settings.until - self.signup - 30 * DAY, 1)
        deleted = self.signup + 30 * DAY + (draws.uniform(size) * room).astype(np.int64)
        self.deleted = np.where(draws.chance(size, 0.05), deleted, NEVER)
        draws = self.draws("returned")
        returned = self.deleted + ((15 + 50 * draws.exponential(size)) * DAY).astype(np.int64)
        self.returned = np.where(draws.chance(size, 0.3) & (self.deleted < NEVER), returned, NEVER)

    def draws(self, concept: str) -> Draws:
        """Return the random numbers of one concept."""
        return Draws(self.settings.seed, self.first, concept)

    def is_possible(self, who: Ints, times: Ints, causes: Ints | None = None) -> Flags:
        """Return which events happen: within the period, and to an account that exists since their cause.

        ``who`` are indices into these customers. A cause is an earlier event, such as the purchase of a refund.
        """
        since = times if causes is None else causes
        exists = (times <= self.deleted[who]) | (since >= self.returned[who])
        return exists & (times < self.settings.until)

    def events(
        self, type_: str, who: Ints, times: Ints, data: pl.Series | str, causes: Ints | None = None
    ) -> pl.DataFrame:
        """Return those events that are possible: ``customer`` (the number), ``occurred``, ``type``, ``data``."""
        frame = pl.DataFrame({"customer": self.numbers[who], "occurred": times})
        frame = frame.with_columns(pl.lit(type_, pl.Enum(TYPES)).alias("type"), pl.lit(data).alias("data"))
        return frame.filter(pl.Series(self.is_possible(who, times, causes)))


def fill(template: str, *values: Ints | pl.Series) -> pl.Series:
    """Return a text per row: the template, with each ``%`` replaced by the next column's value."""
    first, *others = template.split("%")
    pieces = [pl.lit(first)]
    for value, text in zip(values, others, strict=True):
        pieces += [pl.lit(pl.Series(value)), pl.lit(text)]
    return pl.select(pl.concat_str(pieces)).to_series()
