"""Some rows of clustered events, and their values in fold order."""

import polars as pl
from msgspec import Struct

from eventsource.decode._arrays import Mask

__all__ = ["Selection"]


class Selection(Struct, frozen=True):
    """Some rows of clustered events.

    Args:
        stored: per row of ``columns``, whether it is selected.
        in_order: the same per row in fold order.
        order: the selected rows of ``columns``, numbered from 0, in fold order: ``[2, 0, 1]`` if the third one
            is the first in fold order. None: they are in fold order already.
    """

    stored: pl.Series
    in_order: Mask
    order: pl.Series | None = None

    def values(self, column: pl.Series) -> pl.Series:
        """Return the selected values of one of the ``columns``, in fold order."""
        selected = column.filter(self.stored).rechunk()
        return selected if self.order is None else selected.gather(self.order)
