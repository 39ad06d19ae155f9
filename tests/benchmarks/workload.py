"""The input of the benchmarks: a log of a shop, 2 % of it late, as JSON Lines and as typed Parquet."""

from pathlib import Path

import numpy as np
import polars as pl

PER_ENTITY = 20
TYPES = [
    "CustomerCreated",
    "BillingAddressChanged",
    "PurchaseMade",
    "PremiumPlanBought",
    "PremiumPlanCancelled",
    "CustomerRenamed",
    "TicketOpened",
]
SHARES = [0.1, 0.5, 0.12, 0.08, 0.05, 0.15]
DAY = 86_400_000_000


def entities(events: int) -> int:
    """Return how many entities a log of so many events has."""
    return max(events // PER_ENTITY, 1)


def make(folder: Path, events: int) -> None:
    """Write ``events.jsonl`` and ``typed.parquet`` (arrival order) into a folder, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "typed.parquet").exists():
        return
    frame = _members(_envelope(events))
    data = (
        pl.when(pl.col("type") == "PurchaseMade")
        .then(pl.struct("amount", item=pl.lit("book"), quantity=pl.lit(2)).struct.json_encode())
        .when(pl.col("type") == "CustomerCreated")
        .then(pl.struct("name", address=pl.struct("city", street=pl.lit("Main St"))).struct.json_encode())
        .when(pl.col("type") == "BillingAddressChanged")
        .then(pl.struct(address=pl.struct("city", street=pl.lit("Main St"))).struct.json_encode())
        .when(pl.col("type") == "CustomerRenamed")
        .then(pl.struct("name").struct.json_encode())
        .otherwise(pl.lit("{}"))
    )
    lines = pl.concat_str(
        pl.lit('{"event_id":"'),
        "event_id",
        pl.lit('","stream":"'),
        "stream",
        pl.lit('","type":"'),
        "type",
        pl.lit('","occurred_at":"'),
        _iso("occurred_at"),
        pl.lit('","recorded_at":"'),
        _iso("recorded_at"),
        pl.lit('","data":'),
        data,
        pl.lit("}"),
    )
    with (folder / "events.jsonl").open("wb") as file:
        for part in frame.iter_slices(500_000):
            file.write("\n".join(part.select(lines).to_series()).encode() + b"\n")
    frame.select("position", "stream", "type", "occurred_at", "amount", "city", "name").write_parquet(
        folder / "typed.parquet"
    )


def _iso(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")


def _envelope(events: int) -> pl.DataFrame:
    """Every entity is created in the first month; the rest happens over three years, in order of arrival."""
    rng = np.random.default_rng(1)
    count = entities(events)
    kinds = np.concatenate([np.zeros(count, int), rng.choice([1, 2, 3, 4, 5, 6], events - count, p=SHARES)])
    owners = np.concatenate([rng.permutation(count), rng.integers(0, count, events - count)])
    start = np.datetime64("2021-01-01T00:00:00", "us").astype("int64")
    times = np.concatenate(
        [np.sort(rng.integers(0, 30 * DAY, count)), np.sort(rng.integers(30 * DAY, 1095 * DAY, events - count))]
    )
    recorded = times + np.where(rng.random(events) < 0.02, rng.integers(0, 20 * DAY, events), 0)
    arrival = np.argsort(recorded, kind="stable")
    frame = pl.DataFrame(
        {
            "position": np.arange(events),
            "type": np.array(TYPES)[kinds[arrival]],
            "owner": owners[arrival],
            "occurred_at": times[arrival] + start,
            "recorded_at": recorded[arrival] + start,
            "number": rng.integers(0, 50, events),
            "cents": np.round(rng.gamma(2, 2000, events)),
        }
    )
    return frame.with_columns(
        pl.format("customer-{}", "owner").alias("stream"),
        pl.format("event-{}", "position").alias("event_id"),
        pl.col("occurred_at", "recorded_at").cast(pl.Datetime("us", "UTC")),
    )


def _members(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the payload members, null where an event of that type has none."""
    kind = pl.col("type")
    return frame.with_columns(
        pl.when(kind == "PurchaseMade").then(pl.col("cents") / 100).alias("amount"),
        pl.when(kind.is_in(["CustomerCreated", "BillingAddressChanged"]))
        .then(pl.format("City {}", "number"))
        .alias("city"),
        pl.when(kind.is_in(["CustomerCreated", "CustomerRenamed"]))
        .then(pl.format("Name {}", "owner"))
        .alias("name"),
    )
