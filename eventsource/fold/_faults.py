"""The faults of all fields of a model, found in columns.

Six rows of two entities; ``top`` is the ``largest`` of ``n``. Rows are faults for three reasons:

    row            0    1    2      3    4    5
    entity         ann  ann  ann    bob  bob  bob
    =n|int         7    ·    ·      ·    ·    5
    =n|text        ·    ·    x      a    ·    ·
    =n|json        ·    [1]  ·      ·    ·    ·

    refused        row 1: no ``largest`` folds an array                     its kind alone decides
    other groups   rows 2 and 5: ann holds numbers, and bob holds texts     the first value of an entity decides
    totals         rows after which a sum leaves its range                  see `operations._exact_sums`

Only fields that may have faults are looked at. The names of the columns and the bounds of the index say which.
Most questions read nothing here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct

from eventsource.decode import BAD_KEY, UNFIT, json_of, kinds_of
from eventsource.fold._field_histories import FieldHistories
from eventsource.fold._python_values import NO_KEY, unfit_reason
from eventsource.fold._reading import Reading
from eventsource.fold.engine import FAULTS, Events
from eventsource.operations import NOT_FOLDED, Numbers, Rule

__all__ = ["faults_of"]

_ENVELOPE: Final = ("event_id", "position", "at")


def faults_of(events: Events, moment: datetime | None = None) -> pl.DataFrame:
    """Return the faults of all fields of the model, up to a moment; see `Engine.faults`."""
    plan = events.members.plan
    rules = [rule for rule in plan.folded if _may_have_faults(rule, events)]
    if not rules and BAD_KEY not in events.columns:
        return FAULTS.to_frame()
    histories = FieldHistories(events.only(plan), rules, moment)
    found = [part for rule in rules for part in _faults(rule, histories, events)]
    order = {rule.name: number for number, rule in enumerate(plan.rules)}
    rows = pl.DataFrame(
        {
            "row": np.concatenate([np.zeros(0, np.int64), *(part.rows for part in found)]),
            "order": [order[part.field] for part in found for _ in part.rows],
            "field": [part.field for part in found for _ in part.rows],
            "value": [value for part in found for value in part.values],
            "reason": [reason for part in found for reason in part.reasons],
        },
        schema={"row": pl.Int64, "order": pl.Int64, "field": pl.String, "value": pl.String, "reason": pl.String},
    )
    if BAD_KEY in events.columns:
        rows = pl.concat([_bad_keys(events, moment), rows])
    return _with_envelope(rows.sort("row", "order"), events)


class _Part(Struct, frozen=True):
    """Some faults of a field.

    Args:
        field: its name.
        rows: their rows.
        values: the values, as JSON.
        reasons: what was expected.
    """

    field: str
    rows: Numbers
    values: list[str]
    reasons: list[str]


def _may_have_faults(rule: Rule, events: Events) -> bool:
    if _unfit_column(rule, events) is not None:
        return True
    if rule.of is None:
        return False
    reading = Reading.of(rule, events)
    if reading.refused or reading.group is not None:
        return True
    return rule.operation.can_overflow and not events.bounds.are_within(rule, reading.member)


def _unfit_column(rule: Rule, events: Events) -> str | None:
    """Return the column of events for which the field's condition cannot be computed; None: there are none."""
    condition = events.members.condition(rule)
    return condition.unfit if condition is not None and condition.unfit in events.columns else None


def _faults(rule: Rule, histories: FieldHistories, events: Events) -> Iterator[_Part]:
    condition, unfit_column = events.members.condition(rule), _unfit_column(rule, events)
    if condition is not None and unfit_column is not None:
        rows, values = histories.rows_of_types(rule, pl.col(unfit_column))
        yield _Part(rule.name, rows, values.to_list(), [condition.reason] * len(rows))
    if rule.of is not None:
        yield from _faults_of_values(rule, histories, events)


def _faults_of_values(rule: Rule, histories: FieldHistories, events: Events) -> Iterator[_Part]:
    reading = Reading.of(rule, events)
    unfit = [kind for kind in reading.refused if kind == UNFIT]
    others = [kind for kind in reading.refused if kind != UNFIT]
    refused = [(unfit, unfit_reason(rule))] if unfit else []
    refused += [(others, NOT_FOLDED[rule.operation.folds])] if others else []
    for kinds, reason in refused:
        rows, values = histories.rows_of(rule, json_of(reading.member, kinds, events.columns))
        yield _Part(rule.name, rows, values.to_list(), [reason] * len(rows))
    everything = json_of(reading.member, kinds_of(reading.member, events.columns), events.columns)
    if reading.group is not None:
        rows, held = histories.values_of_other_groups(rule)
        reasons = [f"expected {group}, which the field holds" for group in held]
        yield _Part(rule.name, rows, _values(histories, rule, everything, rows), reasons)
    if rule.operation.can_overflow and (beyond := histories[rule.name].refused) is not None:
        texts = _values(histories, rule, everything, beyond.rows)
        yield _Part(rule.name, beyond.rows, texts, [beyond.reason] * len(beyond.rows))


def _values(histories: FieldHistories, rule: Rule, column: pl.Expr, rows: Numbers) -> list[str]:
    all_rows, values = histories.rows_of(rule, column)
    return values.filter(pl.Series(np.isin(all_rows, rows))).to_list()


def _bad_keys(events: Events, moment: datetime | None) -> pl.DataFrame:
    """Return the events whose key names no entity, each as a fault of no field."""
    columns = events.clustered.collect("at", BAD_KEY).with_row_index("row")
    is_bad = pl.col(BAD_KEY).is_not_null() & (pl.lit(value=True) if moment is None else pl.col("at") <= moment)
    return columns.filter(is_bad).select(
        pl.col("row").cast(pl.Int64),
        pl.lit(-1, pl.Int64).alias("order"),
        pl.lit(None, pl.String).alias("field"),
        pl.col(BAD_KEY).alias("value"),
        pl.lit(NO_KEY).alias("reason"),
    )


def _with_envelope(rows: pl.DataFrame, events: Events) -> pl.DataFrame:
    numbers = rows["row"].to_numpy()
    envelope = events.clustered.collect(*_ENVELOPE).select(pl.all().gather(rows["row"]))
    owners = np.searchsorted(events.clustered.starts, numbers, side="right") - 1
    entity = events.clustered.entities.gather(pl.Series(owners)).alias("entity")
    return envelope.hstack([entity]).hstack(rows.select("field", "value", "reason")).select(FAULTS.names())
