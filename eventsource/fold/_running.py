"""The running fold: the state after every event, as columns beside the events.

On events in fold order, every op is a cumulative expression that starts anew at an entity's first row.
Carrying a value forward is one forward fill of row numbers over the whole frame: cheaper than a window per
entity.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.fold._columns import column, refusal
from eventsource.fold._effects import DEFAULTS, EXISTS, Effect, Effects
from eventsource.plan import Rule

__all__ = ["default", "running"]

_ROW: Final = pl.col("|row")
_START: Final = pl.col("|start")


def running(frame: pl.DataFrame, effects: Effects, rules: Iterable[Rule]) -> pl.DataFrame:
    """Return ``exists`` and the fields of ``rules`` (no ``derive``) after each event of ``frame``.

    Args:
        frame: decoded events, sorted by (entity, at, position).
        effects: the effects on this frame.
        rules: which fields.

    Raises:
        FoldError: an integer total beyond 64 bits, a ``reduce`` function that failed.
    """
    fresh = (pl.col("entity") != pl.col("entity").shift()).fill_null(value=True)
    rows = frame.with_row_index("|row").with_columns(pl.col("|row").cast(pl.Int64))
    rows = rows.with_columns(pl.when(fresh).then(_ROW).forward_fill().alias("|start"))
    exists = _carried(effects.exists()).fill_null(value=False).alias(EXISTS)
    columns = [_column(rows, effects, rule) for rule in rules if rule.op != "derive"]
    try:
        return rows.select(exists, *columns)
    except pl.exceptions.PolarsError as error:
        raise refusal(error) from error


def default(rule: Rule) -> Any:
    """Return the value of a field before any event."""
    return DEFAULTS.get(rule.op, rule.initial)


def _column(rows: pl.DataFrame, effects: Effects, rule: Rule) -> pl.Expr | pl.Series:
    if rule.op in ("states", "reduce", "distinct"):
        return _stepwise(rows, effects, rule)
    effect = effects.of(rule)
    return _VECTORISED[rule.op](effect).alias(rule.name)


def _carried(effect: Effect) -> pl.Expr:
    """Return the value of the last row so far that the mask takes, within the entity."""
    last = pl.when(effect.mask).then(_ROW).forward_fill()
    return pl.when(last >= _START).then(effect.value.gather(last))


def _since_start(cumulative: pl.Expr, own: pl.Expr) -> pl.Expr:
    """Return a cumulative sum over the frame as one that starts anew with each entity."""
    return cumulative - (cumulative - own).gather(_START)


def _count(effect: Effect) -> pl.Expr:
    own = effect.mask.fill_null(value=False).cast(pl.Int64)
    return _since_start(own.cum_sum(), own)


def _first(effect: Effect) -> pl.Expr:
    earliest = effect.mask & (_count(effect) == 1)
    return _carried(Effect(earliest, effect.value))


def _flag(effect: Effect) -> pl.Expr:
    return _carried(effect).fill_null(value=False)


def _total(effect: Effect) -> pl.Expr:
    own = pl.when(effect.mask).then(effect.value).fill_null(0)
    if effect.dtype.is_decimal():
        return own.cum_sum().over("entity").cast(effect.dtype)
    if effect.scale is None:
        wide = own.cast(pl.Int128)
        return _since_start(wide.cum_sum(), wide).cast(pl.Int64, strict=True)
    wide = (own * effect.scale).cast(pl.Int128)
    return _since_start(wide.cum_sum(), wide).cast(pl.Float64) / effect.scale


def _smallest(effect: Effect) -> pl.Expr:
    return _extreme(effect, pl.Expr.cum_min)


def _largest(effect: Effect) -> pl.Expr:
    return _extreme(effect, pl.Expr.cum_max)


def _extreme(effect: Effect, running_extreme: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    if effect.dtype == pl.Null():
        return _carried(effect)  # no event has a value, and nulls have no order
    so_far = running_extreme(pl.when(effect.mask).then(effect.value)).over("entity")
    return _carried(Effect(effect.mask, so_far))


_VECTORISED: Final = {
    "latest": _carried,
    "first": _first,
    "flag": _flag,
    "count": _count,
    "total": _total,
    "smallest": _smallest,
    "largest": _largest,
}


def _stepwise(rows: pl.DataFrame, effects: Effects, rule: Rule) -> pl.Series:
    """Return a field that only a loop over its events can fold, one Python step per event."""
    effect = effects.of(rule)
    touched = rows.filter(effect.mask)
    steps = {"states": _machine, "reduce": _reduced, "distinct": _sets}[rule.op]
    value = effect.value if rule.op == "distinct" else pl.lit(None)
    states = _series([default(rule), *steps(touched.with_columns(value.alias("|value")), rule)], rule, effect)
    number = pl.when(effect.mask).then(effect.mask.cum_sum().cast(pl.Int64) - 1)
    index = rows.select(_carried(Effect(effect.mask, number))).to_series()
    return states.gather(index.fill_null(-1) + 1)


def _series(values: list[Any], rule: Rule, effect: Effect) -> pl.Series:
    if rule.op == "states":
        return pl.Series(rule.name, values, pl.String())
    if rule.op == "distinct":
        return pl.Series(rule.name, values, pl.List(effect.dtype))
    return column(rule.name, values, rule.dtype)


def _machine(touched: pl.DataFrame, rule: Rule) -> Iterator[Any]:
    table = {(source, arrow.event): arrow.target for arrow in rule.transitions for source in arrow.sources}
    entity, state = None, rule.initial
    for owner, kind in zip(touched["entity"].to_list(), touched["type"].to_list(), strict=True):
        if owner != entity:
            entity, state = owner, rule.initial
        state = table.get((state, kind), state)
        yield state


def _sets(touched: pl.DataFrame, rule: Rule) -> Iterator[Any]:  # noqa: ARG001 - one signature for all steps
    entity: str | None = None
    values: list[Any] = []
    for owner, value in zip(touched["entity"].to_list(), touched["|value"].to_list(), strict=True):
        if owner != entity:
            entity, values = owner, []
        if value not in values:
            values = values.copy()
            insort(values, value)
        yield values


def _reduced(touched: pl.DataFrame, rule: Rule) -> Iterator[Any]:
    entity, state = None, rule.initial
    function = rule.function or (lambda state, _event: state)
    for row in touched.select("entity", "type", "at", "position", "event_id", "data").iter_rows(named=True):
        if row["entity"] != entity:
            entity, state = row["entity"], rule.initial
        event = Event(**row | {"data": msgspec.json.decode(row["data"])})
        try:
            state = function(state, event)
        except Exception as error:
            raise FoldError(
                f"field {rule.name!r}: its function failed on {event.type} at position {event.position} "
                f"of {entity!r}: {type(error).__name__}: {error}"
            ) from error
        yield state
