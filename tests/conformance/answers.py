"""Asking a timeline anything, and comparing answers exactly: values with their Python types, and dtypes."""

import decimal
import json
import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

import polars as pl

from eventsource.errors import FaultError, FoldError
from eventsource.fold import Engine, PolarsEngine, ReferenceEngine
from eventsource.plan import Plan
from eventsource.testing import MemoryLog
from eventsource.timeline import Timeline


class Refusal(str):
    """The answer to what cannot be folded: the event and the field of the fault, or nothing more."""

    __slots__ = ()


def is_refused(answer: Any) -> bool:
    """Return whether a question was refused."""
    return isinstance(answer, Refusal)


def timeline(events: list[dict[str, Any]], plan: Plan, engine: Engine | None = None, tz: str = "UTC") -> Timeline:
    return Timeline(MemoryLog(events), plan, engine=engine, tz=tz)


def both_engines(events: list[dict[str, Any]], plan: Plan, tz: str = "UTC") -> list[Timeline]:
    """Return a timeline per engine, the fast one first; both read the same decoded events."""
    fast = timeline(events, plan, PolarsEngine(), tz)
    slow = copy(fast)
    slow._engine = ReferenceEngine()
    return [fast, slow]


def answer_of(question: Callable[[Timeline], Any], of: Timeline) -> Any:
    """Return the answer to a question, or its `Refusal`."""
    try:
        return question(of)
    except FaultError as fault:
        return Refusal((fault.event_id, fault.field, fault.entity, fault.value, fault.reason))
    except FoldError:
        return Refusal()


def has_fixed_dtypes(plan: Plan) -> bool:
    """Return whether a plan fixes all dtypes of its answers; values decide that of an untyped ``reduce``."""
    return all(rule.dtype is not None for rule in plan.rules if rule.op == "reduce") and not any(
        rule.op == "derive" for rule in plan.rules
    )


def assert_same(
    found: Any, expected: Any, *, dtypes: bool = True, typed: bool = True, widened: bool = False
) -> None:
    """Assert that two answers are equal to the last bit.

    Args:
        found: an answer.
        expected: another.
        dtypes: whether their dtypes must be equal too.
        typed: whether 0 and 0.0 are different values.
        widened: whether one of them may have seen more, so that its columns have wider dtypes.
    """
    if is_refused(found) or is_refused(expected):
        assert found == expected
        return
    assert found.columns == expected.columns
    if dtypes and not widened:
        assert found.schema == expected.schema
    rows = found.to_dicts(), expected.to_dicts()
    assert alike(*rows, typed=typed, widened=widened), f"\n{found}\n{expected}"


def alike(a: Any, b: Any, *, typed: bool = True, widened: bool = False) -> bool:
    """Say whether two values are equal, of the same Python type, NaN being equal to itself.

    Args:
        a: a value.
        b: another.
        typed: whether their types must be the same.
        widened: whether a number may be a decimal or a JSON text in one of them, and a boolean a JSON text.
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(alike(a[name], b[name], typed=typed, widened=widened) for name in a)
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        pairs = zip(a, b, strict=True)
        return len(a) == len(b) and all(alike(*pair, typed=typed, widened=widened) for pair in pairs)
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if widened and type(a) is not type(b):
        return bool(_exact(a) == _exact(b))
    return bool((type(a) is type(b) or not typed) and a == b)


def _exact(value: Any) -> Any:
    """Return a number, or the number or boolean that a text is, exactly; all else as it is."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return decimal.Decimal(repr(found)) if isinstance(found, float) else found


def states(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return an answer of `as_of` as entity → fields."""
    return {row.pop("entity"): row for row in frame.to_dicts()}


def reads_positions(plan: Plan) -> bool:
    """Return whether a value may be a position, which another order of arrival changes."""
    conditions = [rule.where.meta.root_names() for rule in plan.rules if rule.where is not None]
    return "@position" in str([rule.of for rule in plan.rules]) + str(conditions)
