"""One track: the rows that touch a field, and what it is after each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.decode import Integers, RowNumbers
from eventsource.fold._columns import refusal

__all__ = ["Touched", "Track"]

_SHIFT: Final = 6
_LAST: Final = 63
_ONE: Final = np.uint64(1)

_Pick = Callable[[Integers, Integers], pl.Series]


@dataclass(frozen=True)
class Touched:
    """The rows that touch a field.

    Args:
        mask: per row, whether it is one of them.
        bounds: where entities begin, and the last one ends.
    """

    mask: npt.NDArray[np.bool_]
    bounds: RowNumbers

    @cached_property
    def rows(self) -> RowNumbers:
        """Their numbers, ascending."""
        return np.flatnonzero(self.mask)

    def __len__(self) -> int:
        return int(self._ranks[1][-1])

    def before(self, rows: Integers) -> Integers:
        """Return how many touches stand before each of some rows (0 <= row <= number of rows).

        A bitmap with the counts before each of its words: several times as fast as a search in `rows`.
        """
        words, counts = self._ranks
        word, bit = rows >> _SHIFT, (rows & _LAST).astype(np.uint64)
        found: Integers = counts[word] + np.bitwise_count(words[word] & ((_ONE << bit) - _ONE))
        return found

    @cached_property
    def _ranks(self) -> tuple[npt.NDArray[np.uint64], Integers]:
        """The mask as words of 64 bits, lowest first, and how many touches stand before each and after all."""
        words = np.zeros(len(self.mask) // 64 + 1, "<u8")
        packed = np.packbits(self.mask, bitorder="little")
        words.view(np.uint8)[: len(packed)] = packed
        return words, np.append(0, np.cumsum(np.bitwise_count(words), dtype=np.int64))

    @cached_property
    def longest(self) -> int:
        """How many touches an entity has at most."""
        return int(np.diff(self.cuts).max(initial=0))

    @cached_property
    def cuts(self) -> Integers:
        """How many touches stand before each bound."""
        return self.before(self.bounds)

    @cached_property
    def owners(self) -> pl.Series:
        """Per touch, the number of its entity."""
        numbers = np.arange(len(self.bounds) - 1, dtype=np.uint32)
        return pl.Series(np.repeat(numbers, np.diff(self.cuts))).set_sorted()

    def where(self, mask: pl.Series) -> "Touched":
        """Return those rows for which a mask, one value per touch, is true."""
        if mask.all():
            return self
        fewer = np.zeros(len(self.mask), bool)
        fewer[self.rows[mask.to_numpy()]] = True
        return Touched(fewer, self.bounds)


@dataclass(frozen=True)
class Track:
    """What a field is after each event that touches it.

    Args:
        touched: the rows that touch it.
        pick: (first touches, last touches) of entities → the values then, touches numbered in order of rows.
        default: one value: the field before any touch.
    """

    touched: Touched
    pick: _Pick
    default: pl.Series

    def __call__(self, first: Integers, end: Integers) -> pl.Series:
        """Return the values after the touches ``first`` <= n < ``end``; where there is none, the default.

        Raises:
            FoldError: an integer total beyond 64 bits.
        """
        try:
            return self._looked_up(first, end)
        except pl.exceptions.PolarsError as error:
            raise refusal(error) from error

    def _looked_up(self, first: Integers, end: Integers) -> pl.Series:
        found = end > first
        if found.all():
            return self.pick(first, end - 1)
        if not len(self.touched):
            return self.default.new_from_index(0, len(first))
        last = len(self.touched) - 1
        picked = self.pick(np.minimum(first, last), np.clip(end - 1, 0, last))
        return picked.zip_with(pl.Series(found), self.default)

    def before(self, ends: Integers, owners: Integers) -> pl.Series:
        """Return the values before the rows ``ends``, each for the entity of the number in ``owners``."""
        return self(self.touched.cuts[owners], self.touched.before(ends))

    def last(self) -> pl.Series:
        """Return the values after all rows of each entity."""
        cuts = self.touched.cuts
        return self(cuts[:-1], cuts[1:])

    @property
    def touches(self) -> pl.Series:
        """Whether anything touches the field, per entity."""
        return pl.Series(np.diff(self.touched.cuts) > 0)
