"""Tickets: most are closed within a day; slow ones are what drives customers away."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._block import Block, pooled, text
from eventsource.demo._calendar import DAY, FAR, HOUR
from eventsource.demo._draws import Draws, Flags, Ints

__all__ = ["Tickets", "events", "tickets"]

_FIRST_DAYS = 90
_TOPICS: Final = ("billing", "delivery", "bug", "account", "feature request", "=HYPERLINK(0)")
_PRIORITIES: Final = ("low", "normal", "high")
_HAPPY: Final = ("5", "4", "3", "null")
_UNHAPPY: Final = ("1", "2", "3", "null")


@dataclass(frozen=True)
class Tickets:
    """All tickets of a block: ``rows`` are the customers, ``closed`` is `FAR` where nobody answered."""

    rows: Ints
    opened: Ints
    closed: Ints
    slow: Flags
    numbers: Ints

    def trouble(self, size: int) -> Ints:
        """Return, per customer, when it was plain that an early ticket waits: four days after it, or never."""
        moments = np.full(size, FAR)
        slow = self.slow
        np.minimum.at(moments, self.rows[slow], self.opened[slow] + 4 * DAY)
        return moments


def tickets(block: Block) -> Tickets:
    """Return the tickets: 45 % have one within 90 days (a third of those slow), then one every two years."""
    draws = block.draws("tickets")
    early = np.flatnonzero(draws.chance(block.size, 0.45))
    wait = HOUR + (draws.uniform(len(early)) ** 2 * (_FIRST_DAYS - 1) * DAY).astype(np.int64)
    first = block.signup[early] + wait
    slow = draws.chance(len(early), 0.33)
    later = np.arange(block.size)
    gaps = (_FIRST_DAYS + 730 * draws.exponential(block.size)) * DAY
    rows = np.concatenate([early, later])
    opened = np.concatenate([first, block.signup + gaps.astype(np.int64)])
    slow = np.concatenate([slow, np.zeros(block.size, bool)])
    closed = opened + _waiting(slow, draws)
    happens = block.alive(rows, opened)
    numbers = np.where(np.arange(len(rows)) < len(early), 1, 2)
    return Tickets(rows[happens], opened[happens], closed[happens], slow[happens], numbers[happens])


def _waiting(slow: Flags, draws: Draws) -> Ints:
    usual = np.minimum(0.2 * HOUR + 9 * HOUR * draws.lognormal(len(slow), 1.0), 4 * DAY)
    long = (6 + 20 * draws.uniform(len(slow))) * DAY
    waiting = np.where(slow, long, usual).astype(np.int64)
    return np.where(slow & draws.chance(len(slow), 0.3), FAR, waiting)


def events(block: Block, found: Tickets) -> list[pl.DataFrame]:
    """Return the openings and closings."""
    return [_opened(block, found), _closed(block, found)]


def _opened(block: Block, found: Tickets) -> pl.DataFrame:
    draws, size = block.draws("topics"), len(found.rows)
    data = text(
        _ticket_id(block, found),
        ',"topic":"',
        pooled(_TOPICS, draws.pick(size, (30, 25, 20, 15, 9.6, 0.4))),
        '","priority":"',
        pooled(_PRIORITIES, draws.pick(size, (2, 6, 2))),
        '"}',
    )
    return block.events("TicketOpened", found.rows, found.opened, data)


def _closed(block: Block, found: Tickets) -> pl.DataFrame:
    draws, size = block.draws("ratings"), len(found.rows)
    happy = pooled(_HAPPY, draws.pick(size, (45, 20, 5, 30)))
    unhappy = pooled(_UNHAPPY, draws.pick(size, (40, 20, 10, 30)))
    rating = unhappy.zip_with(pl.Series(found.slow), happy)
    data = text(_ticket_id(block, found), ',"rating":', rating, "}")
    closed = block.events("TicketClosed", found.rows, found.closed, data)
    return closed.filter(pl.Series(block.alive(found.rows, found.closed, found.opened)))


def _ticket_id(block: Block, found: Tickets) -> pl.Series:
    return text('{"ticket_id":"T-', block.numbers[found.rows], "-", found.numbers, '"')
