"""Whether an expression is computed row by row, so that a value depends on no other entity."""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

__all__ = ["is_rowwise", "searched_columns"]


def is_rowwise(expression: pl.Expr) -> bool:
    """Return whether each value of an expression depends only on the columns of its own row.

    Functions written in Python are taken to be row-wise: Polars cannot look inside.
    """
    meta = expression.meta
    try:
        parts = meta.pop()
        separable = meta.is_row_separable() and meta.is_length_preserving()
        constant = meta.is_literal() or (not meta.root_names() and meta.is_scalar() and bool(parts))
    except pl.exceptions.PolarsError:
        # Polars takes an expression apart without a schema, and fails at a function in Python whose dtype it would
        # have to know. Its errors for this have several classes. An expression that is wrong for another reason
        # passes here, and fails with a message of its own when the first question computes it.
        return True
    return (separable or constant) and all(map(is_rowwise, parts))


def searched_columns(expression: pl.Expr) -> set[str]:
    """Return the columns in which an expression searches with ``is_in``.

    A column of lists is searched row by row. Of any other column Polars searches all rows, which `is_rowwise` does
    not see, because it does not know the dtypes. Polars cannot look inside of functions written in Python.
    """
    if ".is_in(" not in str(expression):
        return set()
    try:
        plain = json.loads(expression.meta.serialize(format="json"))
    except (pl.exceptions.PolarsError, ImportError):
        return set()
    return set(_columns_of_searches(plain))


def _columns_of_searches(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _columns_of_searches(each)
    elif isinstance(node, dict):
        if isinstance(node.get("function"), dict) and "IsIn" in str(node["function"].get("Boolean")):
            yield from _names(node["input"][1:])
        yield from _columns_of_searches(list(node.values()))


def _names(node: Any) -> Iterator[str]:
    """Return the columns that are named anywhere in the plain form of an expression."""
    if isinstance(node, list):
        for each in node:
            yield from _names(each)
    elif isinstance(node, dict):
        if isinstance(node.get("Column"), str):
            yield node["Column"]
        yield from _names(list(node.values()))
