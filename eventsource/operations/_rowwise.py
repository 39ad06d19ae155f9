"""Whether an expression is computed row by row, so that a value depends on no other entity."""

import polars as pl

__all__ = ["is_rowwise"]


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
