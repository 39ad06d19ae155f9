"""Ops whose every value needs the one before: state machines, reductions, running sets."""

from bisect import insort
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.fold._columns import column
from eventsource.plan import Rule

__all__ = ["STEPWISE", "stepwise"]

STEPWISE: Final = frozenset({"states", "reduce", "distinct"})


def stepwise(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> pl.Series:
    """Return the value of a field before any event, and after each event that touches it.

    Args:
        touched: these events in fold order: ``owner`` (the number of the entity, ascending), ``value`` (of
            ``distinct``: the member, never null; of ``states``: the type) and, for ``reduce``, ``type``, ``at``,
            ``position``, ``event_id``, ``data``.
        rule: the field.
        entities: the ids of the entities, by number.

    Raises:
        FoldError: a ``reduce`` function that failed, or whose values do not fit one dtype.
    """
    return _STEPS[rule.op](touched, rule, entities)


def _machine(touched: pl.DataFrame, rule: Rule, _: pl.Series) -> pl.Series:
    table = {(source, arrow.event): arrow.target for arrow in rule.transitions for source in arrow.sources}
    states, entity, state = [rule.initial], None, rule.initial
    for owner, kind in zip(touched["owner"].to_list(), touched["value"].to_list(), strict=True):
        if owner != entity:
            entity, state = owner, rule.initial
        state = table.get((state, kind), state)
        states.append(state)
    return pl.Series(rule.name, states, pl.String())


def _sets(touched: pl.DataFrame, rule: Rule, _: pl.Series) -> pl.Series:
    sets: list[list[Any]] = [[]]
    entity: int | None = None
    values: list[Any] = []
    for owner, value in zip(touched["owner"].to_list(), touched["value"].to_list(), strict=True):
        if owner != entity:
            entity, values = owner, []
        if value not in values:
            values = values.copy()
            insort(values, value)
        sets.append(values)
    return pl.Series(rule.name, sets, pl.List(touched["value"].dtype))


def _reduced(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> pl.Series:
    return column(rule.name, [rule.initial, *_steps(touched, rule, entities)], rule.dtype)


def _steps(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> Iterator[Any]:
    entity, state = None, rule.initial
    function = rule.function or (lambda state, _event: state)
    names = touched.select(
        entities.gather(touched["owner"]).alias("entity"), "type", "at", "position", "event_id", "data"
    )
    for row in names.iter_rows(named=True):
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


_STEPS: Final = {"states": _machine, "distinct": _sets, "reduce": _reduced}
