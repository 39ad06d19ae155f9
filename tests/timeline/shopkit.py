"""A small shop, whose events fit on one screen: the log of the examples of every question."""

import polars as pl

import eventsource as es
from eventsource.testing import MemoryLog, event


class Customer(es.Model, created="Joined", deleted="Left"):
    """A customer: a tier, a number of orders, what was spent."""

    tier = es.latest("Joined", "Switched", of="tier")
    orders = es.count("Ordered")
    spent = es.total("Ordered", of="amount", dtype=pl.Decimal(18, 2))


EVENTS = [
    event("Joined", "ada", at="2024-01-01T09:00:00", tier="basic"),
    event("Ordered", "ada", at="2024-01-10T12:00:00", amount="10.00"),
    event("Joined", "bob", at="2024-01-15T10:00:00", tier="basic"),
    event("Switched", "ada", at="2024-02-01T08:00:00", tier="premium"),
    event("Ordered", "bob", at="2024-02-10T12:00:00", amount="5.50"),
    event("Left", "bob", at="2024-03-01T00:00:00"),
    event("Ordered", "ada", at="2024-03-05T12:00:00", amount="2.50"),
]


def customers(tz: str = "UTC") -> es.Timeline:
    """Return a timeline over the shop."""
    return es.Timeline(MemoryLog(EVENTS), Customer, tz=tz)
