"""Exact numbers: fractions, whose module takes longer to import than most questions need fractions for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["fraction"]


def fraction(value: Any) -> "Fraction":
    """Return a number exactly: an integer, a float or a decimal."""
    from fractions import Fraction  # noqa: PLC0415 - see the module

    return Fraction(value)
