"""Columns of Python values, and what it means when Polars refuses to compute one."""

from collections.abc import Sequence
from copy import deepcopy
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any, Final

import polars as pl

from eventsource.errors import FoldError

__all__ = ["column", "refusal", "unshared"]

_PLAIN: Final = (str, int, float, bool, NoneType, Decimal, date)
_WIDE: Final = "i128"  # sums are taken in 128 bits; only casting them back can fail with this name


def column(name: str, values: Sequence[Any], dtype: pl.DataType | None) -> pl.Series:
    """Return values as a column; without a dtype the one that Polars finds, integers and floats being Float64.

    Raises:
        FoldError: the values do not fit one dtype.
    """
    if dtype is None and {value.__class__ for value in values} - {type(None)} == {int, float}:
        dtype = pl.Float64()
    try:
        return pl.Series(name, values, dtype)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise FoldError(f"field {name!r}: its values do not fit one dtype: {error}") from error


def unshared(value: Any) -> Any:
    """Return a value that a function may change: itself, or a copy of one that can be changed."""
    return value if isinstance(value, _PLAIN) else deepcopy(value)


def refusal(error: pl.exceptions.PolarsError) -> FoldError:
    """Return the error that says why events could not be folded."""
    reason = "a total exceeds 64 bits" if _WIDE in str(error) else "the events cannot be folded"
    return FoldError(f"{reason}: {error}")
