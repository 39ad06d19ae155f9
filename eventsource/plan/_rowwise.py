"""Whether an expression is computed row by row, so that a value depends on no other entity's."""

import polars as pl

__all__ = ["is_rowwise"]


def is_rowwise(expression: pl.Expr) -> bool:
    """Say whether each value of an expression depends on the columns of its own row only.

    What is computed in Python is believed to.
    """
    meta = expression.meta
    try:
        parts = meta.pop()
        separable = meta.is_row_separable() and meta.is_length_preserving()
        constant = meta.is_literal() or (not meta.root_names() and meta.is_scalar() and bool(parts))
    except pl.exceptions.PolarsError:  # it asks a function in Python for its dtype
        return True
    return (separable or constant) and all(map(is_rowwise, parts))
