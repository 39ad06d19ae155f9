"""Exact sums of floats of any range: digits for all powers of two that they have, rounded once at the end.

See R. Neal, "Fast exact summation using small and large superaccumulators" (2015), arXiv:1505.05571.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.errors import FoldError

__all__ = ["BEYOND_FLOATS", "Superaccumulator"]

BEYOND_FLOATS: Final = "a total exceeds the range of floats, which ends at about 1.8e308"

_BITS: Final = 40  # three such digits fit into 128 bits, and hold more than a float does
_WORD: Final = 62  # bits of a sum that a 64-bit integer holds for sure
_MANTISSA: Final = 53
_LOWEST: Final = -1074  # the exponent of the smallest float

_Digits = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Superaccumulator:
    """The sums of ranges of some floats, each rounded once; several times as slow as `RunningSums`.

    Args:
        digits: the sums of the first 0, 1, 2, … numbers, modulo 2**64: their digits to the base ``2**bits``,
            lowest first, each summed for itself. That of a range is right, since it fits.
        bits: see ``digits``.
        lowest: the lowest digit counts ``2**lowest``.
    """

    digits: _Digits
    bits: int
    lowest: int

    @classmethod
    def of(cls, terms: npt.NDArray[np.float64], longest: int) -> "Superaccumulator":
        """Return the running sums of finite floats, of which ranges have so many at most."""
        sizes = np.abs(terms[terms != 0])
        least, largest = (float(end(sizes, initial=1.0)) for end in (np.min, np.max))
        lowest = max(math.frexp(least)[1] - _MANTISSA, _LOWEST)
        bits = min(_BITS, _WORD - longest.bit_length())
        count = -(-(math.frexp(largest)[1] - lowest) // bits)
        digits, rest = np.zeros((count, len(terms) + 1), np.int64), terms.copy()
        for place in reversed(range(count)):
            exponent = lowest + place * bits
            digit = np.trunc(np.ldexp(rest, -exponent))
            rest -= np.ldexp(digit, exponent)
            np.cumsum(digit.astype(np.int64), out=digits[place, 1:])
        return cls(digits, bits, lowest)

    def between(self, first: npt.NDArray[np.integer[Any]], end: npt.NDArray[np.integer[Any]]) -> pl.Series:
        """Return the sums of the numbers ``first`` <= n < ``end``, as Float64.

        Raises:
            FoldError: one is beyond the range of floats.
        """
        found = self.digits[:, end] - self.digits[:, first]
        negative = _carried(found, self.bits)[-1] < 0
        sums = self._rounded(_carried(np.where(negative, -found, found), self.bits))
        if not np.isfinite(sums).all():
            raise FoldError(BEYOND_FLOATS)
        return pl.Series(np.where(negative, -sums, sums))

    def _rounded(self, digits: _Digits) -> npt.NDArray[np.float64]:
        """Return numbers of digits from 0 to the base as floats, half to even.

        Three digits, from the highest that is not 0, decide; of those below, whether they are all 0.
        """
        some = digits != 0
        top = np.where(some.any(axis=0), len(digits) - 1 - some[::-1].argmax(axis=0), 0)
        numbers = np.arange(digits.shape[1])
        padded = np.pad(digits, ((2, 0), (0, 0)))
        below = np.pad(np.cumsum(some, axis=0), ((3, 0), (0, 0)))[top, numbers] > 0
        base, window = pl.Series([2**self.bits], dtype=pl.Int128), pl.Series([0], dtype=pl.Int128)
        for digit in (padded[top + 2, numbers], padded[top + 1, numbers], padded[top, numbers] | below):
            window = window * base + pl.Series(digit).cast(pl.Int128)
        exponents = self.lowest + (top - 2) * self.bits
        with np.errstate(over="ignore"):
            sums: npt.NDArray[np.float64] = np.ldexp(window.cast(pl.Float64).to_numpy(), exponents)
        return sums


def _carried(digits: _Digits, bits: int) -> _Digits:
    """Return the same numbers with digits from 0 to the base, two more of them; the last is -1 if negative."""
    carried = np.pad(digits, ((0, 2), (0, 0)))
    for place in range(len(carried) - 1):
        carry = carried[place] >> bits
        carried[place] -= carry << bits
        carried[place + 1] += carry
    return carried
