"""Times that are unlikely, and clocks that run backwards."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from eventsource.check._ids import in_part
from eventsource.check._positions import sort_by_position
from eventsource.event import TIMESTAMP

__all__ = ["clock_skew", "count_unlikely_times"]

_DAY: Final = timedelta(days=1)
_UNIT_DAYS: Final = 25
"""Epoch seconds of today, read as milliseconds, are less than so many days after 1970."""


def count_unlikely_times(events: pl.LazyFrame) -> Mapping[str, int]:
    """Return how many events have an unlikely time: the kind of time → the number of events."""
    occurred, recorded = pl.col("occurred_at"), pl.col("recorded_at")
    now, epoch = pl.lit(datetime.now(UTC), TIMESTAMP), pl.lit(datetime(1970, 1, 1, tzinfo=UTC), TIMESTAMP)
    year_1900 = pl.lit(datetime(1900, 1, 1, tzinfo=UTC), TIMESTAMP)
    is_unlikely = {
        "before_1900": occurred < year_1900,
        "before_1970": occurred.is_between(year_1900, epoch, closed="left"),
        "at_epoch": occurred == epoch,
        "soon_after_epoch": occurred.is_between(epoch, epoch + pl.duration(days=_UNIT_DAYS), closed="none"),
        "in_future": occurred > now,
        "recorded_in_future": recorded > now,
        "recorded_before": occurred - recorded > _DAY,
        "recorded_late": recorded - occurred >= _DAY,
    }
    found = events.select(test.sum().alias(kind) for kind, test in is_unlikely.items()).collect(engine="streaming")
    return found.row(0, named=True)


def clock_skew(events: pl.LazyFrame, part: int, parts: int) -> pl.DataFrame:
    """Return per stream how many events were recorded before the latest time that the stream had.

    Example: a stream is recorded at 10:00, 11:00, 10:30, 10:50, 11:10.

        recorded_at   10:00   11:00   10:30   10:50   11:10
        latest        10:00   11:00   11:00   11:00   11:10
        behind         0:00    0:00    0:30    0:10    0:00      backwards = 2 of 5, most = 0:30
    """
    columns = events.filter(in_part("stream", part, parts)).select("position", "stream", "recorded_at")
    rows = sort_by_position(columns.collect())
    behind = pl.col("recorded_at").cum_max().over("stream") - pl.col("recorded_at")
    is_backwards = pl.col("behind") > pl.duration()
    streams = rows.select("stream", behind.alias("behind")).group_by("stream")
    return streams.agg(
        events=pl.len().cast(pl.Int64), backwards=is_backwards.sum().cast(pl.Int64), most=pl.col("behind").max()
    ).select("stream", "events", "backwards", (pl.col("backwards") / pl.col("events")).alias("share"), "most")
