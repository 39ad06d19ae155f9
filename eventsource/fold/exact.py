"""Exact sums of floats: as integers of 128 bits at a common power of two, rounded once at the end.

Such a sum does not depend on the order of its terms, on threads or on engines: what a fold, a running fold and a
trend sum is the same number to the last bit.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["RunningSums", "exact_scale"]

_BITS: Final = 125
_SMALLEST: Final = -800
_WORD: Final = 62  # bits of a sum that a 64-bit integer holds for sure

Places = npt.NDArray[np.integer[Any]]


def exact_scale(values: pl.Series) -> float:
    """Return the largest power of two that keeps every sum of ``values`` within 128 bits.

    Bits of a value below 2**-125 of the largest possible sum are cut off.
    """
    top = abs(float(values.abs().max() or 0.0))  # type: ignore[arg-type]  # floats
    exponent = math.frexp(top)[1] + len(values).bit_length()
    return math.ldexp(1.0, _BITS - max(exponent, _SMALLEST))


@dataclass(frozen=True)
class RunningSums:
    """The exact sums of all ranges of some numbers.

    Args:
        limbs: the sums of the first 0, 1, 2, … numbers: the digits to the base ``2**bits``, lowest first, each
            summed for itself.
        bits: see ``limbs``.
        dtype: of the sums: Int64, Float64 or a Decimal.
        scale: a float is its sum's integer divided by this.
    """

    limbs: tuple[pl.Series, ...]
    bits: int
    dtype: pl.DataType
    scale: float = 1.0

    @classmethod
    def of(cls, values: pl.Series) -> "RunningSums":
        """Return the running sums of integers, decimals or floats; none of them null."""
        if values.dtype.is_float():
            return cls.of_floats(values, exact_scale(values))
        if isinstance(values.dtype, pl.Decimal):
            return cls((_summed(values.cast(pl.Decimal(38, values.dtype.scale))),), 0, values.dtype)
        return cls((_summed(values.cast(pl.Int64 if _is_narrow(values) else pl.Int128)),), 0, pl.Int64())

    @classmethod
    def of_floats(cls, values: pl.Series, scale: float) -> "RunningSums":
        """Return the running sums of floats in multiples of ``1 / scale``, which is at most their `exact_scale`."""
        bits = _WORD - len(values).bit_length()
        digits = _digits(values.cast(pl.Float64).to_numpy() * scale, bits, _BITS // bits + 1)
        limbs = tuple(pl.Series(np.append(0, np.cumsum(digit))) for digit in digits)
        return cls(limbs, bits, pl.Float64(), scale)

    def between(self, first: Places, end: Places) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end``, in ``dtype``.

        Raises:
            PolarsError: an integer sum beyond 64 bits.
        """
        sums = self.units(first, end)
        if self.dtype.is_float():
            return sums.cast(pl.Float64) / self.scale
        return sums.cast(self.dtype, strict=True)

    def units(self, first: Places, end: Places) -> pl.Series:
        """Return the sums as integers or decimals: of floats, in multiples of ``1 / scale``, as Int128."""
        ends, firsts = pl.Series(end), pl.Series(first)
        parts = [limb.gather(ends) - limb.gather(firsts) for limb in self.limbs]
        if not self.bits:
            return parts[0]
        base = pl.Series([2**self.bits], dtype=pl.Int128)
        total = parts.pop().cast(pl.Int128)
        while parts:
            total = total * base + parts.pop().cast(pl.Int128)
        return total


def _is_narrow(values: pl.Series) -> bool:
    """Say whether no sum of integers can exceed 64 bits."""
    if values.dtype == pl.Null() or not len(values):
        return True
    largest = max(abs(int(values.max())), abs(int(values.min())))  # type: ignore[arg-type]  # integers
    return largest * len(values) < 2**_WORD


def _summed(terms: pl.Series) -> pl.Series:
    """Return the sums of the first 0, 1, 2, … terms."""
    return pl.concat([pl.Series([0]).cast(terms.dtype), terms.cum_sum()])


def _digits(values: npt.NDArray[np.float64], bits: int, count: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the digits of whole parts to the base ``2**bits``, lowest first; the highest ones that are all 0 not."""
    base, digits = 2.0**bits, []
    for power in reversed(range(1, count)):
        high = np.trunc(values / base**power)
        if digits or high.any():
            values = values - high * base**power
            digits.append(high)
    digits.append(np.trunc(values))
    return (digit.astype(np.int64) for digit in reversed(digits))
