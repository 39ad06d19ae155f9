"""A scan of all partitions: ranges of tokens, one after the other."""

from collections.abc import Iterator
from typing import Final

__all__ = ["token_ranges"]

_FIRST, _LAST, _RANGES = -(2**63), 2**63 - 1, 64
_STEP: Final = 2**64 // _RANGES


def token_ranges(after: int | None) -> Iterator[tuple[int, int]]:
    """Yield ranges (low, high], in order, that hold all tokens after one; None: all tokens."""
    low = _FIRST if after is None else after
    while low < _LAST:
        high = min(_LAST, (low // _STEP + 1) * _STEP)
        yield low, high
        low = high
