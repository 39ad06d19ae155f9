"""Exact sums of floats: as integers of 128 bits at a common power of two, rounded once at the end.

Such a sum does not depend on the order of its terms, on threads or on engines: what a fold, a running fold and a
trend sum is the same number to the last bit.
"""

import math
from typing import Final

import polars as pl

__all__ = ["exact_scale"]

_BITS: Final = 125
_SMALLEST: Final = -800


def exact_scale(values: pl.Series) -> float:
    """Return the largest power of two that keeps every sum of ``values`` within 128 bits.

    Bits of a value below 2**-125 of the largest possible sum are cut off.
    """
    top = abs(float(values.abs().max() or 0.0))  # type: ignore[arg-type]  # floats
    exponent = math.frexp(top)[1] + len(values).bit_length()
    return math.ldexp(1.0, _BITS - max(exponent, _SMALLEST))
