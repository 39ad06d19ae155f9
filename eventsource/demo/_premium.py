"""The premium plan: cards, purchases in campaigns, renewals, cancellations and why, expiries."""

from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._block import VOUCHER, Block, pooled, text
from eventsource.demo._calendar import DAY, FAR, HOUR, MINUTE, millis, month_of, month_start
from eventsource.demo._draws import Draws, Flags, Ints
from eventsource.demo._terms import Terms, renewals

__all__ = ["events"]

_BUYERS = 0.55  # of those who verified their address
_YEARLY = 0.25
_CHURN = 0.22  # cancellations per year of a plan, where nothing drives the customer away
_VOUCHER_CHURN = 2.5  # as a multiple
_TROUBLE_CHURN = 3.5  # added, as a multiple, once an early ticket waited four days
_BACK = 0.15  # of those who cancelled
_REPLACED = 0.7  # of the cards that run out
_YEAR = 365 * DAY

_CAMPAIGNS: Final = (("new-year", "01-02", 12), ("spring", "03-15", 17), ("black-week", "11-20", 11))
_BRANDS: Final = ("visa", "mastercard", "amex", "maestro")
_REASONS: Final = (
    '"too expensive"',
    '"missing feature"',
    '"no time"',
    '"found something else"',
    "null",
    '"support too slow"',
    '"voucher ended"',
)
_SLOW, _ENDED = 5, 6
_RAISED: Final = millis("2024-01-01")
_PRICES: Final = {"monthly": ("9.99", "11.99", "7.49"), "yearly": ("99.0", "119.0", "79.0")}
"""Before 2024, from 2024 on, in a campaign."""


def events(block: Block, trouble: Ints) -> list[pl.DataFrame]:
    """Return everything around cards and the premium plan.

    Args:
        block: the customers.
        trouble: per customer, when a slow ticket began to drive that customer away, or `FAR`.
    """
    draws = block.draws("premium")
    terms = _first_terms(block, draws, trouble)
    cards, expiry = _cards(block, terms)
    again = _second_terms(block, draws, terms, expiry)
    return cards + [frame for term in (terms, again) for frame in _term(block, term, expiry[term.rows])]


def _first_terms(block: Block, draws: Draws, trouble: Ints) -> Terms:
    size = block.size
    wanted = block.verified + ((0.02 + 45 * draws.exponential(size)) * DAY).astype(np.int64)
    bought = _drawn_by_campaign(block, draws, wanted)
    buys = draws.chance(size, _BUYERS) & (block.verified < FAR)
    yearly = draws.chance(size, _YEARLY)
    calm, angry = _cancellations(block, draws, bought, trouble)
    rows = np.flatnonzero(buys & block.alive(np.arange(size), bought))
    cancelled = np.minimum(calm, angry)
    return Terms(rows, bought[rows], cancelled[rows], yearly[rows], (angry < calm)[rows])


def _cancellations(block: Block, draws: Draws, bought: Ints, trouble: Ints) -> tuple[Ints, Ints]:
    """Return when each would cancel for everyday reasons, and when for the slow ticket."""
    size = block.size
    rate = np.where(block.channel == VOUCHER, _VOUCHER_CHURN, 1.0) * _CHURN
    calm = bought + HOUR + (draws.exponential(size) / rate * _YEAR).astype(np.int64)
    patience = (draws.exponential(size) / (_TROUBLE_CHURN * _CHURN) * _YEAR).astype(np.int64)
    angry = np.where(trouble < FAR, np.maximum(bought + HOUR, trouble) + patience, FAR)
    return calm, angry


def _second_terms(block: Block, draws: Draws, terms: Terms, expiry: Ints) -> Terms:
    """Return the plans of those who cancelled and came back with a card that is still good."""
    size = len(terms.rows)
    bought = terms.cancelled + ((20 + 70 * draws.exponential(size)) * DAY).astype(np.int64)
    cancelled = bought + HOUR + (draws.exponential(size) / _CHURN * _YEAR).astype(np.int64)
    back = draws.chance(size, _BACK) & (bought < expiry[terms.rows])
    back &= block.alive(terms.rows, bought, terms.bought)
    never = np.zeros(int(back.sum()), bool)
    return Terms(terms.rows[back], bought[back], cancelled[back], terms.yearly[back], never)


def _windows(block: Block) -> tuple[Ints, Ints, list[str]]:
    first, last = month_of(np.array([block.period.since, block.period.until])) // 12 + 1970
    years = range(first, last + 2)
    found = sorted((millis(f"{year}-{day}"), length, name) for year in years for name, day, length in _CAMPAIGNS)
    starts = np.array([start for start, _, _ in found])
    return starts, starts + np.array([length for _, length, _ in found]) * DAY, [name for *_, name in found]


def _drawn_by_campaign(block: Block, draws: Draws, wanted: Ints) -> Ints:
    """Return the times with two of five moved into the next campaign, where that is near."""
    starts, ends, _ = _windows(block)
    index = np.minimum(np.searchsorted(starts, wanted), len(starts) - 1)
    inside = starts[index] + (draws.uniform(block.size) * (ends - starts)[index]).astype(np.int64)
    near = (inside > wanted) & (inside - wanted < 100 * DAY)
    return np.where(near & draws.chance(block.size, 0.4), inside, wanted)


def _cards(block: Block, terms: Terms) -> tuple[list[pl.DataFrame], Ints]:
    """Return the events of cards, and per customer when the card of the plan runs out unreplaced."""
    draws, size = block.draws("cards"), block.size
    added = block.signup + ((0.01 + 60 * draws.exponential(size)) * DAY).astype(np.int64)
    added = np.where(draws.chance(size, 0.35), added, FAR)
    before = MINUTE + (10 * MINUTE * draws.exponential(len(terms.rows))).astype(np.int64)
    in_time = np.maximum(terms.bought - before, block.signup[terms.rows] + MINUTE // 2)
    added[terms.rows] = np.minimum(added[terms.rows], in_time)
    months = month_of(np.minimum(added, block.period.until)) + 3 + draws.below(size, 44)
    expiry = month_start(months + 1)
    replaced = draws.chance(size, _REPLACED)
    renewed = expiry - ((25 * draws.uniform(size) - 4) * DAY).astype(np.int64)
    everyone = np.arange(size)
    has = block.alive(everyone, added)
    gone = has & ~replaced & block.alive(everyone, expiry, added)
    fresh = has & replaced & block.alive(everyone, renewed, added)
    frames = [
        _added(block, draws, np.flatnonzero(has), added, months),
        _added(block, draws, np.flatnonzero(fresh), renewed, months + 60),
        block.events("CardExpired", np.flatnonzero(gone), expiry[gone], "{}"),
    ]
    return frames, np.where(replaced, FAR, expiry)


def _added(block: Block, draws: Draws, rows: Ints, times: Ints, months: Ints) -> pl.DataFrame:
    size = len(rows)
    last = pl.Series(draws.below(size, 10_000)).cast(pl.String).str.zfill(4)
    expires = pl.Series(month_start(months[rows])).cast(pl.Datetime("ms")).dt.strftime("%Y-%m")
    brand = pooled(_BRANDS, draws.pick(size, (45, 40, 8, 7)))
    data = text('{"brand":"', brand, '","last4":"', last, '","expires":"', expires, '"}')
    return block.events("CardAdded", rows, times[rows], data)


def _term(block: Block, term: Terms, expiry: Ints) -> list[pl.DataFrame]:
    """Return the purchase of a plan, its renewals, and its end."""
    nth, when, fails = renewals(term, expiry, block.period.until)
    alive = block.alive(term.rows[nth], when, term.bought[nth])
    paid, failed = alive & ~fails, alive & fails
    over = np.full(len(term.rows), FAR)
    over[nth[fails]] = when[fails]
    cancels = (term.cancelled < over) & block.alive(term.rows, term.cancelled, term.bought)
    return [
        _bought(block, term),
        _renewed(block, term, nth[paid], when[paid]),
        _cancelled(block, term, np.flatnonzero(cancels)),
        _expired(block, term.rows[nth[failed]], when[failed]),
    ]


def _bought(block: Block, term: Terms) -> pl.DataFrame:
    starts, ends, names = _windows(block)
    index = np.maximum(np.searchsorted(starts, term.bought, side="right") - 1, 0)
    inside = (starts[index] <= term.bought) & (term.bought < ends[index])
    campaign = text(',"campaign":"', pooled(names, index), '"').set(pl.Series(~inside), "")
    plan = pooled(("monthly", "yearly"), term.yearly.astype(np.int64))
    price = _prices(term.yearly, term.bought, inside)
    data = text('{"plan":"', plan, '","price":', price, ',"currency":"EUR"', campaign, "}")
    return block.events("PremiumPlanBought", term.rows, term.bought, data)


def _renewed(block: Block, term: Terms, nth: Ints, when: Ints) -> pl.DataFrame:
    price = _prices(term.yearly[nth], when, np.zeros(len(nth), bool))
    return block.events("PremiumPlanRenewed", term.rows[nth], when, text('{"price":', price, "}"))


def _cancelled(block: Block, term: Terms, chosen: Ints) -> pl.DataFrame:
    draws, rows = block.draws("reasons"), term.rows[chosen]
    reason = draws.pick(len(rows), (40, 20, 20, 12, 8))
    voucher = (block.channel[rows] == VOUCHER) & draws.chance(len(rows), 0.5)
    angry = term.angry[chosen] & draws.chance(len(rows), 0.75)
    reason = np.where(angry, _SLOW, np.where(voucher, _ENDED, reason))
    data = text('{"reason":', pooled(_REASONS, reason), "}")
    return block.events("PremiumPlanCancelled", rows, term.cancelled[chosen], data)


def _expired(block: Block, rows: Ints, when: Ints) -> pl.DataFrame:
    return block.events("PremiumPlanExpired", rows, when, '{"cause":"card expired"}')


def _prices(yearly: Flags, times: Ints, campaign: Flags) -> pl.Series:
    step = np.where(campaign, 2, (times >= _RAISED).astype(np.int64))
    return pooled(_PRICES["monthly"] + _PRICES["yearly"], step + 3 * yearly)
