"""Polars dtypes by what a person or a file calls them."""

import ast
import re
from typing import Any

import polars as pl

from eventsource.errors import ModelError

__all__ = ["dtype_of"]

_CALL = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)


def dtype_of(value: Any) -> pl.DataType | None:
    """Return the dtype that a value means: a dtype, its class, its text as `str` of it writes it, or None.

    Raises:
        ModelError: it means none.
    """
    if value is None or isinstance(value, pl.DataType):
        return value
    if isinstance(value, type) and issubclass(value, pl.DataType):
        return value()
    try:
        return _read(value)
    except (AttributeError, TypeError, ValueError, SyntaxError, pl.exceptions.PolarsError) as error:
        hint = 'such as pl.Int64 or pl.Decimal(18, 2), or as text "Decimal(18, 2)"'
        raise ModelError(f"{value!r} is not a Polars dtype", hint=hint) from error


def _read(text: str) -> pl.DataType:
    """Read ``Int64``, ``Decimal(18, 2)`` or ``Decimal(precision=18, scale=2)``; arguments are literals only."""
    name, arguments = _CALL.fullmatch(text).groups(default="")  # type: ignore[union-attr]  # caught by the caller
    kind = getattr(pl, name)
    if not issubclass(kind, pl.DataType) or kind.is_nested():
        raise TypeError(text)
    call = ast.parse(f"_({arguments})", mode="eval").body
    assert isinstance(call, ast.Call)  # noqa: S101 - so it was written one line above
    parts = {str(part.arg): ast.literal_eval(part.value) for part in call.keywords}
    dtype: pl.DataType = kind(*map(ast.literal_eval, call.args), **parts)
    return dtype
