"""The rows that touch a field, and how many of them are before any row.

Six rows of two entities. The field is ``latest("Moved", of="city")``; ``*`` marks the rows that touch it:

    row        0        1      2        3        4      5      6 (the end)
    entity     ann      ann    ann      bob      bob    bob
    type       Created  Moved* Moved*   Created  Paid   Moved*
    mask       0        1      1        0        0      1
    bounds     0                        3                      6

    rows     = [1, 2, 5]                touch 0 is row 1, touch 1 is row 2, touch 2 is row 5
    before(row)                         how many touches are before a row: its rank in the mask
               0  0  1  2  2  2  3      for the rows 0 to 6
    cuts     = [0, 2, 3]                the ranks of the bounds: ann has the touches 0 and 1, bob has touch 2
    owners   = [0, 0, 1]                per touch, the number of its entity

The state of an entity after some row is therefore a range of touches: from ``cuts[entity]`` to ``before(row +
1)``.
"""

from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

__all__ = ["Numbers", "TouchedRows", "expand_ranges"]

_SHIFT: Final = 6
_LAST: Final = 63
_ONE: Final = np.uint64(1)

Numbers = npt.NDArray[np.integer[Any]]
"""Numbers of rows, of touches or of entities."""


class TouchedRows(Struct, frozen=True, dict=True):
    """The rows that touch a field.

    Args:
        mask: per row, whether it touches the field.
        bounds: the first row of each entity, and at the end the number of rows.
    """

    mask: npt.NDArray[np.bool_]
    bounds: npt.NDArray[np.int64]

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """The numbers of the touched rows, ascending."""
        return np.flatnonzero(self.mask)

    def __len__(self) -> int:
        return int(self._ranks[1][-1])

    def before(self, rows: Numbers) -> Numbers:
        """Return how many touches are before each of some rows (0 <= row <= number of rows).

        The mask is a bitmap with a running count per word of 64 bits. A look-up adds the count of the word and the
        bits below the row's own: several times as fast as a binary search in `rows`.
        """
        words, counts = self._ranks
        word, bit = rows >> _SHIFT, (rows & _LAST).astype(np.uint64)
        found: Numbers = counts[word] + np.bitwise_count(words[word] & ((_ONE << bit) - _ONE))
        return found

    @cached_property
    def _ranks(self) -> tuple[npt.NDArray[np.uint64], Numbers]:
        """The mask as words of 64 bits, lowest bit first; the number of touches before each word, and in all."""
        words = np.zeros(len(self.mask) // 64 + 1, "<u8")
        packed = np.packbits(self.mask, bitorder="little")
        words.view(np.uint8)[: len(packed)] = packed
        return words, np.append(0, np.cumsum(np.bitwise_count(words), dtype=np.int64))

    @cached_property
    def longest(self) -> int:
        """The greatest number of touches of one entity."""
        return int(np.diff(self.cuts).max(initial=0))

    @cached_property
    def cuts(self) -> Numbers:
        """The number of touches before each bound."""
        return self.before(self.bounds)

    @cached_property
    def owners(self) -> pl.Series:
        """Per touch, the number of its entity."""
        numbers = np.arange(len(self.bounds) - 1, dtype=np.uint32)
        return pl.Series(np.repeat(numbers, np.diff(self.cuts))).set_sorted()

    def where(self, mask: pl.Series) -> "TouchedRows":
        """Return the touched rows for which a mask, one value per touch, is true."""
        if mask.all():
            return self
        fewer = np.zeros(len(self.mask), bool)
        fewer[self.rows[mask.to_numpy()]] = True
        return TouchedRows(fewer, self.bounds)


def expand_ranges(begins: Numbers, ends: Numbers) -> npt.NDArray[np.int64]:
    """Return the numbers of all ranges, one range after the other: [2, 7], [4, 8] → [2, 3, 7]."""
    lengths = ends - begins
    shifts = np.repeat(begins - np.append(0, np.cumsum(lengths)[:-1]), lengths)
    return shifts + np.arange(int(lengths.sum()), dtype=np.int64)
