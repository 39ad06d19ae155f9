"""Versions that leave doubt about the order of a stream's events."""

import polars as pl

from eventsource.check._ids import in_part
from eventsource.check._positions import sort_by_position
from eventsource.event import CORRECTIONS

__all__ = ["doubtful_versions"]


def doubtful_versions(events: pl.LazyFrame, part: int, parts: int) -> pl.DataFrame:
    """Return the streams whose versions are out of order, repeated or missing.

    Example: six events of a stream, in order of arrival.

        version     1   4   2   4   null   7
        highest         1   4   4   4      4      of the events before
        behind          0   1   0          0      out_of_order = 1: the 2
                                                  repeated = 1: the second 4
                                                  missing = 3: 3, 5 and 6 are between 1 and 7
                                                  without = 1: an event has none

    Returns:
        ``stream``, ``events``, ``out_of_order``, ``repeated``, ``missing``, ``without``. Streams without any
        version are in order; corrections need none.
    """
    is_of_source = in_part("stream", part, parts) & ~pl.col("type").is_in(list(CORRECTIONS))
    rows = sort_by_position(events.filter(is_of_source).select("position", "stream", "version").collect())
    version = pl.col("version")
    if not rows["version"].count():
        rows = rows.clear()
    before = version.cum_max().shift().over("stream")
    wide = version.cast(pl.Int128)  # the distance of two versions may exceed 64 bits
    different = version.drop_nulls().n_unique()
    streams = rows.with_columns((version < before).alias("behind")).group_by("stream")
    found = streams.agg(
        events=pl.len().cast(pl.Int64),
        out_of_order=pl.col("behind").sum().cast(pl.Int64),
        repeated=(version.count() - different).cast(pl.Int64),
        missing=(wide.max() - wide.min() + 1 - different).clip(0, 2**63 - 1).cast(pl.Int64),
        without=version.null_count().cast(pl.Int64),
    ).filter(pl.col("without") < pl.col("events"))
    return found.filter(pl.any_horizontal(pl.col("out_of_order", "repeated", "missing", "without") > 0))
