"""One track: the rows that touch a field, and what it is after each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from eventsource.fold._columns import refusal
from eventsource.fold.clustered import Rows, Touches

__all__ = ["Touched", "Track"]

_Pick = Callable[[Touches, Touches], pl.Series]


@dataclass(frozen=True)
class Touched:
    """The rows that touch a field.

    Args:
        rows: their numbers, ascending.
        bounds: where entities begin, and the last one ends.
    """

    rows: Rows
    bounds: Rows

    @cached_property
    def longest(self) -> int:
        """How many touches an entity has at most."""
        return int(np.diff(self.cuts).max(initial=0))

    @cached_property
    def cuts(self) -> Touches:
        """How many touches stand before each bound."""
        return np.searchsorted(self.rows, self.bounds)

    @cached_property
    def owners(self) -> pl.Series:
        """Per touch, the number of its entity."""
        numbers = np.arange(len(self.bounds) - 1, dtype=np.uint32)
        return pl.Series(np.repeat(numbers, np.diff(self.cuts))).set_sorted()

    def where(self, mask: pl.Series) -> "Touched":
        """Return those rows for which a mask, one value per touch, is true."""
        return self if mask.all() else Touched(self.rows[mask.to_numpy()], self.bounds)


@dataclass(frozen=True)
class Track:
    """What a field is after each event that touches it.

    Args:
        touched: the rows that touch it.
        pick: (first touches, last touches) of entities → the values then, touches numbered in order of rows.
        before: one value: the field before any touch.
    """

    touched: Touched
    pick: _Pick
    before: pl.Series

    @property
    def rows(self) -> Rows:
        """The numbers of the rows that touch it, ascending."""
        return self.touched.rows

    def __call__(self, first: Touches, end: Touches) -> pl.Series:
        """Return the values after the touches ``first`` <= n < ``end``; where there is none, the default.

        Raises:
            FoldError: an integer total beyond 64 bits.
        """
        try:
            return self._looked_up(first, end)
        except pl.exceptions.PolarsError as error:
            raise refusal(error) from error

    def _looked_up(self, first: Touches, end: Touches) -> pl.Series:
        found = end > first
        if found.all():
            return self.pick(first, end - 1)
        if not len(self.rows):
            return self.before.new_from_index(0, len(first))
        last = len(self.rows) - 1
        picked = self.pick(np.minimum(first, last), np.clip(end - 1, 0, last))
        return picked.zip_with(pl.Series(found), self.before)

    def between(self, begins: Touches, ends: Touches) -> pl.Series:
        """Return the values after the rows ``begins`` <= row < ``ends`` of one entity each."""
        return self(np.searchsorted(self.rows, begins), np.searchsorted(self.rows, ends))

    def last(self) -> pl.Series:
        """Return the values after all rows of each entity."""
        cuts = self.touched.cuts
        return self(cuts[:-1], cuts[1:])

    @property
    def touches(self) -> pl.Series:
        """Whether anything touches the field, per entity."""
        return pl.Series(np.diff(self.touched.cuts) > 0)
