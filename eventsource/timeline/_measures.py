"""Measures taken apart: into sums, counts and means that transitions give, and what is computed from them.

What cannot be taken apart so is left to Polars, moment by moment.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventsource.operations import exact_scale
from eventsource.plan import is_rowwise

__all__ = ["Additive", "split_measure"]


def split_measure(measure: pl.Expr, name: str) -> tuple[pl.Expr, dict[str, pl.Expr]]:
    """Return a measure as an expression over aggregations, and these by the columns that stand for them.

    Without any, the measure is nothing that can be computed row by row from aggregations.

    Args:
        measure: such as ``pl.col("spent").sum() / pl.len()``.
        name: what the columns are called after.
    """
    inners: dict[str, pl.Expr] = {}

    def outer(tree: Any) -> Any:
        if tree == "Len" or (isinstance(tree, dict) and "Agg" in tree):
            column = f"|{name}|{len(inners)}"
            inners[column] = _expression(tree)
            return {"Column": column}
        if isinstance(tree, dict):
            return {key: outer(part) for key, part in tree.items()}
        return [outer(part) for part in tree] if isinstance(tree, list) else tree

    rest = _expression(outer(_tree(measure.meta.undo_aliases())))
    return (rest, inners) if is_rowwise(rest) else (measure, {})


@dataclass(frozen=True)
class Additive:
    """A measure that transitions give: a sum, count or mean of a row-wise expression, or the number of rows.

    Args:
        op: ``sum``, ``count``, ``mean`` or ``len``.
        inner: the expression.
        scale: floats are added up as multiples of one over this power of two; None for what is no float.
    """

    op: str
    inner: pl.Expr
    scale: float | None = None

    @classmethod
    def of(cls, measure: pl.Expr, rows: pl.DataFrame) -> "Additive | None":
        """Return the measure as additive over ``rows``; None where each moment must be looked at."""
        if measure.meta == pl.len().meta:
            return cls("len", pl.lit(1))
        inputs = measure.meta.pop()
        if len(inputs) != 1:
            return None
        source = inputs[0]
        ops = {"sum": source.sum(), "count": source.count(), "mean": source.mean(), "len": source.len()}
        op = next((op for op, same in ops.items() if measure.meta == same.meta), None)
        inner = source if op == "len" else _unfiltered(source)
        if op is None or not is_rowwise(inner) or not inner.meta.root_names():  # a constant is one value, not many
            return None
        if op in ("len", "count"):
            return cls(op, inner)
        values = rows.select(inner).to_series()
        if values.dtype.is_float():
            scale = _scale(values)
            return None if scale is None else cls(op, inner, scale)
        return cls(op, inner) if values.dtype.is_numeric() or values.dtype == pl.Boolean() else None

    def units(self, rows: pl.DataFrame, name: str) -> list[pl.Expr]:
        """Return the integers and decimals that intervals add and take back; ``|len`` counts them anyhow."""
        here = self.inner.is_not_null().cast(pl.Int64).alias(f"|n:{name}")
        counted = [here] if self.op in ("count", "mean") else []
        if self.op in ("len", "count"):
            return counted
        dtype = rows.clear().select(self.inner).to_series().dtype
        exact = pl.Decimal(38, dtype.scale) if isinstance(dtype, pl.Decimal) else pl.Int128()
        value = self.inner if self.scale is None else self.inner.cast(pl.Float64) * self.scale
        return [*counted, value.fill_null(0).cast(exact).alias(f"|s:{name}")]

    def answer(self, rows: pl.DataFrame, name: str) -> pl.Expr:
        """Return the measure from its running totals, in the dtype that the aggregation itself has."""
        total, count = pl.col(f"|s:{name}"), pl.col(f"|n:{name}")
        dtype = rows.clear().select(getattr(self.inner, self.op)()).to_series().dtype
        if self.op == "len":
            return pl.col("|len").cast(dtype).alias(name)
        if self.op == "count":
            return count.cast(dtype).alias(name)
        value = total if self.scale is None else total.cast(pl.Float64) / self.scale
        if self.op == "mean":
            value = pl.when(count > 0).then(value.cast(pl.Float64) / count)
        return value.cast(dtype).alias(name)


def _scale(values: pl.Series) -> float | None:
    """Return the power of two at which any sum of floats is exact; None where there is none.

    That is so of NaN and infinities, and of values of so different sizes that 128 bits do not hold their sum.
    """
    if not values.is_finite().all():
        return None
    scale, floats = exact_scale(values), values.cast(pl.Float64)
    exact = (floats * scale).floor() / scale == floats  # also false where a product is too small to be a float
    return scale if exact.all() else None


def _unfiltered(source: pl.Expr) -> pl.Expr:
    """Return ``x.filter(y)`` as x where y, which the same rows have a value of; anything else as it is."""
    tree = _tree(source)
    if not isinstance(tree, dict) or "Filter" not in tree:
        return source
    return pl.when(_expression(tree["Filter"]["by"])).then(_expression(tree["Filter"]["input"]))


def _tree(expression: pl.Expr) -> Any:
    return json.loads(expression.meta.serialize(format="json"))


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")
