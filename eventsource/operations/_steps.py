"""One step of each operation: how one event changes one field. This is the specification as code.

Each function takes (rule, state, event, value) and returns the next state. ``event`` has the columns of the
envelope; ``value`` is the value of the member that the rule reads, or the moment of the event. It is None only for
an explicit null of an operation that nulls touch (``latest``, ``first``).
"""

import decimal
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import polars as pl

from eventsource.errors import FoldError
from eventsource.operations._arguments import Arguments
from eventsource.operations._reduction import call_function
from eventsource.operations._sums import BEYOND_FLOATS, not_finite

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
    "show_total",
    "smallest",
    "states",
    "total",
]

_INT64: Final = 2**63

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


def begin_total(_rule: Arguments) -> Fraction:
    """Return the sum of no numbers."""
    return Fraction(0)


def total(_rule: Arguments, state: Fraction, _event: Event, value: Any) -> Fraction:
    """Add the value, exactly."""
    return state + _exact(value)


def show_total(rule: Arguments, state: Fraction, dtype: pl.DataType | None) -> Any:
    """Return a sum as a number of its dtype: integers and decimals exact, floats rounded once.

    Raises:
        FoldError: the dtype cannot hold the sum.
    """
    if isinstance(dtype, pl.Decimal):
        units = int(state * 10**dtype.scale)
        if abs(units) >= 10**dtype.precision:
            raise FoldError(
                f"field {rule.name!r}: a total exceeds {dtype.precision} digits",
                hint=f"dtype=pl.Decimal(38, {dtype.scale}) holds most digits",
            )
        return decimal.Decimal(f"{units}e-{dtype.scale}")
    if dtype == pl.Int64():
        if not -_INT64 <= state < _INT64:
            raise FoldError(
                f"field {rule.name!r}: a total exceeds 64 bits", hint="dtype=pl.Decimal(38, 0) is wider"
            )
        return int(state)
    return _rounded(state)


def begin_mean(_rule: Arguments) -> tuple[Fraction, int]:
    """Return the sum and the count of no numbers."""
    return Fraction(0), 0


def mean(_rule: Arguments, state: tuple[Fraction, int], _event: Event, value: Any) -> tuple[Fraction, int]:
    """Add the value to the sum, exactly, and count it."""
    sum_, number = state
    return sum_ + _exact(value), number + 1


def show_mean(_rule: Arguments, state: tuple[Fraction, int], _dtype: pl.DataType | None) -> float | None:
    """Return the exact sum divided by the count, rounded once; null before any number."""
    sum_, number = state
    return _rounded(sum_ / number) if number else None


def smallest(_rule: Arguments, state: Any, _event: Event, value: Any) -> Any:
    """Keep the smaller value."""
    return value if state is None else min(state, value)


def largest(_rule: Arguments, state: Any, _event: Event, value: Any) -> Any:
    """Keep the larger value."""
    return value if state is None else max(state, value)


def distinct(_rule: Arguments, state: list[Any], _event: Event, value: Any) -> list[Any]:
    """Add the value to the set, which is a sorted list."""
    return state if value in state else sorted([*state, value])


def states(rule: Arguments, state: str, event: Event, _value: Any) -> str:
    """Follow the transition that leaves the present state on this event, if there is one."""
    targets = (t.target for t in rule.transitions if t.event == event["type"] and state in t.sources)
    return next(targets, state)


def reduce(rule: Arguments, state: Any, event: Event, _value: Any) -> Any:
    """Call the model's function."""
    raw = (event["entity"], event["type"], event["at"], event["position"], event["event_id"], event["data"])
    return call_function(rule, state, raw)


def _exact(value: Any) -> Fraction:
    if isinstance(value, float) and not math.isfinite(value):
        raise FoldError(not_finite(value), hint="or sum another member")
    return Fraction(value)


def _rounded(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise FoldError(BEYOND_FLOATS, hint="leave out the value that large when the log is pulled") from error
