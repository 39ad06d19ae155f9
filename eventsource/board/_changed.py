"""Figures that count changes: how often a field changed in the period before each moment.

::

    changes known at k    at      before  after       asked    period            cancelled: after is false
                          9 Apr   true    false       30 Jun   30 Mar to 30 Jun  2
                          2 Jun   true    false
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from eventsource.moment import Moment
from eventsource.timeline import Timeline

__all__ = ["Changed", "counts_of_changes"]


@dataclass(frozen=True, slots=True)
class Changed:
    """How many events changed a field in the period before each moment, as long as ``before`` of the board.

    Args:
        field: a field of the model.
        where: which changes count, by their columns ``before``, ``after`` and ``type``; default: all.
        label: how the figure is called; default: its name.
        form: how it reads; see `eventsource.formats`.
    """

    field: str
    where: pl.Expr | None = None
    label: str = ""
    form: str = "count"


def counts_of_changes(
    timeline: Timeline,
    changed: Changed,
    instants: Sequence[datetime],
    begins: Sequence[datetime],
    *,
    known_at: Moment,
    upto: int | None,
) -> pl.Series:
    """Return how many changes there are after each begin and up to each instant.

    Args:
        timeline: what is asked.
        changed: what counts.
        instants: the ends of the periods, inclusive.
        begins: their begins, exclusive: the last instant of the moment before.
        known_at: the moment on which it was known.
        upto: only events with a smaller position.
    """
    found = timeline.changes(changed.field, known_at=known_at, upto=upto)
    at = (found if changed.where is None else found.filter(changed.where))["at"].sort()
    ends = [pl.Series(moments, dtype=at.dtype) for moments in (instants, begins)]
    upto_end, upto_begin = (at.search_sorted(moments, side="right") for moments in ends)
    return (upto_end.cast(pl.Int64) - upto_begin.cast(pl.Int64)).rename("count")
