"""Who the customers are: created, verified, renamed, moved, deleted and created again."""

import unicodedata
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._block import CHANNELS, Block, pooled, text
from eventsource.demo._calendar import DAY, FAR
from eventsource.demo._draws import Draws, Ints
from eventsource.demo._names import COUNTRIES, HOSTILE

__all__ = ["events"]

_FIRST: Final = [name for country in COUNTRIES for name in country.first]
_LAST: Final = [name for country in COUNTRIES for name in country.last]
_STREETS: Final = [street for country in COUNTRIES for street in country.streets]
_PLACES: Final = [
    f'"city":"{city}","postcode":"{postcode}","country":"{country.code}"'
    for country in COUNTRIES
    for city, postcode in zip(country.cities, country.postcodes, strict=True)
]
_NOWHERE: Final = [f'"city":null,"country":"{country.code}"' for country in COUNTRIES]  # no postcode at all
_CODES: Final = [country.code for country in COUNTRIES]
_MAIL: Final = ("example.org", "example.com", "mail.example.net")
_CHANNELS: Final = [f',"channel":"{name}"' for name in CHANNELS]
_PLANS: Final = (',"plan":"free"', ',"plan":"trial"')
_ODD = 97
"""Every 97th customer has a hostile name."""
_REASONS: Final = ('"asked by the customer"', '"inactive"', '"privacy request"', "null")


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.translate(str.maketrans("łŁøßıŷ", "lLosiy")))
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())


_FIRST_MAIL: Final = [_ascii(name) for name in _FIRST]
_LAST_MAIL: Final = [_ascii(name) for name in _LAST]


def events(block: Block) -> list[pl.DataFrame]:
    """Return what happens to customers as people, one frame per type."""
    return [_created(block), _verified(block), _renamed(block), _moved(block), _deleted(block), _again(block)]


def _created(block: Block) -> pl.DataFrame:
    rows = np.arange(block.size)
    return block.events("CustomerCreated", rows, block.signup, _profile(block, rows, block.draws("profile")))


def _again(block: Block) -> pl.DataFrame:
    rows = np.flatnonzero(block.returned < block.period.until)
    profile = _profile(block, rows, block.draws("profile again"))
    return block.events("CustomerCreated", rows, block.returned[rows], profile)


def _verified(block: Block) -> pl.DataFrame:
    rows = np.flatnonzero(block.alive(np.arange(block.size), block.verified, block.signup))
    method = pooled(('"email"', '"sms"'), block.draws("method").pick(len(rows), (0.9, 0.1)))
    return block.events("CustomerVerified", rows, block.verified[rows], text('{"method":', method, "}"))


def _renamed(block: Block) -> pl.DataFrame:
    draws = block.draws("renamed")
    rows, times = _moments(block, draws, per_year=0.03)
    return block.events("CustomerRenamed", rows, times, text('{"name":"', _names(block, rows, draws), '"}'))


def _moved(block: Block) -> pl.DataFrame:
    draws = block.draws("moved")
    rows, times = _moments(block, draws, per_year=0.28)
    address = _address(block.country[rows], draws)
    return block.events("BillingAddressChanged", rows, times, text('{"address":', address, "}"))


def _deleted(block: Block) -> pl.DataFrame:
    rows = np.flatnonzero(block.deleted < block.period.until)
    reason = pooled(_REASONS, block.draws("farewell").pick(len(rows), (5, 2, 2, 1)))
    return block.events("CustomerDeleted", rows, block.deleted[rows], text('{"reason":', reason, "}"))


def _moments(block: Block, draws: Draws, *, per_year: float) -> tuple[Ints, Ints]:
    """Return customers and times of what happens at a steady rate, at most three times each."""
    gaps = np.cumsum([draws.exponential(block.size) for _ in range(3)], axis=0) / per_year
    times = (block.signup + DAY + gaps * 365 * DAY).clip(max=FAR).astype(np.int64).ravel()
    rows = np.tile(np.arange(block.size), 3)
    happens = block.alive(rows, times)
    return rows[happens], times[happens]


def _profile(block: Block, rows: Ints, draws: Draws) -> pl.Series:
    size, country, number = len(rows), block.country[rows], block.numbers[rows]
    first, last = country * 10 + draws.below(size, 10), country * 10 + draws.below(size, 10)
    name = text(pooled(_FIRST, first), " ", pooled(_LAST, last))
    hostile = pooled(HOSTILE, number // _ODD % len(HOSTILE))
    mail = text(pooled(_FIRST_MAIL, first), ".", pooled(_LAST_MAIL, last), number, "@")
    known = pooled(_CHANNELS, block.channel[rows])
    return text(
        '{"name":"',
        name.zip_with(pl.Series(number % _ODD != _ODD // 7), hostile),
        '","email":"',
        mail,
        pooled(_MAIL, draws.pick(size, (6, 3, 1))),
        '","country":"',
        pooled(_CODES, country),
        '","address":',
        _address(country, draws),
        known.set(pl.Series(draws.chance(size, 0.02)), ""),
        pooled(_PLANS, draws.pick(size, (85, 15))),
        "}",
    )


def _names(block: Block, rows: Ints, draws: Draws) -> pl.Series:
    country = block.country[rows]
    first = pooled(_FIRST, country * 10 + draws.below(len(rows), 10))
    return text(first, " ", pooled(_LAST, country * 10 + draws.below(len(rows), 10)))


def _address(country: Ints, draws: Draws) -> pl.Series:
    """Return addresses as JSON; in one of 200 the city is null and the postcode absent."""
    size = len(country)
    place = pooled(_PLACES, country * 6 + draws.pick(size, (8, 5, 3, 2, 2, 2)))
    place = place.zip_with(pl.Series(~draws.chance(size, 0.005)), pooled(_NOWHERE, country))
    street = pooled(_STREETS, country * 6 + draws.below(size, 6))
    return text('{"street":"', street, " ", 1 + draws.below(size, 120), '",', place, "}")
