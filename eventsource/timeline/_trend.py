"""Trends: measures at many moments, from one pass over histories.

The moments of a trend are numbered; the numbers are called slots. `Trend.slots` turns each interval of a history
into the range of slots that it covers. With the ends of January, February, March and April as slots 0 to 3:

    history                                          slots
    entity  valid_from  valid_to    spent            |from  |to  spent
    ada     2024-01-10  2024-03-05     10               0    2     10     covers January and February
    ada     2024-03-05  null           25               2    4     25     covers March, April and all later moments
    bob     2024-02-20  2024-02-25      7               1    1      7     covers no moment: left out

A sum or count needs no look at each moment. An interval adds its value to the slot where it begins and subtracts
it from the slot where it ends; the running total of these deltas is the measure:

    slot            0    1    2    3
    delta         +10        -10
                             +25             (the -25 of slot 4 lies behind the last moment)
    running total  10   10   25   25

Expressions over several such measures are computed from their running totals, see `_measures`. All other measures
are aggregated moment by moment, over the intervals that cover it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.errors import ModelError
from eventsource.plan import Plan
from eventsource.timeline._measures import Additive, split_measure

__all__ = ["Trend"]

_SLOT: Final = pl.col("|slot")
_EXAMPLE: Final = '{"premium": pl.col("premium").sum(), "customers": pl.len()}'


class Trend(Struct, frozen=True):
    """Measures to take, by groups.

    Args:
        measures: column name → aggregation.
        by: fields to group by.
    """

    measures: dict[str, pl.Expr]
    by: list[str]

    @classmethod
    def of(cls, measures: Any, by: list[str]) -> "Trend":
        """Return the trend of a user's measures.

        Raises:
            ModelError: they are not a mapping of expressions.
        """
        if not isinstance(measures, Mapping) or not all(isinstance(m, pl.Expr) for m in measures.values()):
            raise ModelError(f"expected measures as name → Polars expression, got {measures!r}", hint=_EXAMPLE)
        return cls(dict(measures), by)

    def fields(self, plan: Plan) -> list[str]:
        """Return the fields that the measures and groups read.

        Raises:
            ModelError: a name that is not a field, or a measure with the name of a column of the answer.
        """
        roots = {name for measure in self.measures.values() for name in measure.meta.root_names()}
        fields = [*self.by, *sorted(roots - set(self.by))]
        for name in fields:
            plan.rule(name)
        if clashes := sorted(set(self.measures) & {*self.by, "as_of"}):
            raise ModelError(
                f"the answer already has a column {clashes[0]!r}", hint="give the measure another name"
            )
        return fields

    def slots(self, history: pl.DataFrame, instants: pl.Series) -> pl.DataFrame:
        """Return the intervals that cover any moment: ``|from`` <= slot < ``|to``, and the fields.

        Args:
            history: an answer of `Timeline.history`, of any entities.
            instants: the moments, ascending; the index of a moment is its slot.
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
            slots: the result of `slots`, of all entities.
            labels: the moments as they are shown.

        Raises:
            ModelError: a measure is not an aggregation, or Polars cannot compute it.
        """
        without_rows = self._of_no_rows(slots)
        try:
            answer = self._answer(slots, without_rows, len(labels)).sort(_SLOT, *self.by)
        except pl.exceptions.PolarsError as error:
            raise ModelError(f"the measures cannot be computed: {error}", hint=_EXAMPLE) from error
        moments = pl.Series("as_of", labels, None if labels else pl.Date()).gather(answer["|slot"])
        return answer.select(moments, *self.by, *self.measures)

    def _answer(self, slots: pl.DataFrame, without_rows: list[pl.Series], count: int) -> pl.DataFrame:
        answer = self._of_rows(slots, without_rows, count)
        return answer if self.by else _with_empty_moments(answer, without_rows, count)

    def _of_rows(self, slots: pl.DataFrame, without_rows: list[pl.Series], count: int) -> pl.DataFrame:
        """Return the measures, by groups, at the moments at which any entity exists."""
        split = {name: split_measure(measure, name) for name, measure in self.measures.items()}
        parts = {part: Additive.of(inner, slots) for _, inners in split.values() for part, inner in inners.items()}
        additive = {part: measure for part, measure in parts.items() if measure}
        if len(additive) < len(parts) or not all(inners for _, inners in split.values()):
            return self._moment_by_moment(slots, without_rows, count)
        totals = self._running_totals(slots, additive, count)
        return totals.select(_SLOT, *self.by, *(outer.alias(name) for name, (outer, _) in split.items()))

    def _of_no_rows(self, slots: pl.DataFrame) -> list[pl.Series]:
        """Return the value of each measure over zero rows; null if Polars refuses to compute it.

        Raises:
            ModelError: a measure is not an aggregation, which makes one value of any number of rows.
        """
        found = []
        for name, measure in self.measures.items():
            try:
                found.append(_aggregate_no_rows(measure.alias(name), slots.clear()))
            except pl.exceptions.PolarsError as error:
                raise ModelError(f"the measure {name!r} cannot be computed: {error}", hint=_EXAMPLE) from error
            if len(found[-1]) != 1:
                hint = (
                    f"such as {measure}.sum()" if measure.meta.is_column() else "such as .sum(), .mean(), .len()"
                )
                raise ModelError(f"expected an aggregation, got the measure {name!r} with many values", hint=hint)
        return found

    def _running_totals(self, slots: pl.DataFrame, measures: dict[str, Additive], count: int) -> pl.DataFrame:
        """Return additive measures, by groups, at the moments at which any entity exists (see the module)."""
        inputs = [measure.summands(slots, name) for name, measure in measures.items()]
        values = slots.select("|from", "|to", *self.by, pl.lit(1, pl.Int64).alias("|len"), *chain(*inputs))
        columns = [name for name in values.columns if name.startswith("|") and name not in ("|from", "|to")]
        begin, end = (
            values.group_by(*self.by, pl.col(side).alias("|slot")).agg(pl.col(columns).sum())
            for side in ("|from", "|to")
        )
        negated = [(pl.lit(0).cast(values.schema[name]) - pl.col(name)).alias(name) for name in columns]
        both = pl.concat([begin, end.with_columns(negated)])
        deltas = both.group_by(*self.by, "|slot").agg(pl.col(columns).sum())
        running = self._all_slots(deltas, count).join(deltas, on=[*self.by, "|slot"], how="left", nulls_equal=True)
        running = running.sort(*self.by, "|slot").with_columns(pl.col(columns).fill_null(0))
        totals = pl.col(columns).cum_sum()
        running = running.with_columns(totals.over(self.by) if self.by else totals)
        running = running.filter(pl.col("|len") > 0)
        answers = [measure.answer(slots, name) for name, measure in measures.items()]
        return running.select("|slot", *self.by, *answers)

    def _all_slots(self, deltas: pl.DataFrame, count: int) -> pl.DataFrame:
        """Return a row per slot, for each group."""
        moments = pl.DataFrame({"|slot": pl.Series(range(count), dtype=pl.Int64)})
        return deltas.select(self.by).unique().join(moments, how="cross") if self.by else moments

    def _moment_by_moment(self, slots: pl.DataFrame, without_rows: list[pl.Series], count: int) -> pl.DataFrame:
        """Return the measures, by groups, from an aggregation of each moment's intervals."""
        measures = [measure.alias(name) for name, measure in self.measures.items()]
        parts = []
        for slot in range(count):
            covering = slots.filter((pl.col("|from") <= slot) & (pl.col("|to") > slot))
            if covering.height:
                rows = covering.group_by(self.by).agg(measures) if self.by else covering.select(measures)
                parts.append(rows.with_columns(pl.lit(slot, pl.Int64).alias("|slot")))
        if not parts:
            rows = slots.clear().group_by(self.by).agg(measures) if self.by else pl.DataFrame(without_rows)
            parts = [rows.clear().with_columns(pl.lit(0, pl.Int64).alias("|slot"))]
        return pl.concat(parts)


def _with_empty_moments(answer: pl.DataFrame, without_rows: list[pl.Series], count: int) -> pl.DataFrame:
    """Return an answer with rows for the moments at which no entity exists, too."""
    moments = pl.DataFrame({"|slot": pl.Series(range(count), dtype=pl.Int64)})
    empty = moments.join(answer, on="|slot", how="anti")
    rest = empty.with_columns(value.new_from_index(0, empty.height) for value in without_rows)
    return pl.concat([answer, rest.select(answer.columns)], how="vertical_relaxed")


def _aggregate_no_rows(measure: pl.Expr, empty: pl.DataFrame) -> pl.Series:
    """Return the value of a measure over zero rows; null if it is one value that Polars refuses to compute."""
    try:
        return empty.select(measure).to_series()
    except pl.exceptions.ComputeError:  # such as a Decimal divided by zero rows
        if not _is_scalar(measure):
            raise
        return empty.lazy().select(measure).collect_schema().to_frame().clear(1).to_series()


def _is_scalar(measure: pl.Expr) -> bool:
    try:
        return measure.meta.is_scalar()
    except pl.exceptions.PolarsError:  # a function in Python would decide its dtype
        return False
