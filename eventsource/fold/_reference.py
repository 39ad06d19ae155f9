"""The reference engine: the specification as code. One event at a time, obvious, and slow.

Every other engine gives the answers of this one. Its only concessions are that payloads were decoded before
(`eventsource.decode.payload`), and that answers leave as frames.
"""

import decimal
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import Any

import polars as pl

from eventsource.errors import FoldError
from eventsource.event import TIMESTAMP
from eventsource.fold._columns import column, refusal
from eventsource.fold._reduction import reduced
from eventsource.fold.engine import EXISTS, Events
from eventsource.fold.exact import BEYOND_FLOATS, no_total
from eventsource.plan import Plan, Rule

__all__ = ["ReferenceEngine"]

_INT64 = 2**63


@dataclass
class _Life:
    """An entity while its events fold."""

    plan: Plan
    exists: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for rule in self.plan.rules:
            self.values[rule.name] = _default(rule)

    def apply(self, row: dict[str, Any], events: Events) -> None:
        """Fold one event."""
        if row["type"] in self.plan.deleted:
            self.exists = False
        elif row["type"] in self.plan.created or not self.plan.created:
            self.exists = True
        for rule in self.plan.rules:
            if row["type"] in rule.types:
                self._touch(rule, row, events)

    def _touch(self, rule: Rule, row: dict[str, Any], events: Events) -> None:
        old = self.values[rule.name]
        if rule.of is None:
            self.values[rule.name] = _moved(rule, old, row)
            return
        member = events.members.of(rule)
        value = row[member.column]
        if value is None and not (rule.op in ("latest", "first") and row.get(member.null)):
            return
        if rule.op == "total":
            self.values[rule.name] = old + _exact(value)
        elif rule.op == "first":
            self.values[rule.name] = old if rule.name in self.seen else value
        else:
            self.values[rule.name] = _joined(rule.op, old, value)
        self.seen.add(rule.name)


class ReferenceEngine:
    """Folds one event at a time; see `eventsource.fold.engine.Engine`."""

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """Fold each entity's events up to the moment."""
        schema = _Schema(events)
        rows = []
        for entity, story in _stories(events):
            life = _Life(events.plan)
            for row in story:
                if moment is None or row["at"] <= moment:
                    life.apply(row, events)
            state = schema.visible(life)
            if state is not None:
                rows.append({"entity": entity} | state)
        return schema.frame(rows, {"entity": pl.String()})

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Fold the events of each asked entity anew, up to its own moment."""
        schema = _Schema(events)
        stories = {entity: list(story) for entity, story in _stories(events)}
        rows = []
        for entity, moment in asked.select("entity", "at").iter_rows():
            life = _Life(events.plan)
            for row in stories.get(entity, []):
                if moment is not None and row["at"] <= moment:
                    life.apply(row, events)
            rows.append({EXISTS: life.exists} | (schema.visible(life) or {}))
        return schema.frame(rows, {EXISTS: pl.Boolean()})

    def history(self, events: Events) -> pl.DataFrame:
        """Look at the state after each instant; write down when it became another one."""
        schema = _Schema(events)
        rows = []
        for entity, story in _stories(events):
            life, shown = _Life(events.plan), None
            for at, instant in groupby(story, key=lambda row: row["at"]):
                for row in instant:
                    life.apply(row, events)
                state = schema.visible(life)
                if _equal(state, shown):
                    continue
                if shown is not None:
                    rows[-1]["valid_to"] = at
                if state is not None:
                    rows.append({"entity": entity, "valid_from": at, "valid_to": None} | state)
                shown = state
        envelope = {"entity": pl.String(), "valid_from": TIMESTAMP, "valid_to": TIMESTAMP}
        return schema.frame(rows, envelope)

    def changes(self, events: Events, fields: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Compare the state before and after each event."""
        schema = _Schema(events)
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in fields}
        for entity, story in _stories(events):
            life = _Life(events.plan)
            before = schema.state(life)
            for row in story:
                life.apply(row, events)
                after = schema.state(life)
                for name in fields:
                    if not _equal(before[name], after[name]):
                        rows[name].append(_change(entity, row, name, before[name], after[name]))
                before = after
        return {name: schema.changes(name, rows[name]) for name in fields}


class _Schema:
    """How states leave: their dtypes, and the fields that are derived from others."""

    def __init__(self, events: Events) -> None:
        self.plan = events.plan
        columns = events.clustered.columns.collect_schema()
        self.dtypes = {rule.name: _dtype(rule, events, columns) for rule in self.plan.rules}
        for rule in self.plan.rules:
            if rule.expression is not None:
                self.dtypes[rule.name] = self._derived(rule, []).dtype

    def visible(self, life: _Life) -> dict[str, Any] | None:
        """Return the state of an entity that exists, else None; a total that does not fit is refused even then."""
        shown = self._totalled(life)
        return self._whole(shown) if life.exists else None

    def state(self, life: _Life) -> dict[str, Any]:
        """Return the state of a life as a person sees it."""
        return self._whole(self._totalled(life))

    def _totalled(self, life: _Life) -> dict[str, Any]:
        return {name: self._shown(name, value) for name, value in life.values.items()}

    def _whole(self, state: dict[str, Any]) -> dict[str, Any]:
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
        """Return changes of one field, sorted by moment and position."""
        dtypes = {"at": TIMESTAMP, "position": pl.Int64(), "entity": pl.String(), "field": pl.String()}
        values = {"before": self.dtypes[name], "after": self.dtypes[name]}
        source = {"event_id": pl.String(), "type": pl.String()}
        columns = [_series(column, rows, dtype) for column, dtype in {**dtypes, **values, **source}.items()]
        return pl.DataFrame(columns).sort("at", "position")

    def _derived(self, rule: Rule, states: list[dict[str, Any]]) -> pl.Series:
        assert rule.expression is not None  # noqa: S101 - asked for derived fields only
        known = [_series(name, states, dtype) for name, dtype in self.dtypes.items() if name != rule.name]
        return _collected(pl.DataFrame(known).lazy().select(rule.expression)).to_series()

    def _shown(self, name: str, value: Any) -> Any:
        """Return a sum as a number of its dtype: integers exact, floats rounded once."""
        dtype = self.dtypes[name]
        if not isinstance(value, Fraction):
            return value
        if isinstance(dtype, pl.Decimal):
            units = int(value * 10**dtype.scale)
            if abs(units) >= 10**dtype.precision:
                raise FoldError(f"a total exceeds {dtype.precision} digits: field {name!r}")
            return decimal.Decimal(f"{units}e-{dtype.scale}")
        if dtype == pl.Int64():
            if not -_INT64 <= value < _INT64:
                raise FoldError(f"a total exceeds 64 bits: field {name!r}")
            return int(value)
        return _rounded(value)


def _series(name: str, rows: list[dict[str, Any]], dtype: pl.DataType | None) -> pl.Series:
    return column(name, [row.get(name) for row in rows], dtype)


def _equal(a: Any, b: Any) -> bool:
    """Say whether two states or values are the same; NaN, which a ``derive`` may give, is."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_equal(a[name], b[name]) for name in a)
    return bool(a == b) or (a != a and b != b)  # noqa: PLR0124 - only NaN differs from itself


def _stories(events: Events) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Yield each entity with its events in fold order."""
    frame = _collected(events.clustered.in_order.with_columns(pl.col("type").cast(pl.String)))
    yield from groupby(events.clustered.with_entity(frame).iter_rows(named=True), key=lambda row: row["entity"])


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect()
    except pl.exceptions.PolarsError as error:
        raise refusal(error) from error


def _exact(value: Any) -> Fraction:
    if isinstance(value, float) and not math.isfinite(value):
        raise FoldError(no_total(value))
    return Fraction(value)


def _rounded(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise FoldError(BEYOND_FLOATS) from error


def _default(rule: Rule) -> Any:
    if rule.op == "flag":
        return False
    if rule.op in ("count", "total"):
        return 0 if rule.op == "count" else Fraction(0)
    if rule.op == "distinct":
        return []
    return rule.initial  # of states and reduce; None for all others


def _moved(rule: Rule, old: Any, row: dict[str, Any]) -> Any:
    """Return the new value of a field that reads no payload member."""
    if rule.op == "flag":
        return row["type"] in rule.on
    if rule.op == "count":
        return old + 1
    if rule.op == "latest":
        return row["at"]
    if rule.op == "first":
        return row["at"] if old is None else old
    if rule.op == "states":
        arrows = (a for a in rule.transitions if a.event == row["type"] and old in a.sources)
        return next((arrow.target for arrow in arrows), old)
    told = (row["entity"], row["type"], row["at"], row["position"], row["event_id"], row["data"])
    return reduced(rule, old, told)


def _joined(op: str, old: Any, value: Any) -> Any:
    """Return the new value of a field that holds one or several values of a member."""
    if op == "latest":
        return value
    if op == "distinct":
        return old if value in old else sorted([*old, value])
    if old is None:
        return value
    return min(old, value) if op == "smallest" else max(old, value)


def _change(entity: str, row: dict[str, Any], name: str, before: Any, after: Any) -> dict[str, Any]:
    source = {"at": row["at"], "position": row["position"], "event_id": row["event_id"], "type": row["type"]}
    return source | {"entity": entity, "field": name, "before": before, "after": after}


def _dtype(rule: Rule, events: Events, columns: pl.Schema) -> pl.DataType | None:
    """Return the dtype of a field; None where only its values tell."""
    if rule.op in ("reduce", "derive"):
        return rule.dtype
    if rule.op == "states":
        return pl.String()
    if rule.op in ("flag", "count"):
        return pl.Boolean() if rule.op == "flag" else pl.Int64()
    if rule.of is None:
        return TIMESTAMP
    dtype = columns[events.members.of(rule).column]
    if rule.op == "total":
        _check_total(rule, dtype)
        return _total_dtype(dtype)
    return pl.List(dtype) if rule.op == "distinct" else dtype


def _total_dtype(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Decimal):
        return dtype
    return pl.Float64() if dtype.is_float() else pl.Int64()


def _check_total(rule: Rule, dtype: pl.DataType) -> None:
    if not (dtype.is_numeric() or dtype == pl.Null()):
        raise FoldError(f"field {rule.name!r}: the total of {rule.of!r} needs numbers, but the log holds {dtype}")
