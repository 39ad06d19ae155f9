"""What was known when: a measure over both axes of bitemporal time."""

from collections.abc import Mapping

import polars as pl

from eventsource.moment import Moment, steps
from eventsource.timeline import Timeline

__all__ = ["knowledge"]


def knowledge(
    timeline: Timeline, measures: Mapping[str, pl.Expr], *, since: Moment, until: Moment, every: str
) -> pl.DataFrame:
    """Return measures at moments of valid time, as they were known at the same and all later moments.

    Args:
        timeline: the timeline to ask.
        measures: column name → a Polars aggregation over the fields, as for `Timeline.trend`.
        since: the first moment of both axes.
        until: the last moment of both axes, inclusive.
        every: the step of both axes, a Polars duration such as ``"1mo"``.

    Returns:
        ``known_at`` (transaction time), ``as_of`` <= ``known_at`` (valid time), one column per measure; sorted.
    """
    trends = {
        known: timeline.trend(measures, since=since, until=known, every=every, known_at=known)
        for known in steps(since, until, every, timeline.tz)
    }
    return pl.concat(trend.select(pl.lit(known).alias("known_at"), pl.all()) for known, trend in trends.items())
