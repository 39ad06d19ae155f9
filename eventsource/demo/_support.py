"""Tickets: most are closed within a day; slow ones are what drives customers away."""

from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._customers import Customers, fill
from eventsource.demo._draws import Ints
from eventsource.demo._seasons import DAY, HOUR, NEVER

__all__ = ["ticket_events"]

_TOPICS: Final = {
    "billing": 30,
    "delivery": 25,
    "bug": 20,
    "account": 15,
    "feature request": 9.6,
    "=HYPERLINK(0)": 0.4,
}


def ticket_events(customers: Customers) -> tuple[list[pl.DataFrame], Ints]:
    """Return the events of tickets, and when each customer has waited four days for an early answer, or `NEVER`.

    Of the customers 45 % have a ticket within 90 days of their sign-up, a third of those a slow one. After that a
    customer has one every two years.
    """
    draws, size = customers.draws("tickets"), customers.size
    early = np.flatnonzero(draws.chance(size, 0.45))
    who = np.concatenate([early, customers.everyone])
    soon = HOUR + (draws.uniform(len(early)) ** 2 * 89 * DAY).astype(np.int64)
    slow = np.concatenate([draws.chance(len(early), 0.33), np.zeros(size, bool)])
    later = ((90 + 730 * draws.exponential(size)) * DAY).astype(np.int64)
    opened = customers.signup[who] + np.concatenate([soon, later])
    usual = np.minimum(0.2 * HOUR + 9 * HOUR * draws.lognormal(len(who), 1.0), 4 * DAY)
    waiting = np.where(slow, (6 + 20 * draws.uniform(len(who))) * DAY, usual).astype(np.int64)
    closed = np.where(slow & draws.chance(len(who), 0.3), NEVER, opened + waiting)
    annoyed = np.full(size, NEVER)
    annoyed[who[slow]] = opened[slow] + 4 * DAY

    ids = fill("T-%-%", customers.numbers[who], np.where(np.arange(len(who)) < len(early), 1, 2))
    draws, size = customers.draws("topics"), len(who)
    topic, priority = draws.choice(size, _TOPICS), draws.choice(size, {"low": 2, "normal": 6, "high": 2})
    happy = draws.choice(size, {"5": 45, "4": 20, "3": 5, "null": 30})
    unhappy = draws.choice(size, {"1": 40, "2": 20, "3": 10, "null": 30})
    question = fill('{"ticket_id":"%","topic":"%","priority":"%"}', ids, topic, priority)
    answer = fill('{"ticket_id":"%","rating":%}', ids, unhappy.zip_with(pl.Series(slow), happy))
    frames = [
        customers.events("TicketOpened", who, opened, question),
        customers.events("TicketClosed", who, closed, answer, opened),
    ]
    return frames, annoyed
