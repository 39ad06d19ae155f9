"""Dumping: one entity's events as lines that a pull takes back, to replay them on another machine."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from eventsource.decode import entity_ids
from eventsource.event import EventLog, json_line
from eventsource.moment import Moment, last_instant
from eventsource.timeline import Timeline

__all__ = ["dump"]

_RANGE: Final = 250_000
"""Positions whose events may be in memory at the same time."""


def dump(
    timeline: Timeline, entity: str, *, known_at: Moment | None = None, upto: int | None = None
) -> Iterator[bytes]:
    r"""Yield the events of one entity as JSON Lines, in order of position, each with its ``\n``.

    All events that belong to it, of relevant types or not: those of the plan's ``key`` by their key, all others by
    their stream. Ids, versions and times (with microseconds) are kept, and payloads word by word, but for line
    breaks between their members. Pulled into another log they give the same answers about this entity; only
    where the model has ``order="recorded_at"`` *and* a ``key``, the other events of the stream are missing, whose
    clocks ``settled_at`` depends on too.

    Args:
        timeline: the log, and the model that says whose events are whose.
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
        mine = chunk.filter(wanted).collect()
        parts = [
            of_type.filter(entity_ids(of_type, keys.get(of_type["type"][0])) == entity)
            for of_type in mine.partition_by("type")
        ]
        for row in pl.concat([mine.clear(), *parts]).sort("position").iter_rows(named=True):
            yield json_line(row) + b"\n"


def _in_order(log: EventLog, upto: int | None) -> Iterator[pl.LazyFrame]:
    """Yield the events by ranges of positions: within a file another tool may have left them in any order."""
    ends = range(_RANGE, log.head if upto is None else min(upto, log.head), _RANGE)
    for start, stop in zip([0, *ends], [*ends, upto], strict=True):
        yield log.scan(start=start, upto=stop)
