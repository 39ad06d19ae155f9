"""The dtype of a field, by its operation and by what the operation reads."""

from collections.abc import Callable

import polars as pl

from eventsource.errors import FoldError
from eventsource.operations._arguments import Arguments

__all__ = ["always", "list_of_member", "mean", "requested", "same_as_member", "total"]


def always(dtype: pl.DataType) -> Callable[[Arguments, pl.DataType], pl.DataType]:
    """Return the rule of an operation whose fields have one dtype, for every member."""
    return lambda _rule, _member: dtype


def same_as_member(_rule: Arguments, member: pl.DataType) -> pl.DataType:
    """Return the dtype of what the field reads."""
    return member


def list_of_member(_rule: Arguments, member: pl.DataType) -> pl.DataType:
    """Return the dtype of a list of what the field reads."""
    return pl.List(member)


def requested(rule: Arguments, _member: pl.DataType) -> pl.DataType | None:
    """Return the dtype that the model asks for; None: the values decide."""
    return rule.dtype


def total(rule: Arguments, member: pl.DataType) -> pl.DataType:
    """Return the dtype of a sum: Int64 for integers, Float64 for floats; decimals keep theirs.

    Where no numeric dtype holds the sums of all entities, it is String.

    Raises:
        FoldError: the member holds no numbers.
    """
    _check_numbers(rule, member)
    if isinstance(member, pl.Decimal) or _is_as_json(rule, member):
        return member
    return pl.Float64() if member.is_float() else pl.Int64()


def mean(rule: Arguments, member: pl.DataType) -> pl.DataType:
    """Return Float64, the dtype of a mean.

    Raises:
        FoldError: the member holds no numbers.
    """
    _check_numbers(rule, member)
    return pl.Float64()


def _is_as_json(rule: Arguments, member: pl.DataType) -> bool:
    """Return whether numbers are shown as JSON: the values decided on String, and not the model."""
    return rule.dtype is None and member == pl.String()


def _check_numbers(rule: Arguments, member: pl.DataType) -> None:
    if not (member.is_numeric() or member == pl.Null() or _is_as_json(rule, member)):
        raise FoldError(
            f"field {rule.name!r}: {rule.op} of {rule.of_text!r}: expected numbers, got {member}",
            hint="dtype=pl.Decimal(18, 2) reads numbers from text",
        )
