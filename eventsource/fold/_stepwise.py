"""Ops whose every value needs the one before: state machines and reductions."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.fold._columns import column
from eventsource.fold._machine import run
from eventsource.plan import Rule

__all__ = ["STEPWISE", "stepwise"]

_decode: Final = msgspec.json.Decoder().decode

STEPWISE: Final = frozenset({"states", "reduce"})


def stepwise(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> pl.Series:
    """Return the value of a field before any event, and after each event that touches it.

    Args:
        touched: these events in fold order: ``owner`` (the number of the entity, ascending), ``value`` (the
            type) and, for ``reduce``, ``type``, ``at``, ``position``, ``event_id``, ``data``.
        rule: the field.
        entities: the ids of the entities, by number.

    Raises:
        FoldError: a ``reduce`` function that failed, or whose values do not fit one dtype.
    """
    return _STEPS[rule.op](touched, rule, entities)


def _machine(touched: pl.DataFrame, rule: Rule, _: pl.Series) -> pl.Series:
    names = sorted({rule.initial, *(n for arrow in rule.transitions for n in (*arrow.sources, arrow.target))})
    kinds = sorted({arrow.event for arrow in rule.transitions})
    table = np.tile(np.arange(len(names)), (len(kinds) + 1, 1))
    for arrow in rule.transitions:
        for source in arrow.sources:
            table[kinds.index(arrow.event), names.index(source)] = names.index(arrow.target)
    events = touched["value"].cast(pl.String).cast(pl.Enum(kinds)).to_physical().to_numpy().astype(np.int64)
    owners = touched["owner"].to_numpy()
    fresh = np.append(True, owners[1:] != owners[:-1])[: len(owners)]
    initial = names.index(rule.initial)
    states = np.append(initial, run(events, fresh, table, initial))
    return pl.Series(rule.name, names, pl.String())[states]


def _reduced(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> pl.Series:
    return column(rule.name, [rule.initial, *_steps(touched, rule, entities)], rule.dtype)


def _steps(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> Iterator[Any]:
    function = rule.function or (lambda state, _event: state)
    owner, state = None, rule.initial
    told = touched.select(
        "owner",
        entities.gather(touched["owner"]),
        pl.col("type").cast(pl.String),
        "at",
        "position",
        "event_id",
        "data",
    )
    for number, entity, kind, at, position, event_id, data in zip(*(part.to_list() for part in told), strict=True):
        if number != owner:
            owner, state = number, rule.initial
        event = Event(entity, kind, at, position, event_id, _decode(data))
        try:
            state = function(state, event)
        except Exception as error:
            raise FoldError(
                f"field {rule.name!r}: its function failed on {event.type} at position {event.position} "
                f"of {event.entity!r}: {type(error).__name__}: {error}"
            ) from error
        yield state


_STEPS: Final = {"states": _machine, "reduce": _reduced}
