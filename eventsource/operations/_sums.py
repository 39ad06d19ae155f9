"""Exact sums of ranges of numbers: the difference of two running sums, rounded once.

A total is looked up for ranges of touches, and each range begins with its entity's first touch. Six touches of two
entities, with amounts that are multiples of 0.25, so that all are integers in units of 1/4:

    touch              0     1     2     3     4     5
    owner              ann   ann   ann   bob   bob   bob
    amount             1.5   0.25  2.0   0.5   0.5   1.0
    units              6     1     8     2     2     4          amount * 4
    running sums    0  6     7     15    17    19    23         one more than there are touches

    bob's total after touch 4:  sums[5] - sums[3] = 19 - 15 = 4 units = 1.0

Integers have no rounding, so a sum does not depend on the order of its terms, on threads or on engines: ``as_of``,
``history`` and a trend give the same number to the last bit. Four representations of running sums exist:

- integers that fit into 64 bits: one array of int64;
- floats: units of a power of two, chosen so that every sum is below 2**125 units. NumPy has no integers of that
  size: a sum is held as two or three *digits*, each an array of int64 (both cases: `RunningSums`);
- decimals and integers beyond 64 bits: a Polars column of 128 bits (`WideSums`);
- floats that are not whole units of that size, such as 1e41 beside 0.1: Python's integers (`LongSums`), which are
  slow and rarely needed.
"""

import math
import sys
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

from eventsource.errors import FoldError
from eventsource.exact_numbers import fraction
from eventsource.operations._long_sums import LongSums
from eventsource.operations._touched_rows import Numbers, TouchedRows
from eventsource.operations._wide_sums import WideSums

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["RunningSums", "exact_scale", "not_finite", "running_sums", "running_sums_of_integers"]

_BITS: Final = 125
"""Bits of the largest possible sum of floats, without its sign. The sum of a snapshot and that of later events, in
the same units, then add up to less than 2**126, which a signed integer of 128 bits holds."""

_SMALLEST: Final = -800
"""Smaller sums are held in the unit for sums of this size, 2**-800. Its scale, 2**925, and the reciprocal are
floats of full precision; a scale above 2**1023 would be infinite."""

_WORD: Final = 62  # bits of a sum that a 64-bit integer holds for sure
_BLOCK: Final = 16_384  # numbers that stay in a processor's cache while their digits are found

_Floats = npt.NDArray[np.float64]


def not_finite(value: float) -> str:
    """Return the message for NaN or an infinity, which cannot be summed."""
    return f"expected finite numbers to sum, got {value}: filter such values when the log is pulled"


def exact_scale(values: pl.Series) -> float:
    """Return the scale of floats: a power of two that keeps every sum of ``values`` below 2**125 units.

    A float is a number of units of one over this scale; values may have bits below a unit. Those bits are below
    2**-125 of the largest possible sum (or of 2**-800, if that is larger).
    """
    return _scale_of(_largest_exponent(values))


def _scale_of(exponent: int) -> float:
    """Return the scale of sums below ``2**exponent``."""
    return math.ldexp(1.0, _BITS - max(exponent, _SMALLEST))


def _largest_exponent(values: pl.Series) -> int:
    """Return the exponent of a power of two that no sum of ``values`` can reach."""
    top = max(abs(float(end or 0.0)) for end in (values.min(), values.max()))  # type: ignore[arg-type]  # floats
    return math.frexp(top)[1] + len(values).bit_length()


def running_sums(values: pl.Series, touched: TouchedRows) -> "RunningSums | WideSums | LongSums":
    """Return the running sums of integers, decimals or floats, none of them null.

    Args:
        values: the numbers, one per touch.
        touched: the touches; all numbers of a range belong to one entity, and a range begins with its first touch.

    Raises:
        FoldError: one is NaN or infinite.
    """
    if not values.dtype.is_float():
        return running_sums_of_integers(values, touched)
    exponent = _largest_exponent(values)
    sums = RunningSums.of_floats(values, touched.longest, _scale_of(exponent))
    if sums is not None and exponent < sys.float_info.max_exp:
        return sums
    return LongSums.of_floats(values.cast(pl.Float64))


def running_sums_of_integers(values: pl.Series, touched: TouchedRows) -> "RunningSums | WideSums":
    """Return the running sums of integers or decimals, none of them null; see `running_sums`."""
    if isinstance(values.dtype, pl.Decimal):
        return WideSums.of(values.cast(pl.Decimal(38, values.dtype.scale)), touched, values.dtype)
    if not _is_narrow(values, touched.longest):
        return WideSums.of(values.cast(pl.Int128), touched, pl.Int64())
    terms = values.cast(pl.Int64).to_numpy()
    return RunningSums((_from_zero(terms),), _WORD, pl.Int64(), 1)


class RunningSums(Struct, frozen=True):
    """The exact running sums of 64-bit integers, or of floats with a common unit.

    Args:
        digits: running sums to the base ``2**bits``, the lowest digit first; each digit is summed for itself,
            modulo 2**64. The difference of two running sums is right modulo 2**64 too, and small enough to be
            right.
        bits: the logarithm of the base.
        dtype: of the sums: Int64 or Float64.
        scale: units in 1: a float is its units divided by the scale, a power of two.
    """

    digits: tuple[npt.NDArray[np.int64], ...]
    bits: int
    dtype: pl.DataType
    scale: float

    @classmethod
    def of_floats(cls, values: pl.Series, longest: int, scale: float) -> "RunningSums | None":
        """Return the running sums of floats in units of ``1 / scale``; None: some are not whole units.

        Args:
            values: the numbers.
            longest: the greatest number of touches of one entity.
            scale: at most the `exact_scale` of the values.

        Raises:
            FoldError: one is NaN or infinite.
        """
        bits, terms = _WORD - longest.bit_length(), values.cast(pl.Float64).to_numpy()
        low, high = (float(end(initial=0.0)) for end in (terms.min, terms.max))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise FoldError(not_finite(float(terms[~np.isfinite(terms)][0])), hint="or sum another member")
        digits = _digits_from_zero(terms, scale, max(high, -low), bits)
        return None if digits is None else cls(digits, bits, pl.Float64(), scale)

    @property
    def units_in_one(self) -> "Fraction":
        """How many units make 1."""
        return fraction(self.scale)

    def between(self, first: Numbers, end: Numbers) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end``, in ``dtype``."""
        sums = self.units(first, end)
        return sums.cast(pl.Float64) / self.scale if self.dtype.is_float() else sums.cast(self.dtype)

    def units(self, first: Numbers, end: Numbers) -> pl.Series:
        """Return the exact sums as Int128, in units."""
        parts = [pl.Series(digit[end] - digit[first]).cast(pl.Int128) for digit in self.digits]
        base, total = pl.Series([2**self.bits], dtype=pl.Int128), parts.pop()
        while parts:
            total = total * base + parts.pop()
        return total


def _is_narrow(values: pl.Series, longest: int) -> bool:
    """Return whether every sum of ``longest`` of these integers fits into 64 bits."""
    if values.dtype == pl.Null() or not len(values):
        return True
    largest = max(abs(int(values.max())), abs(int(values.min())))  # type: ignore[arg-type]  # integers
    return bool(largest * longest < 2**_WORD)


def _from_zero(terms: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the sums of the first 0, 1, 2, … terms, modulo 2**64."""
    sums = np.zeros(len(terms) + 1, np.int64)
    np.cumsum(terms.astype(np.int64, copy=False), out=sums[1:])
    return sums


def _extend(sums: npt.NDArray[np.int64], begin: int, terms: _Floats) -> None:
    """Write the running sums that follow the first ``begin`` ones."""
    added = terms.astype(np.int64)
    added[:1] += sums[begin : begin + 1]  # arrays wrap modulo 2**64 without a warning, numbers do not
    np.cumsum(added, out=sums[begin + 1 : begin + 1 + len(added)])


def _digits_from_zero(
    terms: _Floats, scale: float, largest: float, bits: int
) -> tuple[npt.NDArray[np.int64], ...] | None:
    """Return the digits of the sums of the first 0, 1, 2, … terms; None: some terms are not whole units.

    With base 10 in place of ``2**bits`` and scale 4, the terms 1.5, 40.25 and -2.0 are 6, 161 and -8 units. Their
    digits are (6), (1, 16) and (-8): lowest first, with the sign of the term. Summed for themselves:

        lowest digit    0   6   7   -1
        higher digit    0   0   16  16       the last sum is 16 * 10 - 1 = 159 units

    Args:
        terms: floats.
        scale: units in 1.
        largest: the largest absolute value of a term.
        bits: the digits are to the base ``2**bits``.
    """
    count = max(-(-math.frexp(largest * scale)[1] // bits), 1)
    sums = tuple(np.zeros(len(terms) + 1, np.int64) for _ in range(count))
    for begin in range(0, len(terms), _BLOCK):
        block = terms[begin : begin + _BLOCK]
        rest = np.trunc(block * scale)
        if not np.array_equal(rest * (1 / scale), block):  # also false where the product is too small for a float
            return None
        for digit in sums[:-1]:
            high = np.trunc(rest * 2.0**-bits)
            _extend(digit, begin, rest - high * 2.0**bits)
            rest = high
        _extend(sums[-1], begin, rest)
    return sums
