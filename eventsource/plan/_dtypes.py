"""Polars dtypes by the names that a person or a file uses."""

import ast
import re
from typing import Any, Final

import polars as pl

from eventsource.errors import ModelError

__all__ = ["dtype_of"]

_DIGITS: Final = 38
_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)


def dtype_of(value: Any) -> pl.DataType | None:
    """Return the dtype that a value names: a dtype, its class, the text that `str` writes for it, or None.

    Raises:
        ModelError: the value names no dtype.
    """
    if value is None:
        return None
    if isinstance(value, type) and issubclass(value, pl.DataType):
        return value()
    try:
        dtype = value if isinstance(value, pl.DataType) else _read(value)
    except (AttributeError, TypeError, ValueError, SyntaxError, pl.exceptions.PolarsError) as error:
        hint = 'such as pl.Int64 or pl.Decimal(18, 2), or as text "Decimal(18, 2)"'
        raise ModelError(f"expected a Polars dtype, got {value!r}", hint=hint) from error
    if isinstance(dtype, pl.Decimal) and not _is_possible(dtype):
        raise ModelError(
            f"expected a Decimal of 1 to {_DIGITS} digits, and not more of them after the point, got {dtype}",
            hint="such as pl.Decimal(18, 2)",
        )
    return dtype


def _is_possible(dtype: pl.Decimal) -> bool:
    """Return whether Polars can compute with a Decimal; it refuses others late, or never."""
    return isinstance(dtype.precision, int) and dtype.precision in range(max(dtype.scale, 1), _DIGITS + 1)


def _read(text: str) -> pl.DataType:
    """Read ``Int64``, ``Decimal(18, 2)`` or ``Decimal(precision=18, scale=2)``; arguments are literals only."""
    name, arguments = _CALL.fullmatch(text).groups(default="")  # type: ignore[union-attr]  # caught by the caller
    kind = getattr(pl, name)
    if not issubclass(kind, pl.DataType) or kind.is_nested():
        raise TypeError(text)
    call = ast.parse(f"_({arguments})", mode="eval").body
    assert isinstance(call, ast.Call)  # noqa: S101 - the line above wrote a call
    parts = {str(part.arg): ast.literal_eval(part.value) for part in call.keywords}
    dtype: pl.DataType = kind(*map(ast.literal_eval, call.args), **parts)
    return dtype
