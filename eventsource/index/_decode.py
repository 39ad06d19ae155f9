"""Taking in events of a log: decoded columns, a window of positions at a time, and the streams' clocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from eventsource import allocation
from eventsource.decode import Members, shred
from eventsource.event import TIMESTAMP, EventLog
from eventsource.progress import Progress

__all__ = ["CLOCKS", "Decoded", "decoded", "no_events", "settled"]

CLOCKS: Final = pl.Schema({"stream": pl.String(), "clock": TIMESTAMP})
"""The latest ``recorded_at`` of each stream so far."""

_WINDOW: Final = 2_000_000
_CHUNK: Final = 250_000


@dataclass(frozen=True)
class Decoded:
    """Some events, decoded.

    Args:
        events: what `eventsource.decode.payload.shred` gives, in no order.
        start: the first position that they may have.
        stop: the position after the last that they may have.
        clocks: the streams' clocks after them.
    """

    events: pl.DataFrame
    start: int
    stop: int
    clocks: pl.DataFrame


def decoded(
    log: EventLog, members: Members, start: int, head: int, clocks: pl.DataFrame, progress: Progress
) -> Iterator[Decoded]:
    """Decode events with ``start`` <= position < ``head``, in windows that memory holds.

    Args:
        log: the log.
        members: what to decode.
        start: the first position.
        head: the position after the last.
        clocks: the streams' clocks before them.
        progress: called after each chunk.
    """
    readers = members.readers()
    window, size = _WINDOW // members.width, _CHUNK // members.width
    for low in range(start, head, window):
        high = min(low + window, head)
        moments = None
        if members.plan.order == "recorded_at":
            moments, clocks = _settled(log, low, high, clocks)
        chunks = log.scan(types=members.plan.types, start=low, upto=high)
        with allocation.gc_paused():
            parts = []
            for chunk in chunks.collect_batches(chunk_size=size, maintain_order=True):
                parts.append(shred(_with_moment(chunk, moments), members, readers))
                progress("decoding", int(chunk["position"][-1]) - start + 1 if chunk.height else 0, head - start)
        yield Decoded(pl.concat([no_events(members), *parts], how="diagonal"), low, high, clocks)


def no_events(members: Members) -> pl.DataFrame:
    """Return a frame of no decoded events."""
    nothing = pl.DataFrame(schema={"type": pl.String(), "at": TIMESTAMP})
    return shred(nothing, members, {})


def settled(log: EventLog, head: int, known_at: datetime) -> pl.DataFrame:
    """Return ``position``, ``at``: ``settled_at`` over the events recorded by ``known_at`` only.

    It is taken over *all* events of a stream, relevant or not.
    """
    known = _arrivals(log, 0, head).filter(pl.col("recorded_at") <= known_at)
    return known.select("position", pl.col("recorded_at").cum_max().over("stream").alias("at"))


def _settled(log: EventLog, start: int, stop: int, clocks: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return ``position``, ``at`` (``settled_at``) of a window, and the clocks after it."""
    events = _arrivals(log, start, stop)
    running = pl.max_horizontal(pl.col("recorded_at").cum_max().over("stream"), "clock")
    found = events.join(clocks, on="stream", how="left", maintain_order="left").with_columns(running.alias("at"))
    latest = found.group_by("stream").agg(pl.col("at").last().alias("clock"))
    moved = pl.concat([clocks.join(latest, on="stream", how="anti"), latest]).select(CLOCKS.names())
    return found.select(pl.col("position").set_sorted(), "at"), moved


def _arrivals(log: EventLog, start: int, stop: int) -> pl.DataFrame:
    """Return ``position``, ``stream``, ``recorded_at`` in order of position, whatever rewrote the log's files."""
    events = log.scan(start=start, upto=stop).select("position", "stream", "recorded_at").collect()
    return events if events["position"].is_sorted() else events.sort("position")


def _with_moment(chunk: pl.DataFrame, moments: pl.DataFrame | None) -> pl.DataFrame:
    if moments is None:
        return chunk.with_columns(pl.col("occurred_at").alias("at"))
    return chunk.join(moments, on="position", how="left", maintain_order="left")
