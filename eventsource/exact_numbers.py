"""Exact numbers: the integers that floats hold, and fractions, whose module is imported when one is needed."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["EXACT_IN_FLOATS", "FIRST_BEYOND_FLOATS", "fraction"]

EXACT_IN_FLOATS: Final = 2**53
"""Floats hold all integers up to this one exactly. All numbers of JavaScript are floats."""

FIRST_BEYOND_FLOATS: Final = 2**1024 - 2**970
"""The first integer that no float holds: it is rounded to infinity."""


def fraction(value: Any) -> "Fraction":
    """Return a number exactly: an integer, a float or a decimal."""
    from fractions import Fraction  # noqa: PLC0415 - see the module

    return Fraction(value)
