"""Values that an operation cannot fold: what makes an event a fault."""

import decimal
import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from eventsource.exact_numbers import FIRST_BEYOND_FLOATS, fraction
from eventsource.operations._arguments import Arguments

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = [
    "NOT_A_NUMBER",
    "NOT_COMPARABLE",
    "NOT_FOLDED",
    "Json",
    "Unfoldable",
    "beyond",
    "canonical",
    "check_total",
    "comparable",
    "exact_number",
]

NOT_A_NUMBER: Final = "expected a number"
NOT_COMPARABLE: Final = "expected a number, a text or a boolean"
NOT_FOLDED: Final[Mapping[str, str]] = {"numbers": NOT_A_NUMBER, "order": NOT_COMPARABLE}
"""`Folds` of an operation → what it expected of a value of another kind; ``"all"`` takes every kind."""

_INT64: Final = 2**63


class Unfoldable(Exception):  # noqa: N818 - a fault is data: it is caught by the engine, and never leaves it
    """An operation cannot fold a value.

    Args:
        reason: what was expected.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Json(str):
    """An array or object, as JSON text."""

    __slots__ = ()


def exact_number(value: Any) -> "Fraction":
    """Return a number exactly.

    Raises:
        Unfoldable: the value is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal) or not math.isfinite(value):
        raise Unfoldable(NOT_A_NUMBER)
    return fraction(value)


def beyond(dtype: pl.DataType | None, *, has_float: bool) -> tuple[int, str]:
    """Return the first integer that a total cannot reach, in units of its last digit, and how a fault says so."""
    if isinstance(dtype, pl.Decimal):
        digits = int(dtype.precision or 38)
        return 10**digits, f"the total exceeds {digits} digits after this value"
    if has_float or (dtype is not None and dtype.is_float()):
        reason = "the total exceeds the range of floats, which ends at about 1.8e308, after this value"
        return FIRST_BEYOND_FLOATS, reason
    return _INT64, "the total exceeds 64 bits after this value"


def check_total(rule: Arguments, sum_: "Fraction", has_float: bool) -> None:  # noqa: FBT001 - a state is positional
    """Check that a total is in the range of its dtype.

    Raises:
        Unfoldable: it is not.
    """
    end, reason = beyond(rule.dtype, has_float=has_float)
    units = sum_ * 10**rule.dtype.scale if isinstance(rule.dtype, pl.Decimal) else sum_
    if units >= end or (units <= -end and not (end == _INT64 and units == -end)):
        raise Unfoldable(reason)


def comparable(value: Any, held: Any) -> Any:
    """Return a value, if it compares with the one held.

    Args:
        value: the value.
        held: what the field holds; None: nothing yet.

    Raises:
        Unfoldable: they do not compare, or the value compares with none.
    """
    if isinstance(value, Json):
        raise Unfoldable(NOT_COMPARABLE)
    if held is not None and _group(value) != _group(held):
        raise Unfoldable(f"expected {_group(held)}, which the field holds")
    return value


def canonical(value: Any) -> Any:
    """Return whole floats as integers, which equal them: a text can show only one of the two."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _INT64:
        return int(value)
    return value


def _group(value: Any) -> str:
    if isinstance(value, bool):
        return "booleans"
    if isinstance(value, int | float | decimal.Decimal):
        return "numbers"
    return (
        "texts" if isinstance(value, str) else "times" if isinstance(value, date | time | timedelta) else "values"
    )
