"""How figures were revised: a measure over both axes of bitemporal time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from eventsource.errors import ModelError
from eventsource.moment import Moment, steps

if TYPE_CHECKING:
    from eventsource.timeline import Timeline

__all__ = ["revisions"]


def revisions(
    timeline: "Timeline", measures: Mapping[str, pl.Expr], *, since: Moment, until: Moment, every: str
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

    Raises:
        ModelError: a measure has the name of another column of the answer, or reads what is not a field.
    """
    if "known_at" in measures:
        raise ModelError("the answer already has a column 'known_at'", hint="give the measure another name")
    moments: list[Moment] = [*steps(since, until, every, timeline.tz)] or [until]
    trends = [timeline.trend(measures, since=since, until=known, every=every, known_at=known) for known in moments]
    return pl.concat(trend.select(pl.col("as_of").last().alias("known_at"), pl.all()) for trend in trends)
