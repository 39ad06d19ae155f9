"""The reference engine: the specification as code. It folds one event at a time, and is obvious and slow.

Every other engine must give the answers of this one. What an event does to a field is in the table of operations
(`eventsource.operations`, column ``reference``); when an entity exists, what is a fault, and what an answer shows,
is here. It shares three things with the other engines: the decoded payloads (`eventsource.decode`), the dtypes of
columns, and frames as answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any

import polars as pl
from msgspec import Struct, field

from eventsource.decode import BAD_KEY, NULL
from eventsource.event import TIMESTAMP
from eventsource.fold._asked_faults import asked_faults
from eventsource.fold._python_values import NO_KEY, member_json, member_value, shown
from eventsource.fold.engine import EXISTS, FAULTS, Events
from eventsource.operations import Reference, Rule, Unfoldable, column_of, fold_errors
from eventsource.plan import Plan

__all__ = ["ReferenceEngine"]


class _Fold(Struct):
    """The state of one entity while its events are folded.

    Args:
        plan: the plan.
        exists: whether the entity exists.
        states: field → its state.
        faults: the faults so far.
    """

    plan: Plan
    exists: bool = False
    states: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for rule in self.plan.folded:
            begin = _reference(rule).begin
            self.states[rule.name] = rule.default if begin is None else begin(rule)

    def apply(self, row: dict[str, Any], events: Events) -> None:
        """Fold one event. One whose key names no entity changes nothing, not even existence."""
        if row.get(BAD_KEY) is not None:
            self.faults.append(_fault(row, None, row[BAD_KEY], NO_KEY))
            return
        if row["type"] in self.plan.deleted:
            self.exists = False
        elif self.plan.creates(row["type"]):
            self.exists = True
        for rule in self.plan.folded:
            if rule.is_touched_by(row["type"]):
                self._step(rule, row, events)

    def _step(self, rule: Rule, row: dict[str, Any], events: Events) -> None:
        try:
            if not _meets(rule, row, events):
                return
            value = row["at"] if rule.of is None else member_value(row, events.members.of(rule), rule)
            if value is None and not _is_touching_null(rule, row, events):
                return
            self.states[rule.name] = _reference(rule).step(rule, self.states[rule.name], row, value)
        except Unfoldable as fault:
            self.faults.append(_fault(row, rule.name, _json(rule, row, events), fault.reason))


def _json(rule: Rule, row: dict[str, Any], events: Events) -> str:
    """Return what a field cannot fold of an event: the members of its condition, or its own member."""
    condition = events.members.condition(rule)
    if condition is not None and row.get(condition.unfit) is not None:
        return str(row[condition.unfit])
    return member_json(row, events.members.of(rule))


def _fault(row: dict[str, Any], name: str | None, value: str, reason: str) -> dict[str, Any]:
    envelope = {column: row[column] for column in ("event_id", "position", "at", "entity")}
    return envelope | {"field": name, "value": value, "reason": reason}


def _meets(rule: Rule, row: dict[str, Any], events: Events) -> bool:
    """Return whether an event meets the condition of a field.

    Raises:
        Unfoldable: the condition cannot be computed for it.
    """
    condition = events.members.condition(rule)
    if condition is None:
        return True
    if row.get(condition.unfit) is not None:
        raise Unfoldable(condition.reason)
    return bool(row.get(condition.met))


def _is_touching_null(rule: Rule, row: dict[str, Any], events: Events) -> bool:
    """Return whether the payload has an explicit null, and the operation takes it as a value."""
    nulls = events.members.of(rule).stored(NULL, row)
    return rule.operation.null_touches and any(row[column] for column in nulls)


def _reference(rule: Rule) -> Reference:
    assert rule.operation.reference is not None  # noqa: S101 - asked for folded fields only
    return rule.operation.reference


class ReferenceEngine:
    """Folds one event at a time; see `eventsource.fold.Engine`."""

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """Fold each entity's events up to the moment."""
        schema = _Schema(events)
        events.report(self.faults(events.until(moment)))
        rows = []
        for entity, own in _events_by_entity(events):
            fold = _Fold(events.plan)
            for row in own:
                if moment is None or row["at"] <= moment:
                    fold.apply(row, events)
            state = schema.visible(fold)
            if state is not None:
                rows.append({"entity": entity} | state)
        return schema.frame(rows, {"entity": pl.String()})

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Fold the events of each asked entity up to its own moment."""
        schema = _Schema(events)
        events.report(asked_faults(self.faults(events), asked))
        events_of = [own for _, own in _events_by_entity(events)]
        rows = []
        for owner, moment in asked.select("owner", "at").iter_rows():
            fold = _Fold(events.plan)
            for row in [] if owner is None or moment is None else events_of[owner]:
                if row["at"] <= moment:
                    fold.apply(row, events)
            rows.append({EXISTS: fold.exists} | (schema.visible(fold) or {}))
        return schema.frame(rows, {EXISTS: pl.Boolean()})

    def history(self, events: Events) -> pl.DataFrame:
        """Compare the state after each instant with the one before; begin a row when it differs."""
        schema = _Schema(events)
        events.report(self.faults(events))
        rows = []
        for entity, own in _events_by_entity(events):
            fold, before = _Fold(events.plan), None
            for at, instant in groupby(own, key=lambda row: row["at"]):
                for row in instant:
                    fold.apply(row, events)
                state = schema.visible(fold)
                if _equal(state, before):
                    continue
                if before is not None:
                    rows[-1]["valid_to"] = at
                if state is not None:
                    rows.append({"entity": entity, "valid_from": at, "valid_to": None} | state)
                before = state
        envelope = {"entity": pl.String(), "valid_from": TIMESTAMP, "valid_to": TIMESTAMP}
        return schema.frame(rows, envelope)

    def changes(self, events: Events, fields: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Compare the state before and after each event."""
        schema = _Schema(events)
        events.report(self.faults(events))
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in fields}
        for entity, own in _events_by_entity(events):
            fold = _Fold(events.plan)
            before = schema.state(fold)
            for row in own:
                fold.apply(row, events)
                after = schema.state(fold)
                for name in fields:
                    if not _equal(before[name], after[name]):
                        rows[name].append(_change(entity, row, name, before[name], after[name]))
                before = after
        return {name: schema.changes(name, rows[name]) for name in fields}

    def faults(self, events: Events) -> pl.DataFrame:
        """Fold all fields of the model, and list what cannot be folded."""
        found = []
        for _, own in _events_by_entity(events):
            fold = _Fold(events.members.plan)
            for row in own:
                fold.apply(row, events)
            found += fold.faults
        return pl.DataFrame(found, schema=FAULTS, orient="row")


class _Schema:
    """How states are shown: the dtypes of the fields, and the fields that are derived from others."""

    def __init__(self, events: Events) -> None:
        self.plan = events.plan
        self.dtypes = {rule.name: _dtype(rule, events) for rule in self.plan.rules}
        for rule in self.plan.rules:
            if rule.expression is not None:
                self.dtypes[rule.name] = self._derived(rule, []).dtype

    def visible(self, fold: _Fold) -> dict[str, Any] | None:
        """Return the state of an entity that exists, else None."""
        return self._with_derived(self._shown(fold)) if fold.exists else None

    def state(self, fold: _Fold) -> dict[str, Any]:
        """Return all fields, whether the entity exists or not."""
        return self._with_derived(self._shown(fold))

    def _shown(self, fold: _Fold) -> dict[str, Any]:
        """Return the values of the folded fields."""
        return {
            rule.name: shown(_show(rule, fold, self.dtypes[rule.name]), self.dtypes[rule.name])
            for rule in self.plan.folded
        }

    def _with_derived(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state with the fields that are derived from others."""
        for rule in self.plan.rules:
            if rule.expression is not None:
                state[rule.name] = self._derived(rule, [state]).item()
        return state

    def frame(self, rows: list[dict[str, Any]], envelope: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Return rows as a frame: the envelope, then the fields in declared order."""
        dtypes = {**envelope, **self.dtypes}
        return pl.DataFrame([_series(name, rows, dtype) for name, dtype in dtypes.items()])

    def changes(self, name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Return changes of one field."""
        order = {"at": TIMESTAMP, "version": pl.Int64(), "position": pl.Int64()}
        dtypes = order | {"entity": pl.String(), "field": pl.String()}
        values = {"before": self.dtypes[name], "after": self.dtypes[name]}
        source = {"event_id": pl.String(), "type": pl.String()}
        columns = [_series(column, rows, dtype) for column, dtype in {**dtypes, **values, **source}.items()]
        return pl.DataFrame(columns)

    def _derived(self, rule: Rule, states: list[dict[str, Any]]) -> pl.Series:
        assert rule.expression is not None  # noqa: S101 - asked for derived fields only
        others = [_series(name, states, dtype) for name, dtype in self.dtypes.items() if name != rule.name]
        with fold_errors():
            return pl.DataFrame(others).select(rule.expression).to_series()


def _dtype(rule: Rule, events: Events) -> pl.DataType | None:
    """Return the dtype of a field; None: only its values decide."""
    return rule.dtype_over(TIMESTAMP if rule.of is None else events.dtypes[rule.name])


def _show(rule: Rule, fold: _Fold, dtype: pl.DataType | None) -> Any:
    return _reference(rule).show(rule, fold.states[rule.name], dtype)


def _series(name: str, rows: list[dict[str, Any]], dtype: pl.DataType | None) -> pl.Series:
    return column_of(name, [row.get(name) for row in rows], dtype)


def _equal(a: Any, b: Any) -> bool:
    """Return whether two states or values are the same; NaN, which a ``derive`` may give, equals itself."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_equal(a[name], b[name]) for name in a)
    return bool(a == b) or (a != a and b != b)  # noqa: PLR0124 - only NaN differs from itself


def _events_by_entity(events: Events) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each entity with its events in fold order."""
    clustered = events.clustered
    with fold_errors():
        frame = clustered.fetch(clustered.in_order.with_columns(pl.col("type").cast(pl.String)))
    rows = clustered.with_entity(frame).iter_rows(named=True)
    for entity, count in zip(clustered.entities, clustered.counts, strict=True):
        yield entity, list(islice(rows, count))


def _change(entity: str, row: dict[str, Any], name: str, before: Any, after: Any) -> dict[str, Any]:
    event = {column: row.get(column) for column in ("at", "version", "position", "event_id", "type")}
    return event | {"entity": entity, "field": name, "before": before, "after": after}
