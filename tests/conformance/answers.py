"""Asking a timeline anything, and comparing answers exactly: values with their Python types, and dtypes."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from eventsource.errors import FoldError
from eventsource.fold import Engine
from eventsource.plan import Plan
from eventsource.testing import MemoryLog
from eventsource.timeline import Timeline

REFUSED = "refused"
"""The answer to what cannot be folded, such as a sum beyond 64 bits."""


def timeline(events: list[dict[str, Any]], plan: Plan, engine: Engine | None = None, tz: str = "UTC") -> Timeline:
    return Timeline(MemoryLog(events), plan, engine=engine, tz=tz)


def answer_of(question: Callable[[Timeline], Any], of: Timeline) -> Any:
    """Return the answer to a question, or `REFUSED`."""
    try:
        return question(of)
    except FoldError:
        return REFUSED


def has_fixed_dtypes(plan: Plan) -> bool:
    """Return whether a plan fixes all dtypes of its answers; values decide that of an untyped ``reduce``."""
    return all(rule.dtype is not None for rule in plan.rules if rule.op == "reduce") and not any(
        rule.op == "derive" for rule in plan.rules
    )


def assert_same(found: Any, expected: Any, *, dtypes: bool = True, typed: bool = True) -> None:
    """Assert that two answers are equal to the last bit.

    Args:
        found: an answer.
        expected: another.
        dtypes: whether their dtypes must be equal too.
        typed: whether 0 and 0.0 are different values.
    """
    if isinstance(found, str) or isinstance(expected, str):
        assert found is expected
        return
    assert found.columns == expected.columns
    if dtypes:
        assert found.schema == expected.schema
    rows = found.to_dicts(), expected.to_dicts()
    assert alike(*rows, typed=typed), f"\n{found}\n{expected}"


def alike(a: Any, b: Any, *, typed: bool = True) -> bool:
    """Say whether two values are equal, of the same Python type, NaN being equal to itself."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(alike(a[name], b[name], typed=typed) for name in a)
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        return len(a) == len(b) and all(alike(*pair, typed=typed) for pair in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return (type(a) is type(b) or not typed) and bool(a == b)


def states(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return an answer of `as_of` as entity → fields."""
    return {row.pop("entity"): row for row in frame.to_dicts()}
