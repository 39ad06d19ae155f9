"""The histories of all fields on given events: which rows touch each field, and their values.

Six rows of two entities, and a plan with two fields::

    row              0        1      2      3        4      5
    entity           ann      ann    ann    bob      bob    bob
    type             Created  Paid   Moved  Created  Paid   Moved
    =amount|int               5                      null
    =city|text       Oslo            Rome   Lund            null (explicit)

    spent = total("Paid", of="amount")              rows of its types: 1, 4     null is passed over: touched row 1
    city = latest("Created", "Moved", of="city")    rows of its types: 0, 2, 3, 5    an explicit null touches too

A fold to one moment, to one moment per asked row and a whole history differ only in the ranges of touches that
they look up in the same histories.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from eventsource.decode import BAD_KEY, Condition, Mask, Selection
from eventsource.fold._reading import Reading
from eventsource.fold.engine import EXISTS, Events
from eventsource.operations import (
    FieldEvents,
    FieldHistory,
    Numbers,
    Ranks,
    Rule,
    TouchedRows,
    flag_of,
    fold_errors,
)

__all__ = ["FieldHistories"]

_FEW: Final = 4
"""Up to so many types of events, comparing with each is faster than a look-up in a table of types."""


class FieldHistories(Mapping[str, FieldHistory]):
    """The histories of fields, and of existence under the name `EXISTS`; each is computed when first asked for.

    Args:
        events: the events.
        rules: the fields; derived fields have no history.
        moment: only events up to this moment (inclusive) touch anything; None: all.

    Raises:
        FoldError: a ``reduce`` function failed, or an operation cannot be computed over the dtype asked for.
    """

    def __init__(self, events: Events, rules: Iterable[Rule], moment: datetime | None = None) -> None:
        self._events, self._clustered, self._moment = events, events.clustered, moment
        self._members, self._plan = events.members, events.plan
        self._rules = {rule.name: rule for rule in rules if not rule.is_derived}
        self._readings = {
            rule.name: Reading.of(rule, events) for rule in self._rules.values() if rule.of is not None
        }
        self._check_dtypes()
        self._columns = self._read_columns()
        self._of_types: dict[tuple[frozenset[str] | None, str | None], tuple[Selection, TouchedRows]] = {}
        self._computed: dict[str, FieldHistory] = {}

    def __getitem__(self, name: str) -> FieldHistory:
        if name not in self._computed:
            with fold_errors(None if name == EXISTS else name):
                self._computed[name] = self._existence() if name == EXISTS else self._history(self._rules[name])
        return self._computed[name]

    def __iter__(self) -> Iterator[str]:
        yield EXISTS
        yield from self._rules

    def __len__(self) -> int:
        return len(self._rules) + 1

    @property
    def fields(self) -> list[str]:
        """The names of the fields that have a history."""
        return list(self._rules)

    def events_of(self, rule: Rule) -> FieldEvents:
        """Return the events that touch a field, without those whose values it cannot fold by themselves."""
        with fold_errors(rule.name):
            return self._events_of(rule)

    def values_of_other_groups(self, rule: Rule) -> tuple[Numbers, pl.Series]:
        """Return the rows of values that do not compare with what the entity's field holds, and what it holds.

        The first value decides what the field of an entity holds: numbers, texts or booleans.
        """
        touched, groups = self._groups(rule)
        held = groups.gather(
            pl.Series(np.minimum(touched.cuts[touched.owners.to_numpy()], max(len(groups) - 1, 0)))
        )
        is_other = held != groups
        return touched.rows[is_other.to_numpy()], held.filter(is_other)

    def groups_held(self, rule: Rule) -> set[str]:
        """Return the groups of values that the field holds in any entity."""
        touched, groups = self._groups(rule)
        return set(groups.gather(pl.Series(touched.cuts[:-1][np.diff(touched.cuts) > 0])))

    def _groups(self, rule: Rule) -> tuple[TouchedRows, pl.Series]:
        """Return the rows of values that compare with others, and the group of each."""
        selection, touched = self._rows(rule)
        groups = selection.values(self._columns[str(self._readings[rule.name].group)])
        return touched.where(groups.is_not_null()), groups.drop_nulls()

    def rows_of(self, rule: Rule, column: pl.Expr) -> tuple[Numbers, pl.Series]:
        """Return the rows of a field's events for which a column of stored events has a value, and the values."""
        return self._with_value(*self._rows(rule), column)

    def _rows(self, rule: Rule) -> tuple[Selection, TouchedRows]:
        """Return the rows of a field's events: of its types, where they meet its condition."""
        return self._rows_of(_types(rule), self._members.condition(rule))

    def rows_of_types(self, rule: Rule, column: pl.Expr) -> tuple[Numbers, pl.Series]:
        """Return what `rows_of` does, also of events that do not meet the field's condition."""
        return self._with_value(*self._rows_of(_types(rule)), column)

    def _with_value(
        self, selection: Selection, touched: TouchedRows, column: pl.Expr
    ) -> tuple[Numbers, pl.Series]:
        values = selection.values(self._clustered.fetch(self._clustered.columns.select(column)).to_series())
        has_value = values.is_not_null()
        return touched.rows[has_value.to_numpy()], values.filter(has_value)

    def _history(self, rule: Rule) -> FieldHistory:
        return rule.history(self._events_of(rule))

    def _existence(self) -> FieldHistory:
        """Return the history of existence: the last ``created`` or ``deleted`` event decides."""
        plan = self._plan
        is_any = not plan.created and self._members.plan.reads_all_types
        types = None if is_any else frozenset((*plan.creating_types, *plan.deleted))
        return flag_of(self._field_events(*self._rows_of(types)), plan.deleted)

    def _events_of(self, rule: Rule) -> FieldEvents:
        selection, touched = self._rows(rule)
        reading = self._readings.get(rule.name)
        if reading is None:
            at = selection.values(self._columns["at"]) if rule.operation.reads == ("at",) else None
            return self._field_events(selection, touched, at)
        values = selection.values(self._columns[reading.values])
        if reading.group is not None:
            others = np.isin(touched.rows, self.values_of_other_groups(rule)[0])
            values = values.set(pl.Series(others), None)
        if values.null_count():
            is_touching = values.is_not_null()
            if reading.null is not None:
                is_touching |= selection.values(self._columns[reading.null]).fill_null(value=False)
            touched, values = touched.where(is_touching), values.filter(is_touching)
        found = self._field_events(selection, touched, values)
        ranks = Ranks.of_json(values) if reading.is_ranked else None
        return replace(found, ranks=ranks, dtype=self._events.dtypes[rule.name])

    def _field_events(
        self, selection: Selection, touched: TouchedRows, values: pl.Series | None = None
    ) -> FieldEvents:
        return FieldEvents(
            touched,
            entities=self._clustered.entities,
            read=lambda name: selection.values(self._columns[name]),
            values=pl.Series() if values is None else values,
        )

    def _check_dtypes(self) -> None:
        """Check that each operation can be computed over the dtype of its member."""
        for rule in self._rules.values():
            if rule.of is not None:
                rule.dtype_over(self._events.dtypes[rule.name])

    def _read_columns(self) -> pl.DataFrame:
        """Read, once, all columns that the fields need, in the order in which they are stored."""
        wanted = {"type": pl.col("type")}
        for rule in self._rules.values():
            if rule.of is not None:
                wanted |= self._readings[rule.name].columns
            else:
                wanted |= {name: pl.col(name) for name in rule.operation.reads}
            condition = self._members.condition(rule)
            if condition is not None and condition.met in self._events.columns:
                wanted[condition.met] = pl.col(condition.met)
        if self._moment is not None:
            wanted["at"] = pl.col("at")
        if BAD_KEY in self._events.columns:
            wanted[BAD_KEY] = pl.col(BAD_KEY)
        with fold_errors():
            return self._clustered.fetch(self._clustered.columns.select(**wanted))

    @cached_property
    def _codes(self) -> Any:
        """Per row, the number of its event type."""
        return self._columns["type"].to_physical().to_numpy()

    @cached_property
    def _scratch(self) -> Mask:
        """Memory for a mask that is used again for each type: new memory costs more than the comparison."""
        return np.empty(len(self._codes), bool)

    @cached_property
    def _counts(self) -> Mask | None:
        """Whether a row is not after the moment, and has a key that names an entity; None: every row counts."""
        counts = None if self._moment is None else self._columns["at"] <= self._moment
        if BAD_KEY in self._columns:
            has_key = self._columns[BAD_KEY].is_null()
            counts = has_key if counts is None else counts & has_key
        return None if counts is None else np.asarray(counts.to_numpy())

    def _rows_of(
        self, types: frozenset[str] | None, condition: Condition | None = None
    ) -> tuple[Selection, TouchedRows]:
        """Return the rows of some types of events (None: all) that meet a condition.

        They are found once for all fields with the same types and condition.
        """
        key = (types, None if condition is None else condition.column)
        if key not in self._of_types:
            mask = self._mask(types)
            if condition is not None:
                mask &= self._meets(condition)
            selection = self._clustered.select(mask)
            self._of_types[key] = selection, TouchedRows(selection.in_order, self._clustered.starts)
        return self._of_types[key]

    def _meets(self, condition: Condition) -> Mask:
        """Return which rows meet a condition; where it cannot be computed, the event is a fault of the field."""
        if condition.met not in self._columns:
            return np.zeros(len(self._codes), bool)
        return np.asarray(self._columns[condition.met].fill_null(value=False).to_numpy())

    def _mask(self, types: frozenset[str] | None) -> Mask:
        mask = np.ones(len(self._codes), bool) if types is None else self._has_type(types)
        if self._counts is not None:
            mask &= self._counts
        return mask

    def _has_type(self, types: frozenset[str]) -> Mask:
        dtype = self._columns.schema["type"]
        numbers = pl.Series(sorted(types), dtype=dtype).to_physical().to_numpy()
        mask: Mask
        if len(numbers) <= _FEW:
            mask = np.zeros(len(self._codes), bool)
            for number in numbers:
                mask |= np.equal(self._codes, number, out=self._scratch)
        elif isinstance(dtype, pl.Enum):
            mask = np.isin(np.arange(len(dtype.categories)), numbers)[self._codes]
        else:
            mask = np.isin(self._codes, numbers)
        return mask


def _types(rule: Rule) -> frozenset[str] | None:
    """Return the event types that touch a field; None: all."""
    return None if rule.is_of_all_types else frozenset(rule.types)
