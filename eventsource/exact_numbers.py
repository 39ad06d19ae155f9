"""Exact numbers: the integers that floats hold, and fractions, whose module is imported when one is needed."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["EXACT_IN_FLOATS", "fraction"]

EXACT_IN_FLOATS: Final = 2**53
"""Floats hold all integers up to this one exactly. All numbers of JavaScript are floats."""


def fraction(value: Any) -> "Fraction":
    """Return a number exactly: an integer, a float or a decimal."""
    from fractions import Fraction  # noqa: PLC0415 - see the module

    return Fraction(value)
