"""The `eventsourcing` library: aggregates in its SQLite store, rebuilt from their events by its repository.

Writing to it takes much longer than replaying, so it gets all events of some entities only, and its name says how
many.
"""

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Final

import polars as pl
from eventsourcing.application import Application, project_aggregate
from eventsourcing.domain import Aggregate, event
from eventsourcing.utils import get_topic

from tests.benchmarks.questions import FIELDS, MOMENT, after
from tests.benchmarks.workload import Input

__all__ = ["as_of", "write"]

ENTITIES: Final = 2_000
_BATCH: Final = 5_000


class Customer(Aggregate):
    """The five fields."""

    @event("Created")
    def __init__(self, name: str, city: str) -> None:
        self.name, self.city, self.premium, self.orders, self.spent = name, city, False, 0, 0.0

    @event("Renamed")
    def rename(self, name: str) -> None:
        """Change the name."""
        self.name = name

    @event("Moved")
    def move(self, city: str) -> None:
        """Change the city."""
        self.city = city

    @event("PlanBought")
    def buy_plan(self) -> None:
        """Begin a premium plan."""
        self.premium = True

    @event("PlanCancelled")
    def cancel_plan(self) -> None:
        """End it."""
        self.premium = False

    @event("Bought")
    def buy(self, amount: float) -> None:
        """Make a purchase."""
        self.orders += 1
        self.spent += amount


_MADE: Final[Any] = Customer  # the decorators made a class of events of each name
_CLASSES: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "CustomerCreated": (_MADE.Created, ("name", "city")),
    "CustomerRenamed": (_MADE.Renamed, ("name",)),
    "BillingAddressChanged": (_MADE.Moved, ("city",)),
    "PremiumPlanBought": (_MADE.PlanBought, ()),
    "PremiumPlanCancelled": (_MADE.PlanCancelled, ()),
    "PurchaseMade": (_MADE.Bought, ("amount",)),
}


def write(found: Input) -> None:
    """Write the events of some entities, in fold order."""
    events = pl.scan_parquet(found.typed).filter(pl.col("type").is_in(list(_CLASSES)))
    mine = events.filter(pl.col("stream").is_in(_sample(found).implode()))
    rows = mine.sort("stream", "occurred_at", "position").collect()
    version = pl.int_range(1, pl.len() + 1).over("stream").alias("version")
    application = _application(found)
    for part in rows.with_columns(version).iter_slices(_BATCH):
        application.events.put([_event(row) for row in part.iter_rows(named=True)])


def as_of(found: Input) -> pl.DataFrame:
    """Rebuild each of these aggregates from its events up to the moment."""
    application, end = _application(found), after(MOMENT).replace(tzinfo=UTC)
    states = []
    for entity in _sample(found):
        customer: Customer = application.repository.get(_id(entity), projector_func=_until(end))
        states.append((entity, *(getattr(customer, name) for name in FIELDS)))
    return pl.DataFrame(states, schema=["entity", *FIELDS], orient="row")


def _application(found: Input) -> Application[uuid.UUID]:
    database = str(found.folder / "eventsourcing.sqlite")
    return Application({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": database})


def _sample(found: Input) -> pl.Series:
    """Return the entities created first."""
    created = pl.scan_parquet(found.typed).filter(pl.col("type") == "CustomerCreated").select("stream")
    return created.head(ENTITIES).collect().to_series()


def _id(entity: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, entity)


def _event(row: dict[str, Any]) -> Any:
    kind, members = _CLASSES[row["type"]]
    values: dict[str, Any] = {name: row[name] for name in members}
    if kind is Customer.Created:
        values["originator_topic"] = get_topic(Customer)
    return kind(
        originator_id=_id(row["stream"]),
        originator_version=row["version"],
        timestamp=row["occurred_at"].replace(tzinfo=UTC),
        **values,
    )


def _until(end: datetime) -> Any:
    """Return a projector of the events before an instant; they are in order of time."""

    def project(aggregate: Any, events: Iterable[Any]) -> Any:
        known: Iterator[Any] = takewhile(lambda each: each.timestamp < end, events)
        return project_aggregate(aggregate, known)

    return project
