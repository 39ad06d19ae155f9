"""Appends three orders of four events each with the library eventsourcing.

Usage: python eventsourcing_py.py MODULE NAME=VALUE …, where NAME=VALUE are its settings
"""

import sys
from decimal import Decimal
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Order(Aggregate):
    """An order."""

    @event("OrderPlaced")
    def __init__(self, amount: Decimal) -> None:
        """Place it."""
        self.amount = amount

    @event("LineAdded")
    def add(self, amount: Decimal) -> None:
        """Add a line."""
        self.amount += amount


def write(env: dict[str, str]) -> list[str]:
    """Write the events; return the ids of the orders."""
    application: Application[Any] = Application(env=env)
    orders = [Order(Decimal("12.50")) for _ in range(3)]
    for order in orders:
        for number in range(1, 4):
            order.add(Decimal("12.50") + number)
        application.save(order)
    application.close()
    return [str(order.id) for order in orders]


if __name__ == "__main__":
    write(dict(setting.split("=", 1) for setting in sys.argv[1:]))
