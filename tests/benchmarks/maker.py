"""Generate events of a shape.

Events are numbers in order of arrival at first. Ids, types and payloads are added to one slice at a time:

    kind  owner  occurred_at  recorded_at  number  cents    stream       type             data
       0     17            …            …       3      … →  customer-17  CustomerCreated  {"name": …, "address": …}
       2     17            …            …       8    912 →  customer-17  PurchaseMade     {"amount": 9.12, …}
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tests.benchmarks.shapes import Shape

__all__ = ["Maker", "names_of"]

DAY: Final = 86_400_000_000
BEGIN: Final = int(np.datetime64("2021-01-01", "us").astype("int64"))
SPAN: Final = 1095
"""Days; every entity is created in the first 30."""
OTHER: Final = 6
TYPES: Final = (
    "CustomerCreated",
    "BillingAddressChanged",
    "PurchaseMade",
    "PremiumPlanBought",
    "PremiumPlanCancelled",
    "CustomerRenamed",
)
_SLICE: Final = 250_000
_PER_EVENT: Final = 20
_ENVELOPE: Final = ("event_id", "stream", "type", "occurred_at", "recorded_at", "data")


def names_of(shape: Shape, count: int) -> pl.Series:
    """Return the ids of ``count`` entities."""
    if shape.uuids:
        bits = np.random.default_rng(2).bytes(16 * count)
        texts = [str(uuid.UUID(bytes=bits[low : low + 16], version=4)) for low in range(0, 16 * count, 16)]
        return pl.Series("stream", texts, dtype=pl.String)
    return pl.select(pl.format("customer-{}", pl.int_range(count)).alias("stream")).to_series()


@dataclass(frozen=True)
class Maker:
    """Generates events of a shape.

    Args:
        shape: the shape of the log.
        names: the entities.
        rng: a seeded generator of random numbers.
    """

    shape: Shape
    names: pl.Series
    rng: np.random.Generator

    def envelopes(self, events: int) -> pl.DataFrame:
        """Return events as numbers in order of arrival; all entities are created in the first month."""
        created, others = len(self.names), events - len(self.names)
        kinds = np.concatenate([np.zeros(created, np.int8), self._kinds(others)])
        owners = np.concatenate([self.rng.permutation(created), self._owners(others)])
        first = np.sort(self.rng.integers(0, 30 * DAY, created))
        times = np.concatenate([first, np.sort(self.rng.integers(30 * DAY, SPAN * DAY, others))])
        times = np.full(events, 30 * DAY) if self.shape.instant else times
        recorded = times + self._delays(events)
        arrival = np.argsort(recorded, kind="stable")
        columns = {"kind": kinds, "owner": owners, "occurred_at": times + BEGIN, "recorded_at": recorded + BEGIN}
        return self._frame({name: column[arrival] for name, column in columns.items()}, 0)

    def later(self, start: int, events: int) -> pl.DataFrame:
        """Return events of the ten following days, with the same share of late ones."""
        recorded = np.sort(self.rng.integers(SPAN * DAY, (SPAN + 10) * DAY, events))
        occurred = np.full(events, 30 * DAY) if self.shape.instant else recorded - self._delays(events)
        columns = {
            "kind": self._kinds(events),
            "owner": self._owners(events),
            "occurred_at": occurred + BEGIN,
            "recorded_at": recorded + BEGIN,
        }
        return self._frame(columns, start)

    def rows(self, count: int) -> pl.DataFrame:
        """Return rows to join, each with its own moment; one of a hundred names an entity that does not exist."""
        owners = self.rng.integers(0, max(len(self.names), 1), count)
        at = BEGIN + self.rng.integers(0, SPAN * DAY, count)
        entities = self.names.gather(owners) if len(self.names) else pl.Series([None] * count, dtype=pl.String)
        frame = pl.DataFrame({"row": np.arange(count), "entity": entities, "at": at})
        unknown = pl.when(pl.col("row") % 100 == 0).then(pl.lit("unknown"))
        return frame.with_columns(
            unknown.otherwise("entity").alias("entity"), pl.col("at").cast(pl.Datetime("us"))
        )

    def write(self, events: pl.DataFrame, lines: Path, typed: Path) -> None:
        """Write events as JSON Lines and as typed Parquet."""
        schema = self._typed(self._in_words(events.clear())).to_arrow().schema
        with lines.open("wb") as file, pq.ParquetWriter(typed, schema) as parquet:
            for part in events.iter_slices(_SLICE):
                words = self._in_words(part)
                file.write("\n".join(words.select(_line()).to_series()).encode() + b"\n")
                parquet.write_table(self._typed(words).to_arrow(), row_group_size=125_000)

    def write_tail(self, events: pl.DataFrame, plain: Path, typed: Path) -> None:
        """Write events as a frame that `Log.append` takes, and as typed Parquet."""
        words = self._in_words(events)
        utc = pl.col("occurred_at", "recorded_at").dt.replace_time_zone("UTC")
        words.select(_ENVELOPE).with_columns(utc).write_parquet(plain)
        self._typed(words).write_parquet(typed)

    def _kinds(self, count: int) -> Any:
        return self.rng.choice(np.arange(1, OTHER + 1, dtype=np.int8), count, p=self.shape.shares)

    def _owners(self, count: int) -> Any:
        return self.rng.integers(0, max(len(self.names), 1), count)

    def _delays(self, count: int) -> Any:
        low, high = self.shape.days
        late = self.rng.random(count) < self.shape.late
        return np.where(late & (not self.shape.instant), self.rng.integers(low * DAY, high * DAY, count), 0)

    def _frame(self, columns: dict[str, Any], start: int) -> pl.DataFrame:
        count = len(columns["kind"])
        numbers = {
            "position": np.arange(start, start + count),
            "number": self.rng.integers(0, 50, count),
            "cents": np.round(self.rng.gamma(2, 2000, count)),
        }
        return pl.DataFrame(columns | numbers).cast(
            {"occurred_at": pl.Datetime("us"), "recorded_at": pl.Datetime("us")}
        )

    def _in_words(self, part: pl.DataFrame) -> pl.DataFrame:
        """Add ids, types, members and the payload as JSON text to events."""
        kind = pl.col("kind")
        words = part.with_columns(
            self.names.gather(part["owner"]).alias("stream"),
            pl.format("event-{}", "position").alias("event_id"),
            self._type().alias("type"),
            pl.when(kind == 2).then(pl.col("cents") / 100).alias("amount"),
            pl.when(kind <= 1).then(pl.format("City {}", "number")).alias("city"),
            pl.when(kind.is_in([0, 5])).then(pl.format("Name {}-{}", "owner", "number")).alias("name"),
            *self._members(),
        )
        return words.with_columns(self._payload().alias("data"))

    def _type(self) -> pl.Expr:
        other: pl.Expr = pl.lit("ProfileChanged" if self.shape.members else "TicketOpened")
        if self.shape.notes:
            other = pl.format("Note{}", (pl.col("position") % self.shape.notes).cast(pl.String).str.zfill(3))
        known = pl.lit(pl.Series(TYPES)).gather(pl.col("kind").clip(0, OTHER - 1))
        return pl.when(pl.col("kind") == OTHER).then(other).otherwise(known)

    def _members(self) -> Iterator[pl.Expr]:
        """Yield the further members: an event has one block of twenty of them."""
        blocks = max(self.shape.members // _PER_EVENT, 1)
        for number, name in enumerate(self.shape.member_names):
            mine = (pl.col("kind") == OTHER) & (pl.col("position") % blocks == number // _PER_EVENT)
            yield pl.when(mine).then((pl.col("position") + number) % 1009).alias(name)

    def _payload(self) -> pl.Expr:
        street = pl.lit("Main St").alias("street")
        address = pl.struct("city", street).alias("address")
        purchase = pl.struct("amount", pl.lit("book").alias("item"), pl.lit(2).alias("quantity"))
        kind, blocks = pl.col("kind"), self.shape.members // _PER_EVENT
        payload = (
            pl.when(kind == 2)
            .then(purchase.struct.json_encode())
            .when(kind == 0)
            .then(pl.struct("name", address).struct.json_encode())
            .when(kind == 1)
            .then(pl.struct(address).struct.json_encode())
            .when(kind == 5)
            .then(pl.struct("name").struct.json_encode())
        )
        for block in range(blocks):
            names = self.shape.member_names[block * _PER_EVENT : (block + 1) * _PER_EVENT]
            mine = (kind == OTHER) & (pl.col("position") % blocks == block)
            payload = payload.when(mine).then(pl.struct(names).struct.json_encode())
        return payload.otherwise(pl.lit("{}"))

    def _typed(self, words: pl.DataFrame) -> pl.DataFrame:
        members = ("amount", "city", "name", *self.shape.member_names)
        return words.select("position", "event_id", "stream", "type", "occurred_at", "recorded_at", *members)


def _line() -> pl.Expr:
    texts = ("event_id", "stream", "type")
    parts = [part for name in texts for part in (pl.lit(f'"{name}":"'), pl.col(name), pl.lit('",'))]
    times = ("occurred_at", "recorded_at")
    parts += [part for name in times for part in (pl.lit(f'"{name}":"'), _iso(name), pl.lit('",'))]
    return pl.concat_str(pl.lit("{"), *parts, pl.lit('"data":'), "data", pl.lit("}"))


def _iso(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
