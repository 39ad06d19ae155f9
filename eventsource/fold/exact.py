"""Exact sums of floats: as integers of 128 bits at a common power of two, rounded once at the end.

Where no power of two serves all of them, their digits are summed one by one, see `Superaccumulator`.

Such a sum does not depend on the order of its terms, on threads or on engines: what a fold, a running fold and a
trend sum is the same number to the last bit.
"""

import math
import sys
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.errors import FoldError
from eventsource.fold._superaccumulator import BEYOND_FLOATS, Superaccumulator
from eventsource.fold._track import Touched

__all__ = ["BEYOND_FLOATS", "RunningSums", "exact_scale", "no_total"]

_BITS: Final = 125
_SMALLEST: Final = -800
_WORD: Final = 62  # bits of a sum that a 64-bit integer holds for sure
_BLOCK: Final = 16_384  # numbers that stay in a processor's cache while their digits are found

_Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.integer[Any]]


def no_total(value: float) -> str:
    """Return why there is no total over NaN or an infinity."""
    return f"there is no total over {value}: filter such values where the log is pulled, or sum another member"


def exact_scale(values: pl.Series) -> float:
    """Return the largest power of two that keeps every sum of ``values`` within 128 bits.

    Values may have bits below it: those below 2**-125 of the largest possible sum.
    """
    return _scale_of(_largest_exponent(values))


def _scale_of(exponent: int) -> float:
    """Return the scale of sums below ``2**exponent``."""
    return math.ldexp(1.0, _BITS - max(exponent, _SMALLEST))


def _largest_exponent(values: pl.Series) -> int:
    """Return the exponent of the largest power of two that no sum of ``values`` can reach."""
    top = max(abs(float(end or 0.0)) for end in (values.min(), values.max()))  # type: ignore[arg-type]  # floats
    return math.frexp(top)[1] + len(values).bit_length()


@dataclass(frozen=True)
class RunningSums:
    """The exact sums of ranges of some numbers.

    Args:
        digits: the sums of the first 0, 1, 2, … numbers, modulo 2**64: their digits to the base ``2**bits``,
            lowest first, each summed for itself. That of a range is right, since it fits.
        bits: see ``digits``.
        dtype: of the sums: Int64 or Float64.
        scale: a float is its sum's integer divided by this.
    """

    digits: tuple[npt.NDArray[np.int64], ...]
    bits: int
    dtype: pl.DataType
    scale: float

    @classmethod
    def of(cls, values: pl.Series, touched: Touched) -> "RunningSums | _WideSums | Superaccumulator":
        """Return the running sums of integers, decimals or floats, none of them null.

        Args:
            values: the numbers, one per touch.
            touched: whose they are; a range begins with the first one of somebody.

        Raises:
            FoldError: NaN or infinity, of which there is no sum.
        """
        if values.dtype.is_float():
            exponent = _largest_exponent(values)
            near = cls.of_floats(values, touched.longest, _scale_of(exponent))
            if near is not None and exponent < sys.float_info.max_exp:
                return near
            return Superaccumulator.of(values.cast(pl.Float64).to_numpy(), touched.longest)
        return cls.of_whole(values, touched)

    @classmethod
    def of_whole(cls, values: pl.Series, touched: Touched) -> "RunningSums | _WideSums":
        """Return the running sums of integers or decimals; see `of`."""
        if isinstance(values.dtype, pl.Decimal):
            return _WideSums.of(values.cast(pl.Decimal(38, values.dtype.scale)), touched, values.dtype)
        if not _is_narrow(values, touched.longest):
            return _WideSums.of(values.cast(pl.Int128), touched, pl.Int64())
        terms = values.cast(pl.Int64).to_numpy()
        return cls((_from_zero(terms),), _WORD, pl.Int64(), 1)

    @classmethod
    def of_floats(cls, values: pl.Series, longest: int, scale: float) -> "RunningSums | None":
        """Return the running sums of floats in multiples of ``1 / scale``; None: not all are such.

        Args:
            values: the numbers.
            longest: how many of them a range has at most.
            scale: at most their `exact_scale`.

        Raises:
            FoldError: NaN or infinity, of which there is no sum.
        """
        bits, terms = _WORD - longest.bit_length(), values.cast(pl.Float64).to_numpy()
        low, high = (float(end(initial=0.0)) for end in (terms.min, terms.max))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise FoldError(no_total(float(terms[~np.isfinite(terms)][0])))
        digits = _digits_from_zero(terms, scale, max(high, -low), bits)
        return None if digits is None else cls(digits, bits, pl.Float64(), scale)

    def between(self, first: Places, end: Places) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end``, in ``dtype``."""
        sums = self.units(first, end)
        return sums.cast(pl.Float64) / self.scale if self.dtype.is_float() else sums.cast(self.dtype)

    def units(self, first: Places, end: Places) -> pl.Series:
        """Return the sums as Int128: of floats, in multiples of ``1 / scale``."""
        parts = [pl.Series(digit[end] - digit[first]).cast(pl.Int128) for digit in self.digits]
        base, total = pl.Series([2**self.bits], dtype=pl.Int128), parts.pop()
        while parts:
            total = total * base + parts.pop()
        return total


@dataclass(frozen=True)
class _WideSums:
    """The sums of the first 1, 2, … numbers, as Int128 or decimals: of all, or of each owner for himself."""

    sums: pl.Series
    dtype: pl.DataType
    of_owners: bool

    @classmethod
    def of(cls, terms: pl.Series, touched: Touched, dtype: pl.DataType) -> "_WideSums":
        """Return the running sums of numbers: of all, which is faster, unless they could become too large."""
        ends = [int(end) for end in (terms.min(), terms.max()) if end is not None]  # type: ignore[arg-type]  # numbers
        top = max(map(abs, ends), default=0)
        if isinstance(dtype, pl.Decimal) and (top + 1) * len(terms) >= 10 ** (38 - dtype.scale):
            rows = pl.DataFrame({"term": terms, "owner": touched.owners})
            return cls(rows.select(pl.col("term").cum_sum().over("owner")).to_series(), dtype, of_owners=True)
        return cls(terms.cum_sum(), dtype, of_owners=False)

    def between(self, first: Places, end: Places) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end``, in ``dtype``.

        Raises:
            PolarsError: an integer sum beyond 64 bits.
        """
        return self.units(first, end).cast(self.dtype, strict=True)

    def units(self, first: Places, end: Places) -> pl.Series:
        """Return the sums, as Int128 or decimals."""
        found = self._before(end)
        if not self.of_owners:
            return found - self._before(first)
        return found.zip_with(pl.Series(end > first), pl.Series([0]).cast(found.dtype))

    def _before(self, places: Places) -> pl.Series:
        """Return the sums of the numbers before some places."""
        nothing = pl.Series([0]).cast(self.sums.dtype)
        if not len(self.sums):
            return nothing.new_from_index(0, len(places))
        found = self.sums.gather(pl.Series(np.maximum(places - 1, 0)))
        return found.zip_with(pl.Series(places > 0), nothing)


def _is_narrow(values: pl.Series, longest: int) -> bool:
    """Say whether no sum of so many integers can exceed 64 bits."""
    if values.dtype == pl.Null() or not len(values):
        return True
    largest = max(abs(int(values.max())), abs(int(values.min())))  # type: ignore[arg-type]  # integers
    return bool(largest * longest < 2**_WORD)


def _from_zero(terms: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the sums of the first 0, 1, 2, … terms, modulo 2**64."""
    sums = np.zeros(len(terms) + 1, np.int64)
    np.cumsum(terms.astype(np.int64, copy=False), out=sums[1:])
    return sums


def _go_on(sums: npt.NDArray[np.int64], begin: int, terms: _Floats) -> None:
    """Go on with running sums, of which the first ``begin`` terms are in."""
    added = terms.astype(np.int64)
    added[:1] += sums[begin : begin + 1]  # as arrays, which go round modulo 2**64 without a warning
    np.cumsum(added, out=sums[begin + 1 : begin + 1 + len(added)])


def _digits_from_zero(
    terms: _Floats, scale: float, largest: float, bits: int
) -> tuple[npt.NDArray[np.int64], ...] | None:
    """Return the digits of the sums of the first 0, 1, 2, … terms, as in `RunningSums`, lowest first.

    None: some are no multiples of ``1 / scale``.

    Args:
        terms: floats.
        scale: see there.
        largest: no term is greater, but for its sign.
        bits: the digits are to the base ``2**bits``.
    """
    count = max(-(-math.frexp(largest * scale)[1] // bits), 1)
    sums = tuple(np.zeros(len(terms) + 1, np.int64) for _ in range(count))
    for begin in range(0, len(terms), _BLOCK):
        block = terms[begin : begin + _BLOCK]
        whole = np.trunc(block * scale)
        if not np.array_equal(whole * (1 / scale), block):  # so that a product too small for a float is none, too
            return None
        for digit in sums[:-1]:
            high = np.trunc(whole * 2.0**-bits)
            _go_on(digit, begin, whole - high * 2.0**bits)
            whole = high
        _go_on(sums[-1], begin, whole)
    return sums
