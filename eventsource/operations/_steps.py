"""One step of each operation: how one event changes one field. This is the specification as code.

Each function takes (rule, state, event, value) and returns the next state. ``event`` has the columns of the
envelope; ``value`` is the value of the member that the rule reads, or the moment of the event. It is None only for
an explicit null of an operation that nulls touch (``latest``, ``first``). A step that raises `Unfoldable` is a
fault: the state stays what it was.
"""

import decimal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from eventsource.exact_numbers import fraction
from eventsource.operations._arguments import Arguments
from eventsource.operations._reduction import call_function
from eventsource.operations._unfoldable import canonical, check_total, comparable, exact_number

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = [
    "begin_mean",
    "begin_total",
    "count",
    "distinct",
    "first",
    "flag",
    "largest",
    "latest",
    "mean",
    "reduce",
    "show_first",
    "show_mean",
    "show_ordered",
    "show_total",
    "smallest",
    "states",
    "total",
]

_DIGITS: Final = 400
"""The precision of decimals: more digits than any sum has that a column can hold."""

Event = Mapping[str, Any]


def latest(_rule: Arguments, _state: Any, _event: Event, value: Any) -> Any:
    """Take the new value."""
    return value


def first(_rule: Arguments, state: tuple[Any, ...], _event: Event, value: Any) -> tuple[Any, ...]:
    """Keep the first value: the state is empty before it, because the first value may be null."""
    return state or (value,)


def show_first(_rule: Arguments, state: tuple[Any, ...], _dtype: pl.DataType | None) -> Any:
    """Return the first value, or null."""
    return state[0] if state else None


def flag(rule: Arguments, _state: bool, event: Event, _value: Any) -> bool:  # noqa: FBT001 - states are positional
    """Set the flag after an ``on`` event, clear it after an ``off`` event."""
    return event["type"] in rule.on


def count(_rule: Arguments, state: int, _event: Event, _value: Any) -> int:
    """Count the event."""
    return state + 1


def begin_total(_rule: Arguments) -> "tuple[Fraction, bool]":
    """Return the sum of no numbers, and that no float is in it."""
    return fraction(0), False


def total(rule: Arguments, state: "tuple[Fraction, bool]", _event: Event, value: Any) -> "tuple[Fraction, bool]":
    """Add the value, exactly.

    Raises:
        Unfoldable: it is not a number, or the sum leaves the range of its dtype.
    """
    sum_, has_float = state
    after = sum_ + exact_number(value), has_float or isinstance(value, float)
    check_total(rule, *after)
    return after


def show_total(_rule: Arguments, state: "tuple[Fraction, bool]", _dtype: pl.DataType | None) -> Any:
    """Return a sum as a number: integers and decimals exact, floats rounded once."""
    sum_, has_float = state
    if has_float:
        return float(sum_)
    if sum_.denominator == 1:
        return int(sum_)
    with decimal.localcontext(prec=_DIGITS):
        return decimal.Decimal(sum_.numerator) / sum_.denominator


def begin_mean(_rule: Arguments) -> "tuple[Fraction, int]":
    """Return the sum and the count of no numbers."""
    return fraction(0), 0


def mean(_rule: Arguments, state: "tuple[Fraction, int]", _event: Event, value: Any) -> "tuple[Fraction, int]":
    """Add the value to the sum, exactly, and count it.

    Raises:
        Unfoldable: it is not a number.
    """
    sum_, number = state
    return sum_ + exact_number(value), number + 1


def show_mean(_rule: Arguments, state: "tuple[Fraction, int]", _dtype: pl.DataType | None) -> float | None:
    """Return the exact sum divided by the count, rounded once; null before any number."""
    sum_, number = state
    return float(sum_ / number) if number else None


def smallest(_rule: Arguments, state: Any, _event: Event, value: Any) -> Any:
    """Keep the smaller value.

    Raises:
        Unfoldable: it does not compare with the one before.
    """
    return comparable(value, state) if state is None else min(state, comparable(value, state))


def largest(_rule: Arguments, state: Any, _event: Event, value: Any) -> Any:
    """Keep the larger value.

    Raises:
        Unfoldable: it does not compare with the one before.
    """
    return comparable(value, state) if state is None else max(state, comparable(value, state))


def distinct(_rule: Arguments, state: list[Any], _event: Event, value: Any) -> list[Any]:
    """Add the value to the set, which is a sorted list.

    Raises:
        Unfoldable: it does not compare with the ones before.
    """
    found = comparable(value, state[0] if state else None)
    return state if found in state else sorted([*state, found])


def show_ordered(_rule: Arguments, state: Any, dtype: pl.DataType | None) -> Any:
    """Return a value, or a set of values; in a column of texts equal numbers have one text."""
    if isinstance(state, list):
        return [show_ordered(_rule, each, getattr(dtype, "inner", None)) for each in state]
    return canonical(state) if dtype == pl.String() else state


def states(rule: Arguments, state: str, event: Event, _value: Any) -> str:
    """Follow the transition that leaves the present state on this event, if there is one."""
    targets = (t.target for t in rule.transitions if t.event == event["type"] and state in t.sources)
    return next(targets, state)


def reduce(rule: Arguments, state: Any, event: Event, _value: Any) -> Any:
    """Call the model's function."""
    raw = (event["entity"], event["type"], event["at"], event["position"], event["event_id"], event["data"])
    return call_function(rule, state, raw)
