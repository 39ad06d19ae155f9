"""What was known when: one measure over two axes of time, valid time and knowledge."""

from collections.abc import Mapping

import polars as pl

from eventsource.moment import Moment, steps
from eventsource.timeline import Timeline

__all__ = ["knowledge"]


def knowledge(
    timeline: Timeline, measures: Mapping[str, pl.Expr], *, since: Moment, until: Moment, every: str
) -> pl.DataFrame:
    """Return measures as of each moment, as they were known at that moment and at each later one.

    Args:
        timeline: what is asked.
        measures: column name → a Polars aggregation over the fields, as for `Timeline.trend`.
        since: the first moment of both axes.
        until: the last moment of both axes, inclusive.
        every: the step of both axes, a Polars duration such as ``"1mo"``.

    Returns:
        ``known_at``, ``as_of`` <= ``known_at``, one column per measure; sorted by ``known_at``, ``as_of``.
    """
    rows = [
        timeline.trend(measures, since=since, until=known, every=every, known_at=known).select(
            pl.lit(known).alias("known_at"), pl.all()
        )
        for known in steps(since, until, every, timeline.tz)
    ]
    return pl.concat(rows)
