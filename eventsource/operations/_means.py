"""Exact means: the exact sum divided by the count, rounded once.

Rounding the sum first and the quotient again can be wrong in the last bit. Four ranges of touches, with sums in
units (see `_sums`) of 1/4:

    units       7      40     1       a sum with 60 significant bits
    counts      2      4      3       3
    divisors    8      16     12      12                               counts * 4
    mean        0.875  2.5    0.08…   left to Python's integers

Dividing two floats rounds once, so the first three are right: floats hold both operands exactly. For the last one,
Python divides the two integers exactly and rounds once; that is some fifty times as slow.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.exact_numbers import EXACT_IN_FLOATS, fraction
from eventsource.operations._long_sums import LongSums
from eventsource.operations._sums import RunningSums, running_sums
from eventsource.operations._touched_rows import Numbers, TouchedRows
from eventsource.operations._wide_sums import WideSums

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["exact_sums", "is_within_128_bits", "quotients"]


def exact_sums(values: pl.Series, touched: TouchedRows) -> "tuple[RunningSums | WideSums | LongSums, Fraction]":
    """Return the running sums of numbers of any size, in units, and how many units make 1.

    Raises:
        FoldError: a number is NaN or infinite.
    """
    if values.dtype.is_float():
        sums = running_sums(values, touched)
        return sums, fraction(sums.units_in_one)
    units, units_in_one = values, fraction(1)
    if isinstance(values.dtype, pl.Decimal):
        units, units_in_one = values.to_physical(), fraction(10**values.dtype.scale)
    if is_within_128_bits(units):
        return running_sums(units, touched), units_in_one
    return LongSums.of_integers(units.to_list()), units_in_one


def is_within_128_bits(units: pl.Series) -> bool:
    """Return whether sums of these integers fit into 128 bits, with room for the sums of other snapshots."""
    top = max((abs(int(end)) for end in (units.min(), units.max()) if end is not None), default=0)  # type: ignore[arg-type]  # integers
    return top * len(units) < 2**100


def quotients(units: pl.Series | Sequence[int], counts: Numbers, units_in_one: "Fraction") -> pl.Series:
    """Return sums divided by counts, each rounded once; null where the count is 0.

    Args:
        units: the exact sums in units.
        counts: how many numbers each sum has.
        units_in_one: how many units make 1.
    """
    if not isinstance(units, pl.Series):
        return _divide(units, counts.tolist(), units_in_one)
    rounded = units.cast(pl.Float64)
    means = pl.Series(_quotients(rounded.to_numpy(), counts, float(units_in_one))).fill_nan(None)
    exact = (rounded.cast(pl.Int128) == units).to_numpy() & _are_exact(counts, units_in_one)
    rest = np.flatnonzero(~exact & (counts > 0))
    if not len(rest):
        return means
    return means.scatter(rest, _divide(units.gather(rest).to_list(), counts[rest].tolist(), units_in_one))


def _quotients(sums: npt.NDArray[np.float64], counts: Numbers, scale: float) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # the sum of no numbers is 0, and 0 / 0 is NaN
        return np.asarray(sums / (counts * scale))


def _are_exact(counts: Numbers, units_in_one: "Fraction") -> npt.NDArray[Any]:
    """Return whether floats hold ``counts * units_in_one`` exactly: powers of two only move the point."""
    numerator, denominator = units_in_one.as_integer_ratio()
    is_power_of_two = numerator & (numerator - 1) == denominator & (denominator - 1) == 0
    limit = EXACT_IN_FLOATS if is_power_of_two else EXACT_IN_FLOATS // numerator
    return np.asarray(counts <= limit)


def _divide(units: Sequence[int], counts: Sequence[int], units_in_one: "Fraction") -> pl.Series:
    """Divide Python's integers: the quotient of two integers of any size is rounded once, half to even.

    An empty range has a count that is not positive, and no mean.
    """
    numerator, denominator = units_in_one.as_integer_ratio()
    pairs = zip(units, counts, strict=True)
    means = [sum_ * denominator / (count * numerator) if count > 0 else None for sum_, count in pairs]
    return pl.Series(means, dtype=pl.Float64)
