"""NumPy helpers for row numbers: bisection in many ranges at once.

`bisect_right` is `bisect.bisect_right` of the standard library, once per range. Six values in two ranges::

    row              0  1  2 | 3  4  5
    values           1  4  9 | 2  3  8      ascending within each range
    begins, ends        0, 3 | 3, 6
    wanted                 4 | 1
    result                 2 | 3            the first row after the values <= wanted
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Integers", "Mask", "RowNumbers", "bisect_right"]

RowNumbers = npt.NDArray[np.int64]
"""Numbers of rows, from 0."""

Integers = npt.NDArray[np.integer[Any]]
"""Integers of any width, such as numbers of rows or of entities."""

Mask = npt.NDArray[np.bool_]
"""One boolean per row."""


def bisect_right(values: RowNumbers, begins: RowNumbers, ends: RowNumbers, wanted: RowNumbers) -> RowNumbers:
    """Return per range the row after the last value <= wanted.

    Args:
        values: ascending within each range.
        begins: the first row of each range.
        ends: the row after the last of each range.
        wanted: one value per range.
    """
    low, high = begins.copy(), ends.copy()
    while (unfinished := low < high).any():
        middle = (low + high) // 2
        below = unfinished & (values[np.minimum(middle, len(values) - 1)] <= wanted)
        high = np.where(unfinished & ~below, middle, high)
        low = np.where(below, middle + 1, low)
    return low.astype(np.int64)
