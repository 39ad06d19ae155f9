"""Fields that are computed from the other fields of the same state."""

from collections.abc import Iterable

import polars as pl

from eventsource.errors import FoldError
from eventsource.operations._rule import Rule

__all__ = ["compute_derived"]


def compute_derived(states: pl.DataFrame, rules: Iterable[Rule]) -> pl.DataFrame:
    """Return states with their ``derive`` fields, computed in declared order.

    Raises:
        FoldError: Polars cannot compute an expression.
    """
    for rule in rules:
        if rule.expression is not None:
            try:
                states = states.with_columns(rule.expression.alias(rule.name))
            except pl.exceptions.PolarsError as error:
                raise FoldError(
                    f"field {rule.name!r} cannot be derived: {error}", hint="correct the expression in the model"
                ) from error
    return states
