"""The histories of all fields on given events: which rows touch each field, and their values.

Six rows of two entities, and a plan with two fields::

    row              0        1      2      3        4      5
    entity           ann      ann    ann    bob      bob    bob
    type             Created  Paid   Moved  Created  Paid   Moved
    =amount                   5                      null
    =city            Oslo            Rome   Lund            null (explicit)

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

from eventsource.decode import Condition, Mask, Selection
from eventsource.fold.engine import EXISTS, Events
from eventsource.operations import FieldEvents, FieldHistory, Rule, TouchedRows, flag_of, fold_error

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
        FoldError: values cannot be summed or cannot have the requested dtype, or a ``reduce`` function failed.
    """

    def __init__(self, events: Events, rules: Iterable[Rule], moment: datetime | None = None) -> None:
        self._clustered, self._members, self._moment = events.clustered, events.members, moment
        self._rules = {rule.name: rule for rule in rules if not rule.is_derived}
        self._plan = events.plan
        self._schema = self._clustered.columns.collect_schema()
        self._check_dtypes()
        self._columns = self._read_columns()
        self._of_types: dict[tuple[frozenset[str] | None, str | None], tuple[Selection, TouchedRows]] = {}
        self._computed: dict[str, FieldHistory] = {}

    def __getitem__(self, name: str) -> FieldHistory:
        if name not in self._computed:
            try:
                self._computed[name] = self._existence() if name == EXISTS else self._history(self._rules[name])
            except pl.exceptions.PolarsError as error:
                raise fold_error(error, None if name == EXISTS else name) from error
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
        """Return the events that touch a field.

        Raises:
            FoldError: values cannot have the requested dtype.
        """
        try:
            return self._events_of(rule)
        except pl.exceptions.PolarsError as error:
            raise fold_error(error, rule.name) from error

    def _history(self, rule: Rule) -> FieldHistory:
        return rule.history(self._events_of(rule))

    def _existence(self) -> FieldHistory:
        """Return the history of existence: the last ``created`` or ``deleted`` event decides."""
        created, deleted = self._plan.created, self._plan.deleted
        if not created and self._members.plan.reads_all_types:
            types = None
        else:
            types = frozenset(created or self._plan.types) | frozenset(deleted)
        return flag_of(self._field_events(*self._rows_of(types)), deleted)

    def _events_of(self, rule: Rule) -> FieldEvents:
        types = None if rule.is_of_all_types else frozenset(rule.types)
        selection, touched = self._rows_of(types, self._members.condition(rule))
        value = self._value_column(rule)
        if value is None:
            return self._field_events(selection, touched)
        values = selection.values(self._columns[value])
        if values.null_count():
            is_touching = values.is_not_null()
            if (null := self._null_column(rule)) is not None:
                is_touching |= selection.values(self._columns[null]).fill_null(value=False)
            touched, values = touched.where(is_touching), values.filter(is_touching)
        return self._field_events(selection, touched, values)

    def _field_events(
        self, selection: Selection, touched: TouchedRows, values: pl.Series | None = None
    ) -> FieldEvents:
        return FieldEvents(
            touched,
            entities=self._clustered.entities,
            read=lambda name: selection.values(self._columns[name]),
            values=pl.Series() if values is None else values,
        )

    def _value_column(self, rule: Rule) -> str | None:
        """Return the column that holds what events bring: a member, or the moment; None: neither is read."""
        if rule.of is not None:
            return self._members.of(rule).column
        return "at" if rule.operation.reads == ("at",) else None

    def _null_column(self, rule: Rule) -> str | None:
        """Return the column that marks explicit nulls, if they touch the field."""
        if rule.of is None or not rule.operation.null_touches:
            return None
        null = self._members.of(rule).null
        return null if null in self._schema else None

    def _met_column(self, rule: Rule) -> str | None:
        """Return the column that says which events meet the field's condition, if it has one and there are any."""
        condition = self._members.condition(rule)
        return condition.met if condition is not None and condition.met in self._schema else None

    def _check_dtypes(self) -> None:
        """Check that each operation can be computed over the dtype of its member."""
        for rule in self._rules.values():
            if rule.of is not None:
                rule.dtype_over(self._schema[self._members.of(rule).column])

    def _read_columns(self) -> pl.DataFrame:
        """Read, once, all columns that the fields need, in the order in which they are stored."""
        wanted = {"type"}
        for rule in self._rules.values():
            columns = (self._value_column(rule), self._null_column(rule), self._met_column(rule))
            wanted.update(column for column in columns if column is not None)
            wanted.update(rule.operation.reads if rule.of is None else ())
        if self._moment is not None:
            wanted.add("at")
        try:
            return self._clustered.columns.select(sorted(wanted)).collect()
        except pl.exceptions.PolarsError as error:
            raise fold_error(error) from error

    @cached_property
    def _codes(self) -> Any:
        """Per row, the number of its event type."""
        return self._columns["type"].to_physical().to_numpy()

    @cached_property
    def _scratch(self) -> Mask:
        """Memory for a mask that is used again for each type: new memory costs more than the comparison."""
        return np.empty(len(self._codes), bool)

    @cached_property
    def _is_in_time(self) -> Mask | None:
        """Whether a row is not after the moment; None: without a moment, every row counts."""
        if self._moment is None:
            return None
        return np.asarray((self._columns["at"] <= self._moment).to_numpy())

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
                mask &= self._meets(condition, mask)
            selection = self._clustered.select(mask)
            self._of_types[key] = selection, TouchedRows(selection.in_order, self._clustered.starts)
        return self._of_types[key]

    def _meets(self, condition: Condition, rows: Mask) -> Mask:
        """Return which rows meet a condition.

        Raises:
            FoldError: it cannot be computed for one of ``rows``.
        """
        met = self._columns[condition.met] if condition.met in self._schema else None
        is_unfit = rows if met is None else rows & met.is_null().to_numpy()
        if is_unfit.any():
            position = self._clustered.columns.select("position").collect().to_series()[int(is_unfit.argmax())]
            raise condition.fault(position)
        return np.zeros(len(rows), bool) if met is None else met.fill_null(value=False).to_numpy()

    def _mask(self, types: frozenset[str] | None) -> Mask:
        mask = np.ones(len(self._codes), bool) if types is None else self._has_type(types)
        if self._is_in_time is not None:
            mask &= self._is_in_time
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
