"""Decoding corrections: all readings of the events that they name."""

from collections.abc import Mapping

import polars as pl

from eventsource.corrections import READING, Corrections
from eventsource.decode import Members, TypeDecoder, decode_events, nothing_decoded
from eventsource.event import EventLog
from eventsource.index._corrections import NO_CORRECTIONS, DecodedCorrections

__all__ = ["decode_corrections"]


def decode_corrections(
    log: EventLog, members: Members, decoders: Mapping[str, TypeDecoder], events: pl.DataFrame
) -> DecodedCorrections:
    """Decode the readings of the events that some corrections name; there may be none.

    Args:
        log: the log that holds these events.
        members: what to decode.
        decoders: `Members.decoders`.
        events: corrections, as the log holds them.
    """
    if not events.height:
        return NO_CORRECTIONS
    corrections = Corrections.among(events, log)
    readings = corrections.readings
    relevant = readings
    if not members.plan.reads_all_types:
        relevant = readings.filter(pl.col("type").is_in(list(members.plan.types)))
    moments = _moments(log, relevant, members.plan.order)
    rows = [nothing_decoded(members).with_columns(pl.lit(0, pl.Int64).alias(READING))]
    # One layer after the other has each event at most once: decoding keeps the position, but no other column.
    layer = pl.int_range(pl.len()).over("position", order_by=READING).alias("|layer")
    for layer_rows in relevant.with_columns(moments).with_columns(layer).partition_by("|layer"):
        decoded = decode_events(layer_rows, members, decoders)
        rows.append(decoded.join(layer_rows.select("position", READING), on="position", how="left"))
    return DecodedCorrections(
        corrections.effective.select(NO_CORRECTIONS.table.columns), pl.concat(rows, how="diagonal")
    )


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
