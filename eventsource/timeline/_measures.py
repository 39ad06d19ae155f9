"""Measures taken apart into sums, counts and means, which running totals give, and an expression over them.

    a user's measure                             aggregations             expression over their columns
    pl.col("spent").sum() / pl.len()             |m|0 = spent.sum()       col("|m|0") / col("|m|1")
                                                 |m|1 = len()
    pl.col("n").filter(pl.col("vip")).mean()     |m|0 = the mean          col("|m|0")
    pl.col("n").median()                         |m|0 = the median        col("|m|0")

`split_measure` does this, and `Additive.of` decides whether running totals give an aggregation. They give sums,
counts and means, but no median. If a trend has any other aggregation, all of it is computed moment by moment.

Polars has no public way to look inside an expression or to replace a part of it. So `split_measure` reads the JSON
into which Polars serialises an expression, where an aggregation is ``{"Agg": …}`` and ``len()`` is ``"Len"``. That
JSON may change with any release of Polars. If the names are not found, nothing is split and the trend is computed
moment by moment: slower, with the same answers. The tests of measures fail then, since they list the measures that
must be fast.
"""

import io
import json
from fractions import Fraction
from typing import Any

import polars as pl
from msgspec import Struct

from eventsource.operations import exact_scale, quotients
from eventsource.plan import is_rowwise

__all__ = ["Additive", "split_measure"]


def split_measure(measure: pl.Expr, name: str) -> tuple[pl.Expr, dict[str, pl.Expr]]:
    """Return a measure as an expression over columns, and the aggregations that these columns stand for.

    If there are no aggregations, the measure cannot be computed row by row from columns.

    Args:
        measure: such as ``pl.col("spent").sum() / pl.len()``.
        name: the prefix of the columns' names.
    """
    inners: dict[str, pl.Expr] = {}

    def replace_aggregations(tree: Any) -> Any:
        if tree == "Len" or (isinstance(tree, dict) and "Agg" in tree):
            column = f"|{name}|{len(inners)}"
            inners[column] = _expression(tree)
            return {"Column": column}
        if isinstance(tree, dict):
            return {key: replace_aggregations(part) for key, part in tree.items()}
        return [replace_aggregations(part) for part in tree] if isinstance(tree, list) else tree

    rest = _expression(replace_aggregations(_tree(measure.meta.undo_aliases())))
    return (rest, inners) if is_rowwise(rest) else (measure, {})


class Additive(Struct, frozen=True):
    """An aggregation that running totals give: a sum, count or mean of a row-wise expression, or a number of rows.

    Floats are added as integers, so that a running total is exact whatever was added and subtracted before:
    with the scale 8, the values 0.5 and 0.375 are 4 and 3, their sum is 7, and 7 / 8 is rounded once. A mean
    divides by the count, too: 7 / (8 * 2).

    Args:
        op: ``sum``, ``count``, ``mean`` or ``len``.
        inner: the expression.
        scale: the power of two by which floats are multiplied; None if the values are not floats.
    """

    op: str
    inner: pl.Expr
    scale: float | None = None

    @classmethod
    def of(cls, measure: pl.Expr, rows: pl.DataFrame) -> "Additive | None":
        """Return the aggregation as additive over ``rows``; None if running totals do not give it."""
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

    def summands(self, rows: pl.DataFrame, name: str) -> list[pl.Expr]:
        """Return the integers and decimals that intervals add where they begin and subtract where they end.

        The number of intervals is not among them: `Trend` counts it for all measures.
        """
        here = self.inner.is_not_null().cast(pl.Int64).alias(f"|n:{name}")
        counted = [here] if self.op in ("count", "mean") else []
        if self.op in ("len", "count"):
            return counted
        dtype = rows.clear().select(self.inner).to_series().dtype
        exact = pl.Decimal(38, dtype.scale) if isinstance(dtype, pl.Decimal) else pl.Int128()
        value = self.inner if self.scale is None else self.inner.cast(pl.Float64) * self.scale
        return [*counted, value.fill_null(0).cast(exact).alias(f"|s:{name}")]

    def answer(self, rows: pl.DataFrame, name: str) -> pl.Expr:
        """Return the aggregation from its running totals, in the dtype that Polars gives it."""
        total, count = pl.col(f"|s:{name}"), pl.col(f"|n:{name}")
        dtype = rows.clear().select(getattr(self.inner, self.op)()).to_series().dtype
        if self.op == "len":
            return pl.col("|len").cast(dtype).alias(name)
        if self.op == "count":
            return count.cast(dtype).alias(name)
        if self.op == "mean":
            return pl.struct(total, count).map_batches(self._means, return_dtype=dtype).alias(name)
        value = total if self.scale is None else total.cast(pl.Float64) / self.scale
        return value.cast(dtype).alias(name)

    def _means(self, pairs: pl.Series) -> pl.Series:
        """Return exact totals divided by counts, each rounded once; null where the count is 0."""
        total, count = pairs.struct.unnest().get_columns()
        units_in_one = Fraction(self.scale or 1)
        if isinstance(total.dtype, pl.Decimal):
            units_in_one, total = Fraction(10**total.dtype.scale), total.to_physical()
        return quotients(total, count.to_numpy(), units_in_one)


def _scale(values: pl.Series) -> float | None:
    """Return the power of two that makes all floats integers whose sum fits into 128 bits; None if none does.

    None does for NaN and infinities, and for values of very different sizes, such as 1e21 and 0.1.
    """
    if not values.is_finite().all():
        return None
    scale, floats = exact_scale(values), values.cast(pl.Float64)
    exact = (floats * scale).floor() / scale == floats  # also false where a product is too small to be a float
    return scale if exact.all() else None


def _unfiltered(source: pl.Expr) -> pl.Expr:
    """Return ``x.filter(y)`` as "x where y, else null", which has as many values; anything else as it is."""
    tree = _tree(source)
    if not isinstance(tree, dict) or "Filter" not in tree:
        return source
    return pl.when(_expression(tree["Filter"]["by"])).then(_expression(tree["Filter"]["input"]))


def _tree(expression: pl.Expr) -> Any:
    return json.loads(expression.meta.serialize(format="json"))


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")
