"""The premium plan: cards, purchases in campaigns, renewals, cancellations with reasons, expiries."""

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from eventsource.demo._customers import Customers, fill
from eventsource.demo._draws import Draws, Flags, Ints
from eventsource.demo._seasons import (
    BUSINESS,
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    YEAR,
    add_months,
    milliseconds,
    month_of,
    month_start,
)

__all__ = ["premium_events"]

_BUYERS: Final = 0.55  # of those who verified their address
_YEARLY: Final = 0.25  # pay by the year
_CHURN: Final = 0.22  # cancellations per year of a plan, where nothing drives the customer away
_VOUCHER_CHURN: Final = 2.5 * _CHURN
_ANNOYED_CHURN: Final = 3.5 * _CHURN  # added once an early ticket has waited four days
_RETURNING: Final = 0.15  # of those who cancelled
_REPLACED: Final = 0.7  # of the cards that expire

_PRICES: Final = pl.Series(price for prices in BUSINESS["prices"].values() for price in prices.values())
_RAISED: Final = milliseconds("2024-01-01")
_REASONS: Final = {"too expensive": 40, "missing feature": 20, "no time": 20, "found something else": 12, "": 8}


class Plans(NamedTuple):
    """Plans as columns: who, when bought, when the customer would cancel and why, when the card expires."""

    who: Ints
    bought: Ints
    cancelled: Ints
    yearly: Flags
    annoyed: Flags
    expiry: Ints

    def filter(self, flags: Flags) -> "Plans":
        """Return some of the plans."""
        return Plans(*(column[flags] for column in self))  # type: ignore[arg-type] # columns keep their dtypes


class Campaigns:
    """The campaigns of all years of a log, in the order of time."""

    def __init__(self, since: int, until: int) -> None:
        first, last = month_of(np.array([since, until])) // 12 + 1970
        campaigns = pl.DataFrame(BUSINESS["campaigns"]).join(
            pl.DataFrame({"year": range(first, last + 2)}), how="cross"
        )
        campaigns = campaigns.with_columns(date=pl.format("{}-{}", "year", "begins").str.to_date()).sort("date")
        self.names, self.lengths = campaigns["name"], campaigns["days"].to_numpy() * DAY
        self.starts = campaigns["date"].cast(pl.Datetime("ms")).cast(pl.Int64).to_numpy()

    def attract(self, draws: Draws, wanted: Ints) -> Ints:
        """Return the times with two of five moved into the next campaign, where that is near."""
        index = np.minimum(np.searchsorted(self.starts, wanted), len(self.starts) - 1)
        inside = self.starts[index] + (draws.uniform(len(wanted)) * self.lengths[index]).astype(np.int64)
        near = (inside > wanted) & (inside - wanted < 100 * DAY)
        return np.where(near & draws.chance(len(wanted), 0.4), inside, wanted)

    def at(self, times: Ints) -> tuple[pl.Series, Flags]:
        """Return the latest campaign that began by each time, and whether it is still on."""
        index = np.maximum(np.searchsorted(self.starts, times, side="right") - 1, 0)
        since = times - self.starts[index]
        return self.names.gather(pl.Series(index)), (since >= 0) & (since < self.lengths[index])


def premium_events(customers: Customers, annoyed: Ints) -> list[pl.DataFrame]:
    """Return everything around cards and the premium plan.

    From the moment ``annoyed`` on, a slow ticket drives a customer away; it is `NEVER` for most.
    """
    draws = customers.draws("premium")
    campaigns = Campaigns(customers.settings.since, customers.settings.until)
    first = _first_plans(customers, draws, annoyed, campaigns)
    cards, expiry = _cards(customers, first)
    first = first._replace(expiry=expiry[first.who])
    second = _second_plans(customers, draws, first)
    return cards + [frame for plans in (first, second) for frame in _plan_events(customers, plans, campaigns)]


def _first_plans(customers: Customers, draws: Draws, annoyed: Ints, campaigns: Campaigns) -> Plans:
    """Return everyone's first plan; when its card expires is not decided yet."""
    size, everyone = customers.size, customers.everyone
    wanted = customers.verified + ((0.02 + 45 * draws.exponential(size)) * DAY).astype(np.int64)
    bought = campaigns.attract(draws, wanted)
    buys = draws.chance(size, _BUYERS) & (customers.verified < NEVER)
    yearly = draws.chance(size, _YEARLY)
    rate = np.where(customers.has_voucher, _VOUCHER_CHURN, _CHURN)
    everyday = bought + HOUR + (draws.exponential(size) / rate * YEAR).astype(np.int64)
    patience = (draws.exponential(size) / _ANNOYED_CHURN * YEAR).astype(np.int64)
    angry = np.where(annoyed < NEVER, np.maximum(bought + HOUR, annoyed) + patience, NEVER)
    plans = Plans(everyone, bought, np.minimum(everyday, angry), yearly, angry < everyday, bought)
    return plans.filter(buys & customers.is_possible(everyone, bought))


def _second_plans(customers: Customers, draws: Draws, first: Plans) -> Plans:
    """Return the plans of those who cancelled and came back while their card was still good."""
    size = len(first.who)
    bought = first.cancelled + ((20 + 70 * draws.exponential(size)) * DAY).astype(np.int64)
    cancelled = bought + HOUR + (draws.exponential(size) / _CHURN * YEAR).astype(np.int64)
    back = draws.chance(size, _RETURNING) & (bought < first.expiry)
    second = first._replace(bought=bought, cancelled=cancelled, annoyed=np.zeros(size, bool))
    return second.filter(back & customers.is_possible(first.who, bought, first.bought))


def _cards(customers: Customers, plans: Plans) -> tuple[list[pl.DataFrame], Ints]:
    """Return the events of cards, and per customer when the card expires without a replacement, or `NEVER`."""
    draws, size, everyone = customers.draws("cards"), customers.size, customers.everyone
    added = customers.signup + ((0.01 + 60 * draws.exponential(size)) * DAY).astype(np.int64)
    added = np.where(draws.chance(size, 0.35), added, NEVER)
    before = MINUTE + (10 * MINUTE * draws.exponential(len(plans.who))).astype(np.int64)
    in_time = np.maximum(plans.bought - before, customers.signup[plans.who] + MINUTE // 2)
    added[plans.who] = np.minimum(added[plans.who], in_time)
    last_month = month_of(np.minimum(added, customers.settings.until)) + 3 + draws.below(size, 44)
    expiry = month_start(last_month + 1)
    replaced = draws.chance(size, _REPLACED)
    renewed = expiry - ((25 * draws.uniform(size) - 4) * DAY).astype(np.int64)
    card, new_card = (_card(draws, months) for months in (last_month, last_month + 60))
    frames = [
        customers.events("CardAdded", everyone, added, card),
        customers.events("CardAdded", everyone, np.where(replaced, renewed, NEVER), new_card, added),
        customers.events("CardExpired", everyone, np.where(replaced, NEVER, expiry), "{}", added),
    ]
    return frames, np.where(replaced, NEVER, expiry)


def _card(draws: Draws, months: Ints) -> pl.Series:
    last4 = pl.Series(draws.below(len(months), 10_000)).cast(pl.String).str.zfill(4)
    brand = draws.choice(len(months), {"visa": 45, "mastercard": 40, "amex": 8, "maestro": 7})
    expires = pl.Series(month_start(months)).cast(pl.Datetime("ms")).dt.strftime("%Y-%m")
    return fill('{"brand":"%","last4":"%","expires":"%"}', brand, last4, expires)


def _plan_events(customers: Customers, plans: Plans, campaigns: Campaigns) -> list[pl.DataFrame]:
    """Return the purchases of plans, their renewals, and their ends."""
    nth, due = _due_renewals(plans, customers.settings.until)
    fails = due >= plans.expiry[nth]
    ends = np.full(len(plans.who), NEVER)
    ends[nth[fails]] = due[fails]
    cancelled = plans.filter(
        (plans.cancelled < ends) & customers.is_possible(plans.who, plans.cancelled, plans.bought)
    )
    campaign, on = campaigns.at(plans.bought)
    plan = pl.Series(["monthly", "yearly"]).gather(pl.Series(plans.yearly.astype(np.int64)))
    campaign = fill(',"campaign":"%"', campaign).set(pl.Series(~on), "")
    price = _prices(plans.yearly, plans.bought, on)
    bought = fill('{"plan":"%","price":%,"currency":"EUR"%}', plan, price, campaign)
    renewal = fill('{"price":%}', _prices(plans.yearly[nth], due, np.zeros(len(nth), bool)))
    paid, end = np.where(fails, NEVER, due), np.where(fails, due, NEVER)
    reason = _reasons(customers, cancelled)
    expired, causes = '{"cause":"card expired"}', plans.bought[nth]
    return [
        customers.events("PremiumPlanBought", plans.who, plans.bought, bought),
        customers.events("PremiumPlanRenewed", plans.who[nth], paid, renewal, causes),
        customers.events("PremiumPlanCancelled", cancelled.who, cancelled.cancelled, reason, cancelled.bought),
        customers.events("PremiumPlanExpired", plans.who[nth], end, expired, causes),
    ]


def _due_renewals(plans: Plans, until: int) -> tuple[Ints, Ints]:
    """Return which plan is due for renewal, as an index, and when.

    A plan renews on the same day of each month or year until it is cancelled. The first renewal on or after the
    card's expiry fails, and is the last.
    """
    ends, step = np.minimum(plans.cancelled, until), np.where(plans.yearly, 12, 1)
    most = (month_of(ends) - month_of(plans.bought)) // step
    before, nth = np.nonzero(np.arange(most.max(initial=0))[:, None] < most)  # renewals before this one, the plan
    last = add_months(plans.bought[nth], before * step[nth])
    due = add_months(plans.bought[nth], (before + 1) * step[nth])
    happens = (due < ends[nth]) & ((before == 0) | (last < plans.expiry[nth]))
    return nth[happens], due[happens]


def _reasons(customers: Customers, plans: Plans) -> pl.Series:
    draws, size = customers.draws("reasons"), len(plans.who)
    everyday = draws.choice(size, _REASONS)
    voucher = pl.Series(customers.has_voucher[plans.who] & draws.chance(size, 0.5))
    annoyed = pl.Series(plans.annoyed & draws.chance(size, 0.75))
    reason = everyday.set(voucher, "voucher ended").set(annoyed, "support too slow")
    return fill('{"reason":"%"}', reason).str.replace('""', "null", literal=True)


def _prices(yearly: Flags, times: Ints, campaign: Flags) -> pl.Series:
    return _PRICES.gather(pl.Series(np.where(campaign, 2, times >= _RAISED) + 3 * yearly))
