"""Running sums in 128 bits: of decimals, and of integers whose sums could exceed 64 bits; see `_sums`."""

import numpy as np
import polars as pl
from msgspec import Struct

from eventsource.operations._touched_rows import Numbers, TouchedRows

__all__ = ["WideSums"]


class WideSums(Struct, frozen=True):
    """The sums of the first 1, 2, … numbers as Int128 or decimals.

    Args:
        sums: the running sums.
        dtype: the dtype of the sums that `between` returns.
        per_owner: whether the sums begin again with each entity, instead of running over all numbers.
        top: all numbers are between ``-top - 1`` and ``top + 1``.
    """

    sums: pl.Series
    dtype: pl.DataType
    per_owner: bool
    top: int

    @classmethod
    def of(cls, terms: pl.Series, touched: TouchedRows, dtype: pl.DataType) -> "WideSums":
        """Return the running sums of numbers: over all of them, which is faster, unless that could overflow."""
        ends = [int(end) for end in (terms.min(), terms.max()) if end is not None]  # type: ignore[arg-type]  # numbers
        top = max(map(abs, ends), default=0)
        if isinstance(dtype, pl.Decimal) and (top + 1) * len(terms) >= 10 ** (38 - dtype.scale):
            rows = pl.DataFrame({"term": terms, "owner": touched.owners})
            return cls(
                rows.select(pl.col("term").cum_sum().over("owner")).to_series(), dtype, per_owner=True, top=top
            )
        return cls(terms.cum_sum(), dtype, per_owner=False, top=top)

    @property
    def units_in_one(self) -> int:
        """How many units of the integers behind `units` make 1."""
        return 10**self.sums.dtype.scale if isinstance(self.sums.dtype, pl.Decimal) else 1

    def between(self, first: Numbers, end: Numbers) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end``, in ``dtype``.

        Raises:
            PolarsError: an integer sum exceeds 64 bits.
        """
        return self.units(first, end).cast(self.dtype, strict=True)

    def units(self, first: Numbers, end: Numbers) -> pl.Series:
        """Return the exact sums, as Int128 or decimals."""
        found = self._before(end)
        if not self.per_owner:
            return found - self._before(first)
        return found.zip_with(pl.Series(end > first), pl.Series([0]).cast(found.dtype))

    def _before(self, numbers: Numbers) -> pl.Series:
        """Return the sums of the terms before each of some numbers."""
        zero = pl.Series([0]).cast(self.sums.dtype)
        if not len(self.sums):
            return zero.new_from_index(0, len(numbers))
        found = self.sums.gather(pl.Series(np.maximum(numbers - 1, 0)))
        return found.zip_with(pl.Series(numbers > 0), zero)
