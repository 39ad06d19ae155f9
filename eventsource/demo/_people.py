"""Who the customers are: created, verified, renamed, moved, deleted and created again."""

import json
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._customers import Customers, fill
from eventsource.demo._draws import Draws, Ints
from eventsource.demo._seasons import BUSINESS, DAY, NEVER, YEAR

__all__ = ["people_events"]

_HOSTILE_EVERY: Final = 97  # every 97th customer has a hostile name
_HOSTILE: Final = pl.Series(json.dumps(name, ensure_ascii=False)[1:-1] for name in BUSINESS["hostile_names"])
_CODES: Final = pl.Series(country["code"] for country in BUSINESS["countries"])
_FIRST, _LAST, _STREETS, _CITIES = (
    pl.Series(text for country in BUSINESS["countries"] for text in country[column])
    for column in ("first_names", "last_names", "streets", "cities")
)
_PLACES: Final = fill('"city":"%","postcode":"%"', _CITIES.str.extract("(.*), "), _CITIES.str.extract(", (.*)"))


def people_events(customers: Customers) -> list[pl.DataFrame]:
    """Return what happens to customers as people, one frame per type."""
    everyone, size, events = customers.everyone, customers.size, customers.events
    method = customers.draws("method").choice(size, {"email": 0.9, "sms": 0.1})
    reasons = {'"asked by the customer"': 5, '"inactive"': 2, '"privacy request"': 2, "null": 1}
    reason = customers.draws("farewell").choice(size, reasons)
    profile, again = (_profile(customers, customers.draws(concept)) for concept in ("profile", "profile again"))
    who, country = np.tile(everyone, 3), np.tile(customers.country, 3)
    draws = customers.draws("renamed")
    renamed, name = _three_times(customers, draws, per_year=0.03), fill('{"name":"%"}', _name(country, draws))
    draws = customers.draws("moved")
    moved, address = _three_times(customers, draws, per_year=0.28), fill('{"address":%}', _address(country, draws))
    return [
        events("CustomerCreated", everyone, customers.signup, profile),
        events("CustomerVerified", everyone, customers.verified, fill('{"method":"%"}', method), customers.signup),
        events("CustomerRenamed", who, renamed, name),
        events("BillingAddressChanged", who, moved, address),
        events("CustomerDeleted", everyone, customers.deleted, fill('{"reason":%}', reason)),
        events("CustomerCreated", everyone, customers.returned, again),
    ]


def _three_times(customers: Customers, draws: Draws, *, per_year: float) -> Ints:
    """Return three times for every customer, at a steady rate; most are after the end of the period."""
    gaps = np.cumsum([draws.exponential(customers.size) for _ in range(3)], axis=0) / per_year
    return (customers.signup + DAY + gaps * YEAR).clip(max=NEVER).astype(np.int64).ravel()


def _profile(customers: Customers, draws: Draws) -> pl.Series:
    """Return the payload of ``CustomerCreated``; the channel is absent in one of fifty."""
    country, number, size = customers.country, customers.numbers, customers.size
    hostile = _HOSTILE.gather(pl.Series(number // _HOSTILE_EVERY % len(_HOSTILE)))
    is_hostile = pl.Series(number % _HOSTILE_EVERY == _HOSTILE_EVERY // 7)
    name, address = hostile.zip_with(is_hostile, _name(country, draws)), _address(country, draws)
    domain = draws.choice(size, {"example.org": 6, "example.com": 3, "mail.example.net": 1})
    channel = fill(',"channel":"%"', customers.channel).set(pl.Series(draws.chance(size, 0.02)), "")
    plan = draws.choice(size, {"free": 85, "trial": 15})
    template = '{"name":"%","email":"customer%@%","country":"%","address":%%,"plan":"%"}'
    return fill(template, name, number, domain, _CODES.gather(pl.Series(country)), address, channel, plan)


def _name(country: Ints, draws: Draws) -> pl.Series:
    first, last = (pl.Series(country * 10 + draws.below(len(country), 10)) for _ in range(2))
    return fill("% %", _FIRST.gather(first), _LAST.gather(last))


def _address(country: Ints, draws: Draws) -> pl.Series:
    """Return addresses as JSON; in one of 200 the city is null and the postcode absent."""
    size, code = len(country), _CODES.gather(pl.Series(country))
    place = _PLACES.gather(pl.Series(country * 6 + draws.pick(size, (8, 5, 3, 2, 2, 2))))
    place = place.set(pl.Series(draws.chance(size, 0.005)), '"city":null')
    street = _STREETS.gather(pl.Series(country * 6 + draws.below(size, 6)))
    return fill('{"street":"% %",%,"country":"%"}', street, 1 + draws.below(size, 120), place, code)
