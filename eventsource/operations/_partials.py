"""How snapshots hold each operation: columns that the states of later events can be merged into.

Merging works on columns: the earlier partial state and the later one of the same entity are in one row. Three
entities; ``spent`` is a ``total``, ``city`` a ``latest``:

    entity   spent  city   city|touched   spent|later  city|later  city|touched|later     spent  city  city|touched
    ann      3      Oslo   true           4            null        false               →  7      Oslo  true
    bob      0      null   false          2            Rome        true                →  2      Rome  true
    eve      5      Paris  true           0            null        true                →  5      null  true

The column ``|touched`` separates "no later event touches the city" (ann) from "the city was set to null" (eve).
Sums, counts, extremes and sets need no such column: the value of no events changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from eventsource.exact_numbers import fraction
from eventsource.operations._arguments import Arguments
from eventsource.operations._field_history import FieldEvents, FieldHistory
from eventsource.operations._means import is_within_128_bits, quotients
from eventsource.operations._operation import Partial
from eventsource.operations._sums import RunningSums, exact_scale, running_sums_of_integers

__all__ = ["MEAN", "TOTAL", "add", "keep_first", "keep_largest", "keep_last", "keep_smallest", "refold", "unite"]

_TOUCHED: Final = "|touched"
_COUNT: Final = "|count"
_LATER: Final = "|later"
_SCALE: Final = 2.0**72
"""Sums of floats are held in units of one over this: it must be the same in all snapshots."""

_History = Callable[[Arguments, FieldEvents], FieldHistory]
_Columns = Mapping[str, pl.Series]


def keep_last(history: _History) -> Partial:
    """Return partial states that keep the later value, if any event touched it."""
    return Partial(columns=_with_touched(history), merge=_merge_last)


def keep_first(history: _History) -> Partial:
    """Return partial states that keep the earlier value, if any event touched it."""
    return Partial(columns=_with_touched(history), merge=_merge_first)


def refold(history: _History) -> Partial:
    """Return partial states of an operation whose every value needs the one before: they cannot be merged."""
    return Partial(columns=_with_touched(history), merge=_merge_last, must_refold=_TOUCHED)


def add(history: _History) -> Partial:
    """Return partial states that are added."""
    return Partial(columns=_value(history), merge=lambda name: [pl.col(name) + _later(name)])


def keep_smallest(history: _History) -> Partial:
    """Return partial states that keep the smaller value; null only if both are null."""
    return Partial(columns=_value(history), merge=_merge_smallest)


def keep_largest(history: _History) -> Partial:
    """Return partial states that keep the larger value; null only if both are null."""
    return Partial(columns=_value(history), merge=_merge_largest)


def unite(history: _History) -> Partial:
    """Return partial states that are sets: merging unites them."""
    return Partial(columns=_value(history), merge=_merge_sets)


def _value(history: _History) -> Callable[[Arguments, FieldEvents], _Columns]:
    return lambda rule, events: {"": history(rule, events).last()}


def _with_touched(history: _History) -> Callable[[Arguments, FieldEvents], _Columns]:
    def columns(rule: Arguments, events: FieldEvents) -> _Columns:
        found = history(rule, events)
        return {"": found.last(), _TOUCHED: found.is_touched}

    return columns


def _later(name: str) -> pl.Expr:
    return pl.col(f"{name}{_LATER}")


def _merge_last(name: str) -> Iterator[pl.Expr]:
    touched = f"{name}{_TOUCHED}"
    yield pl.when(_later(touched)).then(_later(name)).otherwise(pl.col(name)).alias(name)
    yield pl.col(touched) | _later(touched)


def _merge_first(name: str) -> Iterator[pl.Expr]:
    touched = f"{name}{_TOUCHED}"
    yield pl.when(touched).then(pl.col(name)).otherwise(_later(name)).alias(name)
    yield pl.col(touched) | _later(touched)


def _merge_smallest(name: str) -> Iterator[pl.Expr]:
    earlier, later = pl.col(name), _later(name)
    yield pl.when(earlier.is_null() | (later < earlier)).then(later).otherwise(earlier).alias(name)


def _merge_largest(name: str) -> Iterator[pl.Expr]:
    earlier, later = pl.col(name), _later(name)
    yield pl.when(earlier.is_null() | (later > earlier)).then(later).otherwise(earlier).alias(name)


def _merge_sets(name: str) -> Iterator[pl.Expr]:
    yield pl.concat_list(pl.col(name), _later(name)).list.unique().list.sort().alias(name)


def _exact_sums(events: FieldEvents) -> pl.Series | None:
    """Return per entity the exact sum: Int128, or decimals; floats are units of ``1 / _SCALE``.

    None: some floats are not whole units, or a sum could exceed 128 bits.
    """
    values, touched, cuts = events.values, events.touched, events.touched.cuts
    if not values.dtype.is_float():
        units = running_sums_of_integers(values, touched).units(cuts[:-1], cuts[1:])
        return units if isinstance(units.dtype, pl.Decimal) else units.cast(pl.Int128)
    sums = RunningSums.of_floats(values, touched.longest, _SCALE) if exact_scale(values) >= _SCALE else None
    return None if sums is None else sums.units(cuts[:-1], cuts[1:])


def _total_columns(_rule: Arguments, events: FieldEvents) -> _Columns | None:
    sums = _exact_sums(events)
    return None if sums is None else {"": sums}


def _finish_total(rule: Arguments, member: pl.DataType) -> pl.Expr:
    sums = pl.col(rule.name)
    if member.is_float():
        return sums.cast(pl.Float64) / _SCALE
    return sums.cast(member if member.is_decimal() else pl.Int64(), strict=True)


TOTAL: Final = Partial(
    columns=_total_columns, merge=lambda name: [pl.col(name) + _later(name)], finish=_finish_total
)


def _mean_columns(_rule: Arguments, events: FieldEvents) -> _Columns | None:
    """Return the exact sum, decimals in units of their last digit, and the count."""
    if events.values.dtype == pl.String():  # numbers that no dtype holds together
        return None
    if isinstance(events.values.dtype, pl.Decimal):
        events = replace(events, values=events.values.to_physical())
    if not (events.values.dtype.is_float() or is_within_128_bits(events.values)):
        return None
    sums = _exact_sums(events)
    return None if sums is None else {"": sums, _COUNT: pl.Series(np.diff(events.touched.cuts))}


def _merge_means(name: str) -> Iterator[pl.Expr]:
    count = f"{name}{_COUNT}"
    yield pl.col(name) + _later(name)
    yield pl.col(count) + _later(count)


def _finish_mean(rule: Arguments, member: pl.DataType) -> pl.Expr:
    scale = 10**member.scale if isinstance(member, pl.Decimal) else _SCALE if member.is_float() else 1
    count = f"{rule.name}{_COUNT}"

    def divide(columns: pl.Series) -> pl.Series:
        sums, counts = columns.struct.field(rule.name), columns.struct.field(count)
        return quotients(sums, counts.to_numpy(), fraction(scale))

    return pl.struct(rule.name, count).map_batches(divide, return_dtype=pl.Float64())


MEAN: Final = Partial(columns=_mean_columns, merge=_merge_means, finish=_finish_mean)
