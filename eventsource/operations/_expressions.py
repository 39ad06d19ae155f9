"""The expressions of a model: what ``derive`` computes, and which events ``where`` takes."""

import contextlib
from collections.abc import Mapping
from itertools import islice, product
from typing import Any, Final

import polars as pl

from eventsource.dotted_paths import parse_path
from eventsource.errors import ModelError
from eventsource.operations._rowwise import is_rowwise, searched_columns

__all__ = ["check_derive", "check_where", "expression_text"]

_DTYPES: Final = (pl.Boolean(), pl.String(), pl.Int64(), pl.Float64(), pl.Datetime("us", "UTC"))
"""The dtypes that are tried for the members of a condition. Booleans come first: ``a & b & c & d`` is true
or false only over Booleans, and the trials are limited."""
_MOST_TRIALS: Final = 300


def check_derive(where: str, expression: Any) -> None:
    """Check the expression of a ``derive``.

    Raises:
        ModelError: it is not a row-wise Polars expression.
    """
    _check_expression(where, expression, 'such as pl.col("spent") / 2')
    if not is_rowwise(expression):
        raise ModelError(
            f"{where}: expected a row-wise expression, got one that reads other entities too: {expression}",
            hint="compute it from the answer: as_of(…).with_columns(…)",
        )


def check_where(where: str, expression: Any) -> None:
    """Check a condition: a row-wise expression over members that it names by their dotted paths.

    Raises:
        ModelError: it is something else, or cannot be stored.
    """
    _check_expression(where, expression, 'such as where=pl.col("status") == "reviewed"')
    if not is_rowwise(expression):
        raise ModelError(
            f"{where}: expected a row-wise expression as where, got one that reads other events too: {expression}",
            hint="whether an event counts may depend on this event alone",
        )
    names = _names(expression)
    if names is None:
        raise ModelError(
            f"{where}: expected the members by their names in where, got {expression}",
            hint='name each member, such as pl.col("address.city")',
        )
    for name in names:
        try:
            parse_path(name)
        except ValueError as error:
            raise ModelError(
                f"{where}: expected a dotted path in where, got {name!r}",
                hint=f"{error}; a name that contains . or [ is written in quotes: '\"a.b\".c'",
            ) from error
    expression_text(where, expression)
    if searched := sorted(searched_columns(expression)):
        raise ModelError(
            f"{where}: is_in searches {searched[0]!r} in all events, and not in this one: {expression}",
            hint='compare them: pl.col("a") == pl.col("b")',
        )
    if not _may_be_boolean(expression, names):
        raise ModelError(
            f"{where}: expected a where that is true or false, got {expression}",
            hint='compare the value, such as pl.col("amount") > 100',
        )


def _may_be_boolean(expression: pl.Expr, names: list[str]) -> bool:
    """Return whether an expression is Boolean over columns of some dtypes, or of none that can be found."""
    is_found = False
    for dtypes in islice(product(_DTYPES, repeat=len(names)), _MOST_TRIALS):
        with contextlib.suppress(pl.exceptions.PolarsError):
            if _dtype_over(expression, dict(zip(names, dtypes, strict=True))) in (pl.Boolean(), pl.Null()):
                return True
            is_found = True
    return not is_found


def _dtype_over(expression: pl.Expr, schema: Mapping[str, Any]) -> pl.DataType:
    return (
        pl.DataFrame([pl.Series(name, [None], dtype) for name, dtype in schema.items()])
        .select(expression)
        .dtypes[0]
    )


def expression_text(where: str, expression: pl.Expr) -> str:
    """Return an expression as text, by which stored results of it are found again.

    Raises:
        ModelError: it holds a Python function.
    """
    try:
        return expression.meta.serialize(format="json")
    except (pl.exceptions.PolarsError, ImportError) as error:
        raise ModelError(
            f"{where}: an expression with a Python function cannot be stored: {expression}",
            hint="write it with functions of Polars",
        ) from error


def _check_expression(where: str, expression: Any, example: str) -> None:
    if not isinstance(expression, pl.Expr):
        raise ModelError(f"{where}: expected a Polars expression, got {expression!r}", hint=example)


def _names(expression: pl.Expr) -> list[str] | None:
    """Return the columns that an expression names; None: it also takes columns by a pattern, a dtype or all."""
    return None if expression.meta.has_multiple_outputs() else list(dict.fromkeys(expression.meta.root_names()))
