"""Dumping: the events of one entity as lines that a pull can read, to replay them on another machine."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from eventsource.decode import entity_ids
from eventsource.event import EventLog, json_line
from eventsource.index import reading
from eventsource.moment import Moment, last_instant
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
    keys = timeline.plan.key
    wanted = (pl.col("stream") == entity) | pl.col("type").is_in(list(keys))
    if known_at is not None:
        wanted &= pl.col("recorded_at") <= last_instant(known_at, timeline.tz)
    for chunk in _in_order(timeline.log, upto):
        with reading(timeline.log):
            mine = chunk.filter(wanted).collect()
        parts = [
            of_type.filter(entity_ids(of_type, keys.get(of_type["type"][0])) == entity)
            for of_type in mine.partition_by("type")
        ]
        for row in pl.concat([mine.clear(), *parts]).sort("position").iter_rows(named=True):
            yield json_line(row) + b"\n"


def _in_order(log: EventLog, upto: int | None) -> Iterator[pl.LazyFrame]:
    """Yield ranges of positions in order; within a range another tool may have left the rows in any order."""
    ends = range(_POSITIONS, log.head if upto is None else min(upto, log.head), _POSITIONS)
    for start, stop in zip([0, *ends], [*ends, upto], strict=True):
        yield log.scan(start=start, upto=stop)
