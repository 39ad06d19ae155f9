"""Decoded corrections: what an index holds of them, and which rows a question reads instead of others.

Runs and parts hold events as they arrived. The readings of corrected events are beside them, decoded like any
event. There are few, so a question decides in a small table which of them it reads. In the order of positions::

    runs and parts     0   1   2   3   5               2 and 3 are corrected, 3 was of no relevant type
    table              position 4, target 2            a correction of event 2
                       position 6, target 3            an event of a relevant type now
                       position 7, target 2            event 2 is retracted
    rows               2 reading -1, 2 reading 4, 3 reading 6

    seen up to 4       0   1   2   3   5               the original of 2
    seen up to 6       0   1   2'  3   5               instead of 2: reading 4
    seen up to 8       0   1   3'  5                   no row of 2, since 7 has none; and 3 in reading 6
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

import polars as pl

from eventsource.corrections import ORIGINAL, READING, Corrections, seen_by
from eventsource.decode import Clustered, ColumnFacts, Members, TypeDecoder, column_facts, decode_events, no_events
from eventsource.event import TIMESTAMP, EventLog

__all__ = [
    "KNOWN_FROM",
    "KNOWN_UNTIL",
    "NO_CORRECTIONS",
    "DecodedCorrections",
    "Readings",
    "decode_corrections",
]

KNOWN_FROM: Final = "known_from"
"""The column that says from when on a reading was known, if not from ``recorded_at`` on."""
KNOWN_UNTIL: Final = "known_until"
"""The column that says when another reading replaced one; null: it is the last one."""

_TABLE: Final = pl.Schema(
    {
        "position": pl.Int64(),
        "target": pl.Int64(),
        "recorded_at": TIMESTAMP,
        "event_id": pl.String(),
        "type": pl.String(),
        "reason": pl.String(),
    }
)


@dataclass(frozen=True)
class Readings:
    """What a question reads instead of the events that it sees corrected.

    Args:
        table: the correction of each of these events, a row per event: see `DecodedCorrections`.
        originals: the rows of runs and parts that the question must not read.
        rows: the rows that it reads instead, of the events that are of a relevant type.
    """

    table: pl.DataFrame
    originals: pl.DataFrame
    rows: pl.DataFrame

    @property
    def targets(self) -> pl.Series:
        """The positions of the corrected events."""
        return self.table["target"]

    def between(self, first: str, below: str | None) -> "Readings":
        """Return the rows of the entities ``first`` <= id < ``below``; None: no upper bound."""
        mine = pl.col("entity") >= first
        return self._only(mine if below is None else mine & (pl.col("entity") < below))

    def of_entities(self, ids: pl.Series) -> "Readings":
        """Return the rows of some entities."""
        return self._only(pl.col("entity").is_in(ids.implode()))

    def apply(self, events: Clustered) -> Clustered:
        """Return the events of a part as the question reads them."""
        return events.replace_rows(self.originals, self.rows)

    def apply_to_rows(self, events: pl.LazyFrame, condition: pl.Expr) -> pl.LazyFrame:
        """Return decoded events as the question reads them, in no order.

        Args:
            events: those that meet a condition as they arrived.
            condition: which events are wanted, as they are read.
        """
        others = events.filter(~pl.col("position").is_in(self.targets.implode()))
        return pl.concat([others, self.rows.lazy().filter(condition)], how="diagonal")

    def _only(self, condition: pl.Expr) -> "Readings":
        return replace(self, originals=self.originals.filter(condition), rows=self.rows.filter(condition))


@dataclass(frozen=True)
class DecodedCorrections:
    """The corrections of a log that have an effect, and all readings of their targets.

    Args:
        table: one row per correction, by position: ``position``, ``target`` (the position of the event that it
            corrects), ``recorded_at``, ``event_id``, ``type``, ``reason``.
        rows: decoded events, and `READING`: the originals and the readings, where their type is relevant.
    """

    table: pl.DataFrame
    rows: pl.DataFrame

    def last_recorded_at(self, upto: int) -> datetime | None:
        """Return when the latest of the corrections before a position was recorded; None: there are none."""
        return self.table.filter(pl.col("position") < upto).select(pl.col("recorded_at").max()).item()  # type: ignore[no-any-return]  # a moment

    @cached_property
    def columns(self) -> Mapping[str, ColumnFacts]:
        """The columns of payload members that any reading has, and what is known of their values."""
        return column_facts(self.rows)

    @property
    def types(self) -> set[str]:
        """The event types that any reading has."""
        return set(self.rows["type"].cast(pl.String).unique()) if self.rows.height else set()

    def extended(self, later: "DecodedCorrections") -> "DecodedCorrections":
        """Return these corrections and later ones."""
        if not later.table.height:
            return self
        if not self.table.height:
            return later
        known = pl.col("position").is_in(self.table["target"].implode())
        new = later.rows.filter((pl.col(READING) != ORIGINAL) | ~known)
        return DecodedCorrections(
            pl.concat([self.table, later.table]), pl.concat([self.rows, new], how="diagonal")
        )

    def seen(self, upto: int, known_at: datetime | None) -> Readings | None:
        """Return what a question reads; None: it sees no correction."""
        table = seen_by(self.table, upto, known_at) if self.table.height else self.table
        if not table.height:
            return None
        rows = self.rows
        is_original = pl.col(READING) == ORIGINAL
        originals = rows.filter(is_original, pl.col("position").is_in(table["target"].implode()))
        chosen = table.select(pl.col("position").alias(READING), pl.col("target").alias("position"))
        read = rows.join(chosen, on=["position", READING], how="semi")
        return Readings(table, originals.drop(READING), read.drop(READING))

    def over_time(self, upto: int, known_at: datetime | None) -> Readings | None:
        """Return all readings that were known at some time; None: the question sees no correction.

        Of several corrections of an event, the one of the greatest position counts, of those that were recorded.
        Three corrections of an event that was recorded at 01::

            position of the correction   original   10    20    30
            recorded_at                  01         05    09    07
            known from                   01         05    09    07
            known until                  05         07    07    null     the earliest of those at greater positions

        The reading of 20 was never known: when it was recorded, 30 had replaced it.
        """
        table = self.table.filter(pl.col("position") < upto)
        if known_at is not None:
            table = table.filter(pl.col("recorded_at") <= known_at)
        if not table.height:
            return None
        keys = (pl.col("target").alias("position"), pl.col("position").alias(READING))
        recorded = pl.col("recorded_at")
        replaced = recorded.shift(-1).cum_min(reverse=True).over("target", order_by="position")
        corrected = table.select(*keys, recorded.alias("|from"), replaced.alias(KNOWN_UNTIL))
        first = table.group_by(pl.col("target").alias("position")).agg(recorded.min().alias(KNOWN_UNTIL))
        spans = pl.concat([corrected, first.with_columns(pl.lit(ORIGINAL).alias(READING))], how="diagonal_relaxed")
        rows = self.rows.join(spans.cast({READING: pl.Int64()}), on=["position", READING])
        rows = rows.with_columns(pl.max_horizontal("recorded_at", "|from").alias(KNOWN_FROM)).drop("|from")
        originals = rows.filter(pl.col(READING) == ORIGINAL).drop(KNOWN_FROM, KNOWN_UNTIL)
        return Readings(table, originals.drop(READING), rows.drop(READING))

    def entities_since(self, position: int, upto: int, known_at: datetime | None) -> pl.Series:
        """Return the entities that corrections from a position on may have touched, in any reading."""
        seen = self.table.filter(pl.col("position") >= position, pl.col("position") < upto)
        if known_at is not None:
            seen = seen.filter(pl.col("recorded_at") <= known_at)
        rows = self.rows.filter(pl.col("position").is_in(seen["target"].implode()))
        return rows["entity"].unique().sort()


_NO_ROWS: Final = pl.Schema({"entity": pl.String(), "position": pl.Int64(), READING: pl.Int64()})

NO_CORRECTIONS: Final = DecodedCorrections(pl.DataFrame(schema=_TABLE), pl.DataFrame(schema=_NO_ROWS))
"""What an index holds of a log without corrections."""


def decode_corrections(
    log: EventLog, members: Members, decoders: Mapping[str, TypeDecoder], events: pl.DataFrame
) -> DecodedCorrections:
    """Decode the readings of the events that some corrections name.

    Args:
        log: the log that holds these events.
        members: what to decode.
        decoders: `Members.decoders`.
        events: corrections, as the log holds them.
    """
    corrections = Corrections.among(events, log)
    readings = corrections.readings
    relevant = readings
    if not members.plan.reads_all_types:
        relevant = readings.filter(pl.col("type").is_in(list(members.plan.types)))
    moments = _moments(log, relevant, members.plan.order)
    rows = [no_events(members).with_columns(pl.lit(0, pl.Int64).alias(READING))]
    # One layer after the other has each event at most once: decoding keeps the position, but no other column.
    layer = pl.int_range(pl.len()).over("position", order_by=READING).alias("|layer")
    for layer_rows in relevant.with_columns(moments).with_columns(layer).partition_by("|layer"):
        decoded = decode_events(layer_rows, members, decoders)
        rows.append(decoded.join(layer_rows.select("position", READING), on="position", how="left"))
    return DecodedCorrections(corrections.effective.select(_TABLE.names()), pl.concat(rows, how="diagonal"))


def _moments(log: EventLog, readings: pl.DataFrame, order: str) -> pl.Series:
    """Return the moment of each reading. A corrected event keeps its ``settled_at``."""
    if order == "occurred_at" or not readings.height:
        return readings["occurred_at"].alias("at")
    upto = int(readings["position"].max()) + 1  # type: ignore[arg-type]  # integers
    streams = readings["stream"].unique().implode()
    events = (
        log.scan(upto=upto).filter(pl.col("stream").is_in(streams)).select("position", "stream", "recorded_at")
    )
    settled = events.sort("position").select(
        "position", pl.col("recorded_at").cum_max().over("stream").alias("at")
    )
    return readings.select("position").join(settled.collect(), on="position", how="left", maintain_order="left")[
        "at"
    ]
