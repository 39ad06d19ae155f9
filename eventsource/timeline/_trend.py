"""Trends: measures at many moments, from one pass over histories.

An interval of a history counts for every moment that it covers. A sum or count needs no look at each moment: an
interval adds its value where it begins and takes it back where it ends, and a running total over the moments
gives the answer. Other measures are aggregated moment by moment, over the intervals that cover it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

import polars as pl

from eventsource.errors import ModelError
from eventsource.fold.exact import exact_scale
from eventsource.plan import Plan

__all__ = ["Trend"]

_ROWWISE: Final = {"Column", "Literal", "BinaryExpr", "Cast", "Alias"}
_SLOT: Final = pl.col("|slot")


@dataclass(frozen=True)
class Trend:
    """Measures to take, by groups.

    Args:
        measures: column name → aggregation.
        by: fields to group by.
    """

    measures: dict[str, pl.Expr]
    by: list[str]

    @classmethod
    def of(cls, measures: Any, by: list[str]) -> "Trend":
        """Return the trend of measures that a user names.

        Raises:
            ModelError: they are no mapping of expressions.
        """
        if not isinstance(measures, Mapping) or not all(isinstance(m, pl.Expr) for m in measures.values()):
            hint = '{"premium": pl.col("premium").sum(), "customers": pl.len()}'
            raise ModelError(f"{measures!r} names no measures", hint=hint)
        return cls(dict(measures), by)

    def fields(self, plan: Plan) -> list[str]:
        """Return the fields that the measures and groups read.

        Raises:
            ModelError: a name that is no field.
        """
        roots = {name for measure in self.measures.values() for name in measure.meta.root_names()}
        fields = [*self.by, *sorted(roots - set(self.by))]
        for name in fields:
            plan.rule(name)
        if taken := sorted(set(self.measures) & {*self.by, "as_of"}):
            raise ModelError(f"a measure cannot be called {taken[0]!r}")
        return fields

    def slots(self, history: pl.DataFrame, instants: pl.Series) -> pl.DataFrame:
        """Return the intervals that cover any of the moments: ``|from`` <= n < ``|to``, and the fields.

        Args:
            history: what `Timeline.history` answers, of any entities.
            instants: the moments, ascending.
        """
        first = instants.search_sorted(history["valid_from"], side="left").cast(pl.Int64)
        ends = history["valid_to"]
        last = instants.search_sorted(ends.fill_null(history["valid_from"]), side="left").cast(pl.Int64)
        to = pl.when(ends.is_null()).then(len(instants)).otherwise(last).cast(pl.Int64).alias("|to")
        slots = history.drop("entity", "valid_from", "valid_to").with_columns(first.alias("|from"), to)
        return slots.filter(pl.col("|from") < pl.col("|to"))

    def over(self, slots: pl.DataFrame, labels: Sequence[date | datetime]) -> pl.DataFrame:
        """Return the measures at each moment.

        Args:
            slots: what `slots` gives, of all entities.
            labels: the moments as they are shown.

        Raises:
            ModelError: a measure that is no aggregation, or that Polars cannot compute.
        """
        self._check_aggregates(slots)
        additive = {name: _Additive.of(measure, slots) for name, measure in self.measures.items()}
        if all(additive.values()):
            answer = self._from_transitions(slots, {n: a for n, a in additive.items() if a}, len(labels))
        else:
            answer = self._moment_by_moment(slots, len(labels))
        answer = answer.sort(_SLOT, *self.by)
        moments = pl.Series("as_of", labels).gather(answer["|slot"])
        return answer.select(moments, *self.by, *self.measures)

    def _check_aggregates(self, slots: pl.DataFrame) -> None:
        """See that each measure makes one value of any number of rows: of none, too."""
        for name, measure in self.measures.items():
            try:
                rows = slots.clear().select(measure).height
            except pl.exceptions.PolarsError as error:
                raise ModelError(f"the measure {name!r} cannot be computed: {error}") from error
            if rows != 1:
                hint = (
                    f"such as {measure}.sum()" if measure.meta.is_column() else "such as .sum(), .mean(), .len()"
                )
                raise ModelError(f"the measure {name!r} is no aggregation: it gives many values", hint=hint)

    def _from_transitions(self, slots: pl.DataFrame, measures: dict[str, "_Additive"], count: int) -> pl.DataFrame:
        inputs = [measure.units(slots, name) for name, measure in measures.items()]
        values = slots.select("|from", "|to", *self.by, pl.lit(1, pl.Int128).alias("|len"), *chain(*inputs))
        columns = [name for name in values.columns if name.startswith("|") and name not in ("|from", "|to")]
        begin = values.select(*self.by, pl.col("|from").alias("|slot"), *columns)
        end = values.select(
            *self.by,
            pl.col("|to").alias("|slot"),
            *((pl.lit(0).cast(values.schema[name]) - pl.col(name)).alias(name) for name in columns),
        )
        deltas = pl.concat([begin, end]).group_by(*self.by, "|slot").agg(pl.col(columns).sum())
        running = self._grid(deltas, count).join(deltas, on=[*self.by, "|slot"], how="left", nulls_equal=True)
        running = running.sort(*self.by, "|slot").with_columns(pl.col(columns).fill_null(0))
        totals = pl.col(columns).cum_sum()
        running = running.with_columns(totals.over(self.by) if self.by else totals)
        if self.by:
            running = running.filter(pl.col("|len") > 0)
        answers = [measure.answer(slots, name) for name, measure in measures.items()]
        return running.select("|slot", *self.by, *answers)

    def _grid(self, deltas: pl.DataFrame, count: int) -> pl.DataFrame:
        moments = pl.DataFrame({"|slot": pl.Series(range(count), dtype=pl.Int64)})
        return deltas.select(self.by).unique().join(moments, how="cross") if self.by else moments

    def _moment_by_moment(self, slots: pl.DataFrame, count: int) -> pl.DataFrame:
        measures = [measure.alias(name) for name, measure in self.measures.items()]
        parts = []
        for slot in range(count):
            covering = slots.filter((pl.col("|from") <= slot) & (pl.col("|to") > slot))
            rows = covering.group_by(self.by).agg(measures) if self.by else covering.select(measures)
            parts.append(rows.with_columns(pl.lit(slot, pl.Int64).alias("|slot")))
        if not parts:
            rows = slots.clear().group_by(self.by).agg(measures) if self.by else slots.clear().select(measures)
            parts = [rows.clear().with_columns(pl.lit(0, pl.Int64).alias("|slot"))]
        return pl.concat(parts)


@dataclass(frozen=True)
class _Additive:
    """A measure that transitions give: a sum, count or mean of a row-wise expression, or the number of rows."""

    op: str
    inner: pl.Expr

    @classmethod
    def of(cls, measure: pl.Expr, rows: pl.DataFrame) -> "_Additive | None":
        """Return the measure as additive over ``rows``; None where each moment must be looked at."""
        plain = measure.meta.undo_aliases()
        if plain.meta == pl.len().meta:
            return cls("len", pl.lit(1))
        inputs = plain.meta.pop()
        if len(inputs) != 1 or not _is_rowwise(inputs[0]):
            return None
        inner = inputs[0]
        ops = {"sum": inner.sum(), "count": inner.count(), "mean": inner.mean(), "len": inner.len()}
        found = next((cls(op, inner) for op, same in ops.items() if plain.meta == same.meta), None)
        return found if found is None or found.is_finite(rows) else None

    def is_finite(self, rows: pl.DataFrame) -> bool:
        """Say whether what is added can be taken back: neither NaN nor infinite."""
        values = rows.select(self.inner).to_series()
        return self.op not in ("sum", "mean") or not values.dtype.is_float() or bool(values.is_finite().all())

    def units(self, rows: pl.DataFrame, name: str) -> list[pl.Expr]:
        """Return the integers and decimals that intervals add and take back."""
        here = self.inner.is_not_null().cast(pl.Int128).alias(f"|n:{name}")
        if self.op in ("len", "count"):
            return [here]
        dtype, scale = rows.clear().select(self.inner).to_series().dtype, self._scale(rows)
        exact = pl.Decimal(38, dtype.scale) if isinstance(dtype, pl.Decimal) else pl.Int128()
        value = self.inner if scale is None else self.inner.cast(pl.Float64) * scale
        return [here, value.fill_null(0).cast(exact).alias(f"|s:{name}")]

    def answer(self, rows: pl.DataFrame, name: str) -> pl.Expr:
        """Return the measure from its running totals, in the dtype that the aggregation itself has."""
        total, count, scale = pl.col(f"|s:{name}"), pl.col(f"|n:{name}"), self._scale(rows)
        dtype = rows.clear().select(getattr(self.inner, self.op)()).to_series().dtype
        if self.op == "len":
            return pl.col("|len").cast(dtype).alias(name)
        if self.op == "count":
            return count.cast(dtype).alias(name)
        value = total.cast(pl.Float64) / scale if scale is not None else total
        if self.op == "mean":
            value = pl.when(count > 0).then(value.cast(pl.Float64) / count)
        return value.cast(dtype).alias(name)

    def _scale(self, rows: pl.DataFrame) -> float | None:
        """Return the power of two at which sums of floats are exact; None for integers, decimals and booleans."""
        values = rows.select(self.inner).to_series()
        return exact_scale(values) if values.dtype.is_float() else None


def _is_rowwise(expression: pl.Expr) -> bool:
    """Say whether an expression is surely computed row by row: columns, literals, operators, casts."""
    tree: Any = json.loads(expression.meta.serialize(format="json"))
    return _nodes(tree) <= _ROWWISE


def _nodes(tree: Any) -> set[str]:
    if isinstance(tree, dict) and len(tree) == 1:
        kind, body = next(iter(tree.items()))
        if kind == "Literal":
            return {kind}
        inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else []
        return {kind}.union(*(_nodes(part) for part in inner if isinstance(part, dict)))
    return set()
