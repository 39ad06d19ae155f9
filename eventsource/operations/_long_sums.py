"""Running sums of floats of any range, as Python's integers; see `_sums`."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

from eventsource.errors import FoldError
from eventsource.operations._touched_rows import Numbers

__all__ = ["LongSums"]


class LongSums(Struct, frozen=True):
    """The exact running sums of any finite floats: slow, but right however far apart the numbers are.

    `math.fsum` per range would be as exact, but a history asks for the ranges 0 to 1, 0 to 2, 0 to 3 … of an
    entity: that is quadratic. Running sums are not, and `between` needs one subtraction per range.

    Args:
        sums: the sums of the first 0, 1, 2, … numbers in units, as Python's integers.
        units_in_one: how many units make 1: a power of two.
    """

    sums: npt.NDArray[Any]
    units_in_one: int

    @classmethod
    def of_floats(cls, values: pl.Series) -> "LongSums":
        """Return the running sums of finite floats in the largest unit of which all of them are multiples."""
        ratios = [value.as_integer_ratio() for value in values.to_list()]
        units_in_one = max((denominator for _, denominator in ratios), default=1)
        units = (numerator * (units_in_one // denominator) for numerator, denominator in ratios)
        return cls.of_integers(units, units_in_one)

    @classmethod
    def of_integers(cls, units: Iterable[int], units_in_one: int = 1) -> "LongSums":
        """Return the running sums of integers of any size."""
        return cls(np.array([*accumulate(units, initial=0)], object), units_in_one)

    def between(self, first: Numbers, end: Numbers) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end`` as Float64, each rounded once, half to even.

        Raises:
            FoldError: a sum exceeds the range of floats.
        """
        try:
            # Python divides two integers of any size exactly and rounds once.
            sums = [units / self.units_in_one for units in self.units(first, end)]
        except OverflowError as error:
            raise FoldError(
                "a total exceeds the range of floats, which ends at about 1.8e308",
                hint="leave out the value that large when the log is pulled",
            ) from error
        return pl.Series(sums, dtype=pl.Float64)

    def units(self, first: Numbers, end: Numbers) -> list[int]:
        """Return the exact sums in units."""
        units: list[int] = (self.sums[end] - self.sums[first]).tolist()
        return units
