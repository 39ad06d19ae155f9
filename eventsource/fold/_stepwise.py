"""Ops whose every value needs the one before: state machines and reductions."""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import msgspec
import numpy as np
import polars as pl

from eventsource.errors import FoldError
from eventsource.event import Event
from eventsource.fold._columns import column, unshared
from eventsource.fold._machine import run
from eventsource.fold.clustered import Touches
from eventsource.plan import Rule

__all__ = ["STEPWISE", "stepwise"]

STEPWISE: Final = frozenset({"states", "reduce"})

_ROWS: Final = 1 << 16  # events of a reduction that are Python objects at one moment
_decode: Final = msgspec.json.Decoder().decode


def stepwise(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> Callable[[Touches], pl.Series]:
    """Return what looks up the values of a field after touches: 0 is before any, 1 after the first, and so on.

    Args:
        touched: these events in fold order: ``owner`` (the number of the entity, ascending), ``type`` (an
            Enum) and, for ``reduce``, ``at``, ``position``, ``event_id``, ``data``.
        rule: the field.
        entities: the ids of the entities, by number.

    Raises:
        FoldError: a ``reduce`` function that failed, or whose values do not fit one dtype.
    """
    if rule.op == "states":
        return _machine(touched, rule)
    values = column(rule.name, [rule.initial, *_reduced(touched, rule, entities)], rule.dtype)
    return lambda places: values[places]


def _machine(touched: pl.DataFrame, rule: Rule) -> Callable[[Touches], pl.Series]:
    names = sorted({rule.initial, *(n for arrow in rule.transitions for n in (*arrow.sources, arrow.target))})
    kinds = cast("pl.Enum", touched.schema["type"]).categories.to_list()
    table = np.tile(np.arange(len(names)), (len(kinds), 1))
    for arrow in rule.transitions:
        sources = [names.index(source) for source in arrow.sources]
        table[kinds.index(arrow.event), sources] = names.index(arrow.target)
    owners, initial = touched["owner"].to_numpy(), names.index(rule.initial)
    fresh = np.append(True, owners[1:] != owners[:-1])[: len(owners)]
    numbers = np.append(initial, run(touched["type"].to_physical().to_numpy(), fresh, table, initial))
    texts = pl.Series(rule.name, names, pl.String())
    return lambda places: texts[numbers[places]]


def _reduced(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> Iterator[Any]:
    """Yield the state after each event."""
    function = rule.function or (lambda state, _event: state)
    owner, state = None, rule.initial
    for number, event in _events(touched, entities):
        if number != owner:
            owner, state = number, rule.initial
        try:
            state = function(unshared(state), event)
        except Exception as error:
            raise FoldError(
                f"field {rule.name!r}: its function failed on {event.type} at position {event.position} "
                f"of {event.entity!r}: {type(error).__name__}: {error}"
            ) from error
        yield state


def _events(touched: pl.DataFrame, entities: pl.Series) -> Iterator[tuple[int, Event]]:
    """Yield the number of each event's entity, and the event."""
    for part in touched.iter_slices(_ROWS):
        owners = part["owner"]
        names = ("type", "at", "position", "event_id", "data")
        told = zip(owners, entities.gather(owners), *(part[name].to_list() for name in names), strict=True)
        for owner, entity, kind, at, position, event_id, data in told:
            yield owner, Event(entity, kind, at, position, event_id, _decode(data))
