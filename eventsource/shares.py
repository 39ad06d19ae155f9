"""How certain a share of a small group is: the interval of Wilson.

Nine of twelve is 75 %, but another twelve could easily have given 60 %::

    share  n    low    high
    0.75   12   0.47   0.91
    0.75   1200 0.72   0.77

The interval of Wilson also holds for small groups, and for shares near 0 and 1, where the symmetric interval of
textbooks leaves the range from 0 to 1.
"""

from typing import Final

import polars as pl

__all__ = ["LEVEL", "NORMAL_QUANTILE", "share_interval"]

LEVEL: Final = 0.95
"""How often such an interval contains the true share."""

NORMAL_QUANTILE: Final = 1.959963984540054
"""The quantile of the normal distribution that belongs to the level."""


def share_interval(share: str | pl.Expr, n: str | pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the ends of the 95 % interval of a share, as columns ``low`` and ``high``.

    Args:
        share: the column of shares, from 0 to 1.
        n: the column of counts that they are shares of.

    Returns:
        Two expressions, for `with_columns` or `select`; null where the share is null, or nothing was counted.
    """
    part = (pl.col(share) if isinstance(share, str) else share).cast(pl.Float64)
    count = (pl.col(n) if isinstance(n, str) else n).cast(pl.Float64)
    count = pl.when(count > 0).then(count)
    middle = (part + NORMAL_QUANTILE**2 / (2 * count)) / (1 + NORMAL_QUANTILE**2 / count)
    reach = (
        NORMAL_QUANTILE
        / (1 + NORMAL_QUANTILE**2 / count)
        * (part * (1 - part) / count + NORMAL_QUANTILE**2 / (4 * count**2)).sqrt()
    )
    return (middle - reach).clip(0, 1).alias("low"), (middle + reach).clip(0, 1).alias("high")
