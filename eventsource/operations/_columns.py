"""Columns of Python values, and errors of Polars as errors of a fold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any, Final

import polars as pl

from eventsource.errors import FoldError

__all__ = ["column_of", "fold_errors", "unshared"]

_PLAIN: Final = (str, int, float, bool, NoneType, Decimal, date)
_WIDE: Final = "i128"  # sums are computed in 128 bits; only the cast back to 64 bits can fail with this name


def column_of(name: str, values: Sequence[Any], dtype: pl.DataType | None) -> pl.Series:
    """Return Python values as a column.

    Args:
        name: the name of the column.
        values: the values.
        dtype: the dtype of the column; None: the one that Polars finds. Integers and floats together are Float64.

    Raises:
        FoldError: the values do not fit one dtype.
    """
    if dtype is None and {value.__class__ for value in values} - {type(None)} == {int, float}:
        dtype = pl.Float64()
    try:
        return pl.Series(name, values, dtype)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise FoldError(
            f"field {name!r}: its values do not fit one dtype: {error}", hint="dtype=pl.String on the reduce"
        ) from error


def unshared(value: Any) -> Any:
    """Return a value that a function may change: an immutable value itself, or a copy of a mutable one."""
    return value if isinstance(value, _PLAIN) else deepcopy(value)


@contextmanager
def fold_errors(field: str | None = None) -> Iterator[None]:
    """Raise errors of Polars as a `FoldError`, which says why events cannot be folded, or a field of them."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise _fold_error(error, field) from error


def _fold_error(error: pl.exceptions.PolarsError, field: str | None) -> FoldError:
    where = "" if field is None else f"field {field!r}: "
    if _WIDE in str(error):
        return FoldError(f"{where}a total exceeds 64 bits: {error}", hint="dtype=pl.Decimal(38, 0) is wider")
    hint = None if field is None else "a dtype that fits all values, such as dtype=pl.String"
    return FoldError(f"{where}the events cannot be folded: {error}", hint=hint)
