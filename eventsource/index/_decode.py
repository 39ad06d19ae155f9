"""Decoding events of a log into typed columns, a window of positions at a time.

Plans with ``order="recorded_at"`` fold events by ``settled_at``: the latest ``recorded_at`` of the stream up to
this event. The *clock* of a stream is the ``settled_at`` of its last event so far. It is carried from window to
window, and from one update of the index to the next. Six events in two windows::

    position       0   1   2 |  3   4   5
    stream         s   t   s |  s   t   t
    recorded_at   10  11  13 | 12  14  09
    settled_at    10  11  13 | 13  14  14        the maximum so far, per stream
    clocks             s 13, t 11       s 13, t 14        after each window
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.allocation import gc_paused
from eventsource.decode import Decoders, Members, decode_events, nothing_decoded
from eventsource.event import CORRECTIONS, STORED, TIMESTAMP, EventLog
from eventsource.index._manifest import LeftOut

__all__ = [
    "CLOCKS",
    "Decoded",
    "Window",
    "decode_window",
    "settled_moments",
    "settled_then",
    "types_left_out",
    "windows",
    "with_later",
]

CLOCKS: Final = pl.Schema({"stream": pl.String(), "clock": TIMESTAMP})
"""The latest ``recorded_at`` of each stream so far."""

_WINDOW: Final = 500_000
"""Positions that are decoded into one frame in memory."""
_READ: Final = [name for name in STORED if name != "metadata"]
"""The columns of the log that a plan can read: metadata, a fifth of a log, is not among them."""
_CHUNK: Final = 250_000
"""Payload texts that are in memory at a time."""
_CHUNK_BYTES: Final = 64 * 1024 * 1024
"""About how many bytes they have at most."""
_FEW: Final = 10_000
"""So many are always read at once."""
_SAMPLE: Final = 500
"""Payloads whose lengths say how many have so many bytes."""


class Window(Struct, frozen=True):
    """A range of positions, whose events are decoded into one frame.

    Args:
        start: its first position.
        stop: the position after its last.
        events: its events of the plan's types, and corrections, as the log holds them.
        moments: ``position`` and ``at`` of each event, with ``order="recorded_at"``; None: when it occurred.
        clocks: the streams' clocks after these events.
    """

    start: int
    stop: int
    events: pl.LazyFrame
    moments: pl.DataFrame | None
    clocks: pl.DataFrame


class Decoded(Struct, frozen=True):
    """The events of a window.

    Args:
        events: what `eventsource.decode.decode_events` returns, in no order.
        corrections: the corrections among the events, as the log holds them.
    """

    events: pl.DataFrame
    corrections: pl.DataFrame


def windows(log: EventLog, members: Members, *, start: int, head: int, clocks: pl.DataFrame) -> Iterator[Window]:
    """Yield windows of the events with ``start`` <= position < ``head`` that fit into memory.

    Args:
        log: the log.
        members: what to decode.
        start: the first position.
        head: the position after the last.
        clocks: the streams' clocks before these events.
    """
    size = _WINDOW // members.width
    for low in range(start, head, size):
        high = min(low + size, head)
        moments = None
        if members.plan.order == "recorded_at":
            moments, clocks = _settle(log, low, high, clocks)
        types = None if members.plan.reads_all_types else (*members.plan.types, *CORRECTIONS)
        events = log.scan(types=types, start=low, upto=high).select(_READ)
        yield Window(low, high, events, moments, clocks)


def decode_window(
    window: Window, members: Members, decoders: Decoders, progress: Callable[[int], None] = lambda _: None
) -> Decoded:
    """Decode the events of a window.

    Args:
        window: the window.
        members: what to decode.
        decoders: `Members.decoders`, made once for many calls.
        progress: called after each chunk with the position after it.
    """
    frames, corrections = [nothing_decoded(members)], [pl.DataFrame(schema={name: STORED[name] for name in _READ})]
    with gc_paused():
        for chunk in _in_chunks(window.events, window.stop - window.start, _CHUNK // members.width):
            is_correction = chunk["type"].is_in(CORRECTIONS)
            corrections.append(chunk.filter(is_correction))
            events = chunk.filter(~is_correction) if corrections[-1].height else chunk
            frames.append(decode_events(_with_moments(events, window.moments), members, decoders))
            progress(int(chunk["position"][-1]) + 1 if chunk.height else window.start)
    return Decoded(pl.concat(frames, how="diagonal"), pl.concat(corrections))


def _in_chunks(events: pl.LazyFrame, most: int, chunk_size: int) -> Iterable[pl.DataFrame]:
    """Return events in chunks, shorter ones where payloads are long.

    What fits into one chunk is read at once: streaming it takes longer.
    """
    if most > _FEW:
        some = events.select(pl.col("data").str.len_bytes()).head(_SAMPLE).collect().to_series()
        chunk_size = min(chunk_size, max(_CHUNK_BYTES * len(some) // max(int(some.sum()), 1), _FEW))
    if most <= chunk_size:
        return [events.collect()]
    return events.collect_batches(chunk_size=chunk_size, maintain_order=True)


def types_left_out(log: EventLog, members: Members, start: int, head: int) -> dict[str, LeftOut]:
    """Return the types of events with ``start`` <= position < ``head`` that the plan does not name."""
    if members.plan.reads_all_types:
        return {}
    known = [*members.plan.types, *CORRECTIONS]
    events = log.scan(start=start, upto=head).filter(~pl.col("type").is_in(known))
    found = events.group_by("type").agg(pl.len(), pl.col("stream").first()).collect()
    return {name: LeftOut(count, stream) for name, count, stream in found.iter_rows()}


def with_later(left_out: dict[str, LeftOut], later: dict[str, LeftOut]) -> dict[str, LeftOut]:
    """Return the types left out of one range of positions and of the next one together."""
    added = {
        name: replace(left_out[name], events=left_out[name].events + more.events) if name in left_out else more
        for name, more in later.items()
    }
    return left_out | added


def settled_moments(log: EventLog, head: int, known_at: datetime) -> pl.DataFrame:
    """Return ``position`` and ``at``: ``settled_at`` computed from the events recorded by ``known_at`` alone.

    *All* events of a stream count, also those of types that the plan does not read.
    """
    events = _recorded(log, 0, head).filter(pl.col("recorded_at") <= known_at)
    return events.select("position", pl.col("recorded_at").cum_max().over("stream").alias("at"))


def settled_then(log: EventLog, asked: pl.DataFrame) -> pl.Series:
    """Return ``settled_at`` of some events, each computed from what was recorded by a moment of its own.

    Six events of a stream, of which the last was recorded at 12. Its ``settled_at``, as known at 12, 13 and 15::

        position       0   1   2   3   4   5
        recorded_at    10  13  11  15  14  12
        known at 12    10      11          12      settled at 12
        known at 13    10  13  11          12      settled at 13
        known at 15    10  13  11  15  14  12      settled at 15

    It is the latest ``recorded_at`` up to ``known_at``, of the stream up to the event: a bisection of its times.

    Args:
        log: the log.
        asked: ``position`` and ``known_at``; each event was recorded by its ``known_at``.
    """
    moments = pl.Series("at", [None] * asked.height, TIMESTAMP)
    if not asked.height:
        return moments
    events = _recorded(log, 0, int(asked["position"].max()) + 1)  # type: ignore[arg-type]  # an integer
    streams = events.filter(pl.col("position").is_in(asked["position"].unique().implode()))["stream"].unique()
    events = events.filter(pl.col("stream").is_in(streams.implode()))
    wanted = asked.with_row_index("row").group_by("position").agg("row", "known_at")
    so_far: dict[str, list[datetime]] = {}
    rows, found = [], []
    questions = events.join(wanted, on="position", how="left", maintain_order="left")
    for stream, recorded, mine, known in questions.select("stream", "recorded_at", "row", "known_at").iter_rows():
        times = so_far.setdefault(stream, [])
        insort(times, recorded)
        for row, known_at in zip(mine or (), known or (), strict=True):
            rows.append(row)
            found.append(times[bisect_right(times, known_at) - 1])
    return moments.scatter(rows, pl.Series(found, dtype=TIMESTAMP))


def _settle(log: EventLog, start: int, stop: int, clocks: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return ``position`` and ``at`` (``settled_at``) of a window, and the clocks after it."""
    settled_at = pl.max_horizontal(pl.col("recorded_at").cum_max().over("stream"), "clock")
    events = _recorded(log, start, stop).join(clocks, on="stream", how="left", maintain_order="left")
    events = events.with_columns(settled_at.alias("at"))
    latest = events.group_by("stream").agg(pl.col("at").last().alias("clock"))
    unchanged = clocks.join(latest, on="stream", how="anti")
    after = pl.concat([unchanged, latest]).select(CLOCKS.names())
    return events.select(pl.col("position").set_sorted(), "at"), after


def _recorded(log: EventLog, start: int, stop: int) -> pl.DataFrame:
    """Return ``position``, ``stream`` and ``recorded_at``, sorted by position.

    Other tools may rewrite the files of a log, and leave rows in any order (Delta's OPTIMIZE does).
    """
    events = log.scan(start=start, upto=stop).select("position", "stream", "recorded_at").collect()
    return events if events["position"].is_sorted() else events.sort("position")


def _with_moments(chunk: pl.DataFrame, moments: pl.DataFrame | None) -> pl.DataFrame:
    if moments is None:
        return chunk.hstack([chunk["occurred_at"].alias("at")])
    return chunk.join(moments, on="position", how="left", maintain_order="left")
