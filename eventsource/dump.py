"""Dumping: the events of one entity as lines that a pull can read, to replay them on another machine."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from eventsource.corrections import Corrections
from eventsource.decode import entity_ids
from eventsource.event import CORRECTIONS, EventLog, json_line
from eventsource.index import reading
from eventsource.moment import Moment, last_instant
from eventsource.plan import Plan
from eventsource.timeline import Timeline

__all__ = ["dump"]

_POSITIONS: Final = 250_000
"""Positions that are read at once."""


def dump(
    timeline: Timeline, entity: str, *, known_at: Moment | None = None, upto: int | None = None
) -> Iterator[bytes]:
    r"""Yield the events of one entity as JSON Lines, in order of position, each with its ``\n``.

    Events of all types are included, whether the plan uses them or not. An event of a type in the plan's ``key``
    belongs to the entity that its key names, every other event to the entity of its stream. Ids, versions, times
    (with microseconds) and payloads are verbatim, except that line breaks between members become blanks.

    The corrections of these events come with them, and so do events that a correction brings to the entity.

    Another log that pulls these lines gives the same answers about this entity, with one exception. If the model
    has ``order="recorded_at"`` *and* a ``key``, ``settled_at`` also depends on other events of the stream, which
    are missing.

    Args:
        timeline: the log, and the model that says which entity an event belongs to.
        entity: its id.
        known_at: only events with ``recorded_at`` up to this moment, in the timeline's zone.
        upto: only events with a smaller position.

    Raises:
        FoldError: a key that is an object or an array.
    """
    with reading(timeline.log):
        corrections = Corrections.of(timeline.log, upto=upto)
    corrected = _positions_of(corrections, timeline.plan, entity)
    wanted = (pl.col("stream") == entity) | pl.col("type").is_in(list(timeline.plan.key))
    if timeline.plan.order == "occurred_at":  # in the other order every event of the stream moves its clock
        wanted &= ~pl.col("type").is_in(CORRECTIONS)
    wanted |= pl.col("position").is_in(corrected.implode())
    if known_at is not None:
        wanted &= pl.col("recorded_at") <= last_instant(known_at, timeline.tz)
    for chunk in _in_order(timeline.log, upto):
        with reading(timeline.log):
            mine = chunk.filter(wanted).collect()
        is_wanted = pl.col("position").is_in(corrected.implode()) | pl.lit(_is_of(mine, timeline.plan, entity))
        for row in mine.filter(is_wanted).sort("position").iter_rows(named=True):
            yield json_line(row) + b"\n"


def _positions_of(corrections: Corrections, plan: Plan, entity: str) -> pl.Series:
    """Return the positions of events that belong to an entity in any reading, and of their corrections."""
    readings, table = corrections.readings, corrections.effective
    targets = readings.filter(_is_of(readings, plan, entity))["position"].unique()
    return pl.concat([targets, table.filter(pl.col("target").is_in(targets.implode()))["position"]])


def _is_of(events: pl.DataFrame, plan: Plan, entity: str) -> pl.Series:
    """Return whether each event belongs to an entity."""
    numbered = events.with_row_index("|row")
    parts = [
        of_type.filter(entity_ids(of_type, plan.key.get(of_type["type"][0])) == entity)["|row"]
        for of_type in numbered.partition_by("type")
    ]
    rows = pl.concat([pl.Series("|row", [], pl.UInt32), *parts])
    return numbered["|row"].is_in(rows.implode())


def _in_order(log: EventLog, upto: int | None) -> Iterator[pl.LazyFrame]:
    """Yield ranges of positions in order; within a range another tool may have left the rows in any order."""
    ends = range(_POSITIONS, log.head if upto is None else min(upto, log.head), _POSITIONS)
    for start, stop in zip([0, *ends], [*ends, upto], strict=True):
        yield log.scan(start=start, upto=stop)
