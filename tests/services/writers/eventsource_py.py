"""Appends three orders of four events each with eventsource-py, in its own environment: its import name is ours.

Usage: python eventsource_py.py URL
"""
# mypy: ignore-errors

import asyncio
import sys
from uuid import uuid4

from sqlalchemy.ext.asyncio import create_async_engine

from eventsource import DomainEvent, ExpectedVersion, PostgreSQLEventStore, StreamId, register_event


@register_event
class OrderPlaced(DomainEvent):
    """An order."""

    event_type: str = "OrderPlaced"
    aggregate_type: str = "Order"
    amount: float


@register_event
class LineAdded(DomainEvent):
    """A line of an order."""

    event_type: str = "LineAdded"
    aggregate_type: str = "Order"
    amount: float


async def main() -> None:
    """Append."""
    engine = create_async_engine(sys.argv[1])
    store = PostgreSQLEventStore(engine, create_schema=True)
    for _ in range(3):
        order = uuid4()
        kinds = (OrderPlaced, LineAdded, LineAdded, LineAdded)
        events = [
            kind(aggregate_id=order, amount=12.5 + number, aggregate_version=number + 1)
            for number, kind in enumerate(kinds)
        ]
        await store.append(StreamId(order, "Order"), events, ExpectedVersion.no_stream())
    await engine.dispose()


asyncio.run(main())
