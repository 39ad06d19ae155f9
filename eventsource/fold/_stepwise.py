"""Ops whose every value needs the one before: state machines and reductions."""

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import numpy as np
import polars as pl

from eventsource.decode import Integers
from eventsource.fold._columns import column
from eventsource.fold._machine import run
from eventsource.fold._reduction import Told, reduced
from eventsource.plan import Rule

__all__ = ["STEPWISE", "stepwise"]

STEPWISE: Final = frozenset({"states", "reduce"})

_ROWS: Final = 1 << 16  # events of a reduction that are Python objects at one moment


def stepwise(touched: pl.DataFrame, rule: Rule, entities: pl.Series) -> Callable[[Integers], pl.Series]:
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


def _machine(touched: pl.DataFrame, rule: Rule) -> Callable[[Integers], pl.Series]:
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
    owner, state = None, rule.initial
    for number, told in _told(touched, entities):
        if number != owner:
            owner, state = number, rule.initial
        state = reduced(rule, state, told)
        yield state


def _told(touched: pl.DataFrame, entities: pl.Series) -> Iterator[tuple[int, Told]]:
    """Yield the number of each event's entity, and the event."""
    for part in touched.iter_slices(_ROWS):
        owners = part["owner"]
        names = ("type", "at", "position", "event_id", "data")
        rows = zip(entities.gather(owners), *(part[name].to_list() for name in names), strict=True)
        yield from zip(owners, rows, strict=True)
