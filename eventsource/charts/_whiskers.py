"""How sure the shares of a bar chart are: a whisker over each bar, from one end of the interval to the other.

A whisker must show on the bar and on both papers, so that it is a dark line with a white edge::

    waited longer  ████████████├───────┤  47 % of 32       low 31 %, share 47 %, high 64 %
"""

from typing import Final

import polars as pl

from eventsource.charts._spec import Spec, hidden
from eventsource.formats import formatted
from eventsource.shares import share_interval

__all__ = ["HIGH", "texts_of_intervals", "whiskers", "with_intervals"]

LOW: Final = hidden("low")
HIGH: Final = hidden("high")
_EDGE: Final = "#ffffff"
_LINE: Final = "#1c1f23"


def with_intervals(drawn: pl.DataFrame, share: str, n: str) -> pl.DataFrame:
    """Add the ends of the interval of each share; the share itself where none can be computed."""
    low, high = share_interval(share, n)
    ends = (pl.coalesce(low, share).alias(LOW), pl.coalesce(high, share).alias(HIGH))
    return drawn.with_columns(*ends)


def texts_of_intervals(drawn: pl.DataFrame) -> list[str]:
    """Return each interval in words, for readers who do not see it."""
    return [
        f" ({formatted(low, 'share')} to {formatted(high, 'share')})" if low is not None else ""
        for low, high in drawn.select(LOW, HIGH).iter_rows()
    ]


def whiskers(places: Spec, *, horizontal: bool) -> list[Spec]:
    """Return the layers of the whiskers.

    Args:
        places: the encodings ``x`` and ``y`` of the bars.
        horizontal: whether bars go to the right.
    """
    along = "x" if horizontal else "y"
    ends = {along: places[along] | {"field": LOW}, f"{along}2": {"field": HIGH}}
    return [
        {"mark": {"type": "rule", "strokeWidth": width, "color": colour}, "encoding": {**places, **ends}}
        for width, colour in ((5, _EDGE), (2, _LINE))
    ]
