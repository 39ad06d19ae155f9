"""The Polars engine: a single state by one `group_by`, everything else from the running fold."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from eventsource.fold._columns import refusal
from eventsource.fold._effects import EXISTS, Effect, Effects, derived
from eventsource.fold._running import default, running
from eventsource.fold.engine import Events
from eventsource.plan import Rule

__all__ = ["PolarsEngine"]

_ORDERED: Final = frozenset({"states", "reduce"})
_ENVELOPE: Final = ("entity", "at", "position", "event_id", "type")


class PolarsEngine:
    """Folds whole logs at columnar speed; see `eventsource.fold.engine.Engine`."""

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """One pass over the columns that the plan needs, grouped by entity."""
        events = _until(events, moment)
        effects, rules = Effects(events), events.plan.rules
        ordered = [rule for rule in rules if rule.op in _ORDERED]
        frame = _with_ordered(events, effects, ordered) if ordered else events.frame
        folds = [_folded(effects, rule) for rule in rules if rule.op != "derive"]
        exists = _last(effects.exists()).fill_null(value=False).alias(EXISTS)
        states = frame.group_by("entity", maintain_order=True).agg(exists, *folds)
        answer = _collect(states.filter(EXISTS).drop(EXISTS))
        return derived(answer, rules).select("entity", *events.plan.fields)

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Only the entities asked for are folded; then one as-of join."""
        mine = asked.select("entity").drop_nulls().unique().lazy()
        frame = events.frame.join(mine, on="entity", how="semi", maintain_order="left")
        steps = _steps(events.on(frame), events.plan.rules)
        instants = steps.filter(_last_of("entity", "at"))
        rows = asked.with_row_index("|row").sort("entity", "at")
        # both sides are sorted by (entity, at): what an as-of join by groups asks for, and does not check
        found = rows.join_asof(instants, on="at", by="entity", strategy="backward", check_sortedness=False)
        exists = pl.col(EXISTS).fill_null(value=False)
        fields = [pl.when(exists).then(pl.col(name)).alias(name) for name in events.plan.fields]
        return found.sort("|row").select(exists.alias(EXISTS), *fields)

    def history(self, events: Events) -> pl.DataFrame:
        """Runs of equal neighbours among the last states of each instant."""
        steps = _steps(events, events.plan.rules).filter(_last_of("entity", "at"))
        same = pl.col("entity") == pl.col("entity").shift()
        differs = [pl.col(name).ne_missing(pl.col(name).shift()) for name in (EXISTS, *events.plan.fields)]
        runs = steps.filter(~same.fill_null(value=False) | pl.any_horizontal(differs))
        goes_on = pl.col("entity") == pl.col("entity").shift(-1)
        until = pl.when(goes_on).then(pl.col("at").shift(-1))
        rows = runs.with_columns(until.alias("valid_to")).filter(EXISTS)
        return rows.select("entity", pl.col("at").alias("valid_from"), "valid_to", *events.plan.fields)

    def changes(self, events: Events, fields: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Rows whose state differs from the one before, of the same entity."""
        rules = events.plan.only(fields).rules
        after = _steps(events, rules)
        before = _before(after, rules)
        return {name: _changed(after, before, name) for name in fields}


def _until(events: Events, moment: datetime | None) -> Events:
    if moment is None:
        return events
    return events.on(events.frame.filter(pl.col("at") <= moment))


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise refusal(error) from error


def _with_ordered(events: Events, effects: Effects, ordered: Sequence[Rule]) -> pl.LazyFrame:
    frame = _collect(events.frame)
    return frame.hstack(running(frame, effects, ordered).drop(EXISTS)).lazy()


def _folded(effects: Effects, rule: Rule) -> pl.Expr:
    """Return the aggregation of one group of events to the field of ``rule``."""
    if rule.op in _ORDERED:
        return pl.col(rule.name).last()
    effect = effects.of(rule)
    return _AGGREGATED[rule.op](effect).alias(rule.name)


def _last(effect: Effect) -> pl.Expr:
    return _unpacked(effect, _packed(effect).last(ignore_nulls=True))


def _first(effect: Effect) -> pl.Expr:
    return _unpacked(effect, _packed(effect).first(ignore_nulls=True))


def _packed(effect: Effect) -> pl.Expr:
    """Return the values where the mask is true; a struct that holds an explicit null is not null itself."""
    value = pl.struct(effect.value.alias("value")) if effect.null else effect.value
    return pl.when(effect.mask).then(value)


def _unpacked(effect: Effect, packed: pl.Expr) -> pl.Expr:
    return packed.struct.field("value") if effect.null else packed


def _flag(effect: Effect) -> pl.Expr:
    return _last(effect).fill_null(value=False)


def _count(effect: Effect) -> pl.Expr:
    return effect.mask.sum().cast(pl.Int64)


def _total(effect: Effect) -> pl.Expr:
    own = pl.when(effect.mask).then(effect.value)
    if effect.dtype.is_decimal():
        return own.sum().cast(effect.dtype)
    if effect.scale is None:
        return own.cast(pl.Int128).sum().cast(pl.Int64, strict=True)
    return (own * effect.scale).cast(pl.Int128).sum().cast(pl.Float64) / effect.scale


def _smallest(effect: Effect) -> pl.Expr:
    return pl.when(effect.mask).then(effect.value).min()


def _largest(effect: Effect) -> pl.Expr:
    return pl.when(effect.mask).then(effect.value).max()


def _distinct(effect: Effect) -> pl.Expr:
    return effect.value.filter(effect.mask).drop_nulls().unique().sort()


_AGGREGATED: Final = {
    "latest": _last,
    "first": _first,
    "flag": _flag,
    "count": _count,
    "total": _total,
    "smallest": _smallest,
    "largest": _largest,
    "distinct": _distinct,
}


def _steps(events: Events, rules: Sequence[Rule]) -> pl.DataFrame:
    """Return the envelope of each event, ``exists`` and the fields after it."""
    effects = Effects(events)
    frame = _collect(events.frame.select(*_ENVELOPE, *effects.columns(rules)))
    after = running(frame, effects, rules)
    return derived(frame.select(_ENVELOPE).hstack(after), rules)


def _before(after: pl.DataFrame, rules: Iterable[Rule]) -> pl.DataFrame:
    """Return the fields before each event: those after the one before, or the defaults."""
    same = (pl.col("entity") == pl.col("entity").shift()).fill_null(value=False)
    plain = [rule for rule in rules if rule.op != "derive"]
    shifted = [
        pl.when(same).then(pl.col(rule.name).shift()).otherwise(_literal(rule, after.schema[rule.name]))
        for rule in plain
    ]
    named = [expr.alias(rule.name) for expr, rule in zip(shifted, plain, strict=True)]
    return derived(after.select(named), rules)


def _literal(rule: Rule, dtype: pl.DataType) -> pl.Expr:
    return pl.lit(pl.Series([default(rule)], dtype=dtype)).first()


def _changed(after: pl.DataFrame, before: pl.DataFrame, name: str) -> pl.DataFrame:
    rows = after.select(*_ENVELOPE, pl.col(name).alias("after")).with_columns(before[name].alias("before"))
    rows = rows.filter(pl.col("before").ne_missing(pl.col("after"))).sort("at", "position")
    return rows.select(
        "at",
        "position",
        "entity",
        pl.lit(name).alias("field"),
        "before",
        "after",
        "event_id",
        pl.col("type").cast(pl.String),
    )


def _last_of(*columns: str) -> pl.Expr:
    """Return the mask of rows that are the last of a run of equal values."""
    differs = [pl.col(name) != pl.col(name).shift(-1) for name in columns]
    return pl.any_horizontal(differs).fill_null(value=True)
