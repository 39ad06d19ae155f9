"""The dtype in which each field shows its values: decided by the values that a question may see.

Most members have values of one kind, and the names of their columns decide. Where the values themselves decide,
all that the fields hold are looked at once, before the question:

    largest, of 100 in one entity and "x" in another     String: one column for numbers and texts
    largest, of 100 and then "x" in one entity           Int64: the "x" is a fault, and decides nothing
    latest, of 9007199254740993 and 0.5                  Decimal(38, 1): no float holds both
    total, of 9007199254740992 + 1 beside 0.5            Decimal(38, 1), though each of the three fits a float
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import polars as pl

from eventsource.decode import GROUPS, NUMBERS, VALUE, Members, dtype_of_kinds, kinds_of
from eventsource.fold._bounds import Bounds
from eventsource.operations import Rule

__all__ = ["accepted_kinds", "number_dtype_read", "refused_kinds", "static_dtypes"]

_ACCEPTED: Final[Mapping[str, frozenset[str]]] = {
    "all": frozenset({*GROUPS, "json", VALUE}),
    "numbers": frozenset({*NUMBERS, VALUE}),
    "order": frozenset({*GROUPS, VALUE}),
}
"""The kinds of values that operations fold. Those of an order also differ in what they compare with."""


def accepted_kinds(rule: Rule, kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of values that a field can fold."""
    return tuple(kind for kind in kinds if kind in _ACCEPTED[rule.operation.folds])


def refused_kinds(rule: Rule, kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of values that a field cannot fold."""
    return tuple(kind for kind in kinds if kind not in _ACCEPTED[rule.operation.folds])


def number_dtype_read(rule: Rule, kinds: Collection[str], *, is_small: bool) -> pl.DataType:
    """Return the dtype in which a sum reads numbers of some kinds; String: as JSON, for exact sums in Python.

    Args:
        rule: a field that folds numbers.
        kinds: the kinds of numbers.
        is_small: whether floats hold every sum of the member's integers exactly.
    """
    found = set(kinds)
    if found <= {"int", "long"}:
        return pl.Int64() if found else pl.Null()
    if found == {"float"} or (found == {"int", "float"} and (is_small or rule.operation.is_float)):
        return pl.Float64()
    return pl.String()


def static_dtypes(
    rules: Iterable[Rule], members: Members, columns: Collection[str], bounds: Bounds
) -> dict[str, pl.DataType | None]:
    """Return field → the dtype of its values; None: the values themselves decide.

    Args:
        rules: the fields; those that read no member are left out.
        members: the members.
        columns: the columns of kinds that any event of the question has.
        bounds: what no sum of numbers exceeds.
    """
    return {rule.name: _dtype(rule, members, columns, bounds) for rule in rules if rule.of is not None}


def _dtype(rule: Rule, members: Members, columns: Collection[str], bounds: Bounds) -> pl.DataType | None:
    member = members.of(rule)
    if member.dtype is not None:
        return member.dtype
    kinds = accepted_kinds(rule, kinds_of(member, columns))
    if rule.operation.folds == "numbers":
        read = number_dtype_read(rule, kinds, is_small=bounds.are_small(member))
        if read != pl.String():
            return read
        return pl.Float64() if rule.operation.is_float else None if "float" in kinds else pl.Int64()
    if rule.operation.folds == "order" and len({GROUPS[kind] for kind in kinds}) > 1:
        return None
    return dtype_of_kinds(kinds)
