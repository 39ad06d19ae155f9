"""Trends: measures at many moments, from one pass over histories.

An interval of a history counts for every moment that it covers. A sum or count needs no look at each moment: an
interval adds its value where it begins and takes it back where it ends, and a running total over the moments
gives the answer, as do expressions over several such totals. Other measures are aggregated moment by moment, over
the intervals that cover it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

import polars as pl

from eventsource.errors import ModelError
from eventsource.plan import Plan
from eventsource.timeline._measures import Additive, split_measure

__all__ = ["Trend"]

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
        nobody = self._of_nobody(slots)
        try:
            answer = self._answer(slots, nobody, len(labels)).sort(_SLOT, *self.by)
        except pl.exceptions.PolarsError as error:
            raise ModelError(f"the measures cannot be computed: {error}") from error
        moments = pl.Series("as_of", labels, None if labels else pl.Date()).gather(answer["|slot"])
        return answer.select(moments, *self.by, *self.measures)

    def _answer(self, slots: pl.DataFrame, nobody: list[pl.Series], count: int) -> pl.DataFrame:
        answer = self._of_somebody(slots, nobody, count)
        return answer if self.by else _completed(answer, nobody, count)

    def _of_somebody(self, slots: pl.DataFrame, nobody: list[pl.Series], count: int) -> pl.DataFrame:
        """Return the measures, by groups, at those moments at which anybody exists."""
        split = {name: split_measure(measure, name) for name, measure in self.measures.items()}
        parts = {part: Additive.of(inner, slots) for _, inners in split.values() for part, inner in inners.items()}
        found = {part: additive for part, additive in parts.items() if additive}
        if len(found) < len(parts) or not all(inners for _, inners in split.values()):
            return self._moment_by_moment(slots, nobody, count)
        totals = self._from_transitions(slots, found, count)
        return totals.select(_SLOT, *self.by, *(outer.alias(name) for name, (outer, _) in split.items()))

    def _of_nobody(self, slots: pl.DataFrame) -> list[pl.Series]:
        """Return what each measure makes of no rows, null where Polars refuses to compute it.

        Raises:
            ModelError: a measure that is no aggregation: it must make one value of any number of rows.
        """
        found = []
        for name, measure in self.measures.items():
            try:
                found.append(_of_no_rows(measure.alias(name), slots.clear()))
            except pl.exceptions.PolarsError as error:
                raise ModelError(f"the measure {name!r} cannot be computed: {error}") from error
            if len(found[-1]) != 1:
                hint = (
                    f"such as {measure}.sum()" if measure.meta.is_column() else "such as .sum(), .mean(), .len()"
                )
                raise ModelError(f"the measure {name!r} is no aggregation: it gives many values", hint=hint)
        return found

    def _from_transitions(self, slots: pl.DataFrame, measures: dict[str, Additive], count: int) -> pl.DataFrame:
        inputs = [measure.units(slots, name) for name, measure in measures.items()]
        values = slots.select("|from", "|to", *self.by, pl.lit(1, pl.Int64).alias("|len"), *chain(*inputs))
        columns = [name for name in values.columns if name.startswith("|") and name not in ("|from", "|to")]
        begin, end = (
            values.group_by(*self.by, pl.col(side).alias("|slot")).agg(pl.col(columns).sum())
            for side in ("|from", "|to")
        )
        back = [(pl.lit(0).cast(values.schema[name]) - pl.col(name)).alias(name) for name in columns]
        both = pl.concat([begin, end.with_columns(back)])
        deltas = both.group_by(*self.by, "|slot").agg(pl.col(columns).sum())
        running = self._grid(deltas, count).join(deltas, on=[*self.by, "|slot"], how="left", nulls_equal=True)
        running = running.sort(*self.by, "|slot").with_columns(pl.col(columns).fill_null(0))
        totals = pl.col(columns).cum_sum()
        running = running.with_columns(totals.over(self.by) if self.by else totals)
        running = running.filter(pl.col("|len") > 0)
        answers = [measure.answer(slots, name) for name, measure in measures.items()]
        return running.select("|slot", *self.by, *answers)

    def _grid(self, deltas: pl.DataFrame, count: int) -> pl.DataFrame:
        moments = pl.DataFrame({"|slot": pl.Series(range(count), dtype=pl.Int64)})
        return deltas.select(self.by).unique().join(moments, how="cross") if self.by else moments

    def _moment_by_moment(self, slots: pl.DataFrame, nobody: list[pl.Series], count: int) -> pl.DataFrame:
        measures = [measure.alias(name) for name, measure in self.measures.items()]
        parts = []
        for slot in range(count):
            covering = slots.filter((pl.col("|from") <= slot) & (pl.col("|to") > slot))
            if covering.height:
                rows = covering.group_by(self.by).agg(measures) if self.by else covering.select(measures)
                parts.append(rows.with_columns(pl.lit(slot, pl.Int64).alias("|slot")))
        if not parts:
            rows = slots.clear().group_by(self.by).agg(measures) if self.by else pl.DataFrame(nobody)
            parts = [rows.clear().with_columns(pl.lit(0, pl.Int64).alias("|slot"))]
        return pl.concat(parts)


def _completed(answer: pl.DataFrame, nobody: list[pl.Series], count: int) -> pl.DataFrame:
    """Return an answer with rows for the moments at which nobody exists, too."""
    moments = pl.DataFrame({"|slot": pl.Series(range(count), dtype=pl.Int64)})
    empty = moments.join(answer, on="|slot", how="anti")
    rest = empty.with_columns(value.new_from_index(0, empty.height) for value in nobody)
    return pl.concat([answer, rest.select(answer.columns)], how="vertical_relaxed")


def _of_no_rows(measure: pl.Expr, nothing: pl.DataFrame) -> pl.Series:
    """Return what a measure makes of no rows; a null where it is one value, but Polars refuses to compute it."""
    try:
        return nothing.select(measure).to_series()
    except pl.exceptions.ComputeError:  # such as a Decimal divided by none
        if not _is_scalar(measure):
            raise
        return nothing.lazy().select(measure).collect_schema().to_frame().clear(1).to_series()


def _is_scalar(measure: pl.Expr) -> bool:
    try:
        return measure.meta.is_scalar()
    except pl.exceptions.PolarsError:  # it asks a function in Python for its dtype
        return False
