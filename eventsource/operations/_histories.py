"""How the Polars engine computes each operation: from a field's events to its `FieldHistory`.

Each function takes (rule, events). The touches of a field are numbered in fold order; a function prepares arrays
over them once, and returns a look-up by (numbers of first touches, numbers of last touches). Six touches of two
entities, with their values, and what the look-ups read:

    touch          0    1    2    3    4    5        look up ann's touches 0 to 2: first = [0], last = [2]
    owner          ann  ann  ann  bob  bob  bob
    value          5    2    5    1    4    4
    latest         value[last]                       5
    first          value[first]                      5
    count          last - first + 1                  3
    total          running sums 0 5 7 12 13 17 21:   sums[last + 1] - sums[first] = 12
    mean           the total divided by the count    4.0
    smallest       running minimum per owner:        5 2 2 1 1 1, at last: 2
    distinct       values new to their owner:        touches 0, 1, 3, 4 remain; sorted list of the range: [2, 5]
    states         states after each touch, found by a state machine over whole columns
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, cast

import numpy as np
import polars as pl
from msgspec.structs import replace

from eventsource.operations._arguments import Arguments
from eventsource.operations._columns import column_of
from eventsource.operations._exact_sums import exact_means, exact_totals, overflowing
from eventsource.operations._field_history import FieldEvents, FieldHistory
from eventsource.operations._means import exact_sums, quotients
from eventsource.operations._reduction import RawEvent, call_function
from eventsource.operations._state_machine import run_machine
from eventsource.operations._sums import running_sums
from eventsource.operations._touched_rows import Numbers, expand_ranges

__all__ = [
    "count",
    "distinct",
    "first",
    "flag",
    "flag_of",
    "largest",
    "latest",
    "mean",
    "reduce",
    "smallest",
    "states",
    "total",
]

_SLICE: Final = 1 << 16  # events of a reduction that are Python objects at one moment


def latest(_rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Look up the value of the last touch."""
    values = events.values
    return FieldHistory(events.touched, lambda _, last: _gather(values, last), _null(values))


def first(_rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Look up the value of the first touch."""
    values = events.values
    return FieldHistory(events.touched, lambda first, _: _gather(values, first), _null(values))


def flag(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Look up whether the last touch is an ``on`` event."""
    return flag_of(events, rule.off)


def flag_of(events: FieldEvents, off: Collection[str]) -> FieldHistory:
    """Return the history of a flag that events of the types ``off`` clear; all other touches set it."""
    default = pl.Series([False])
    if not off:
        return FieldHistory(
            events.touched, lambda _, last: pl.repeat(value=True, n=len(last), eager=True), default
        )
    types = events.read("type")
    if isinstance(types.dtype, pl.Enum):
        is_on = np.array([name not in off for name in _categories(types)], bool)
        values = is_on[types.to_physical().to_numpy()]
    else:
        values = (~types.is_in(sorted(off))).to_numpy()
    return FieldHistory(events.touched, lambda _, last: pl.Series(values[last]), default)


def count(_rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Count the touches of the range."""
    return FieldHistory(
        events.touched, lambda first, last: pl.Series(last - first + 1), pl.Series([0], dtype=pl.Int64)
    )


def total(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Subtract two running sums."""
    if events.values.dtype == pl.String():
        return exact_totals(rule, events)
    sums = running_sums(events.values, events.touched)
    refused = overflowing(rule, events, sums)
    if refused is not None:
        rest = total(rule, events.without(refused.mask))
        return replace(rest, refused=refused.of(events))
    nothing = np.zeros(1, np.int64)
    return FieldHistory(
        events.touched, lambda first, last: sums.between(first, last + 1), sums.between(nothing, nothing)
    )


def mean(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Divide the difference of two running sums by the number of touches."""
    if events.values.dtype == pl.String():
        return exact_means(rule, events)
    sums, units_in_one = exact_sums(events.values, events.touched)

    def look_up(first: Numbers, last: Numbers) -> pl.Series:
        return quotients(sums.units(first, last + 1), last - first + 1, units_in_one)

    return FieldHistory(events.touched, look_up, pl.Series([None], dtype=pl.Float64))


def smallest(_rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Look up the running minimum of the entity."""
    return _extreme(events, pl.Expr.cum_min)


def largest(_rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Look up the running maximum of the entity."""
    return _extreme(events, pl.Expr.cum_max)


def _extreme(events: FieldEvents, running: Callable[[pl.Expr], pl.Expr]) -> FieldHistory:
    values = events.values if events.ranks is None else events.ranks.codes
    rows = pl.DataFrame({"value": values, "owner": events.touched.owners})
    after = rows.select(running(pl.col("value")).over("owner")).to_series() if len(values) else values
    if events.ranks is None:
        return FieldHistory(events.touched, lambda _, last: _gather(after, last), _null(values))
    shown = events.ranks.shown
    return FieldHistory(events.touched, lambda _, last: shown.gather(_gather(after, last)), _null(shown))


def distinct(_rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Sort the values of the range; a value that the entity has already touches nothing."""
    shown = None if events.ranks is None else events.ranks.shown
    values = events.values if events.ranks is None else events.ranks.codes
    rows = pl.DataFrame({"value": values, "owner": events.touched.owners})
    is_new = rows.select(pl.col("value").is_first_distinct().over("owner")).to_series()
    values = values.filter(is_new)

    def look_up(first: Numbers, last: Numbers) -> pl.Series:
        ends = np.maximum(first, last) + 1
        # Neighbours often ask for the same range: each is sorted once.
        differs = np.append(True, (first[1:] != first[:-1]) | (ends[1:] != ends[:-1]))[: len(first)]
        return _sorted_lists(values, first[differs], ends[differs], shown)[np.cumsum(differs) - 1]

    dtype = pl.List(values.dtype if shown is None else shown.dtype)
    return FieldHistory(events.touched.where(is_new), look_up, pl.Series([[]], dtype=dtype))


def _sorted_lists(values: pl.Series, begins: Numbers, ends: Numbers, shown: pl.Series | None) -> pl.Series:
    """Return the values of each range, none of them empty, as a sorted list; ``shown``: the values of ranks."""
    numbers = pl.Series("list", np.repeat(np.arange(len(begins)), ends - begins)).set_sorted()
    flat = pl.DataFrame([numbers, values[expand_ranges(begins, ends)].alias("value")])
    if shown is not None:
        flat = flat.sort("list", "value")
        flat = flat.with_columns(shown.gather(flat["value"]).alias("value"))
        return flat.group_by("list", maintain_order=True).agg("value")["value"]
    return flat.group_by("list", maintain_order=True).agg(pl.col("value").sort())["value"]


def states(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Run the state machine over all touches, and look up the state after the last one."""
    names = sorted({rule.initial, *(n for each in rule.transitions for n in (*each.sources, each.target))})
    types = events.read("type")
    if not isinstance(types.dtype, pl.Enum):
        types = types.cast(pl.Enum(sorted(set(rule.types))))
    type_names = _categories(types)
    table = np.tile(np.arange(len(names)), (len(type_names), 1))  # without a transition, the state stays
    for each in rule.transitions:
        sources = [names.index(source) for source in each.sources]
        table[type_names.index(each.event), sources] = names.index(each.target)
    owners, initial = events.touched.owners.to_numpy(), names.index(rule.initial)
    is_first = np.append(True, owners[1:] != owners[:-1])[: len(owners)]
    after = run_machine(types.to_physical().to_numpy(), is_first, table, initial)
    texts = pl.Series(rule.name, names, pl.String())
    return FieldHistory(events.touched, lambda _, last: _gather(texts, after[last]), texts[[initial]])


def reduce(rule: Arguments, events: FieldEvents) -> FieldHistory:
    """Call the model's function for each touch, and look up the state after the last one."""
    values = column_of(rule.name, [rule.initial, *_reduced(rule, events)], rule.dtype)  # 0 is before any touch
    return FieldHistory(events.touched, lambda _, last: values[last + 1], values[[0]])


def _reduced(rule: Arguments, events: FieldEvents) -> Iterator[Any]:
    """Yield the state after each touch."""
    owner, state = None, rule.initial
    for number, raw in _raw_events(events):
        if number != owner:
            owner, state = number, rule.initial
        state = call_function(rule, state, raw)
        yield state


def _raw_events(events: FieldEvents) -> Iterator[tuple[int, RawEvent]]:
    """Yield the number of each event's entity, and the event."""
    names = ("type", "at", "position", "event_id", "data")
    touches = pl.DataFrame([events.read(name).alias(name) for name in names]).with_columns(
        owner=events.touched.owners
    )
    for part in touches.iter_slices(_SLICE):
        owners = part["owner"]
        rows = zip(events.entities.gather(owners), *(part[name].to_list() for name in names), strict=True)
        yield from zip(owners, rows, strict=True)


def _gather(values: pl.Series, numbers: Numbers) -> pl.Series:
    return values[pl.Series(numbers.astype(np.uint32))]  # several times as fast as gather for few numbers


def _null(values: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=values.dtype)


def _categories(types: pl.Series) -> list[str]:
    return cast("pl.Enum", types.dtype).categories.to_list()
