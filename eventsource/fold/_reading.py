"""Which columns a field reads of the kinds of its member, and as which dtype."""

from collections.abc import Mapping

import polars as pl
from msgspec import Struct

from eventsource.decode import GROUPS, NUMBERS, VALUE, Member, group_of, json_of, kinds_of, nulls_of, values_of
from eventsource.event import TIMESTAMP
from eventsource.fold._value_dtypes import accepted_kinds, number_dtype_read, refused_kinds
from eventsource.fold.engine import Events
from eventsource.operations import Rule

__all__ = ["Reading"]


class Reading(Struct, frozen=True):
    """What a field reads of its member.

    Args:
        member: the member.
        columns: name → expression over the stored columns.
        values: the name of its values.
        null: the name of the mark of explicit nulls; None: they do not touch the field, or do not occur.
        group: the name of the groups of its values; None: all of its values compare with each other.
        is_ranked: whether the values are JSON, of which `Ranks` tells the order.
        refused: the kinds of values that the field cannot fold.
    """

    member: Member
    columns: Mapping[str, pl.Expr]
    values: str
    null: str | None
    group: str | None
    is_ranked: bool
    refused: tuple[str, ...]

    @classmethod
    def of(cls, rule: Rule, events: Events) -> "Reading":
        """Return what a field reads, given the kinds that the question may see."""
        member, dtype = events.members.of(rule), events.dtypes[rule.name]
        seen = events.columns
        kinds = kinds_of(member, seen)
        accepted = accepted_kinds(rule, kinds)
        is_ranked = False
        if rule.operation.folds == "numbers" and member.dtype is None:
            read = number_dtype_read(rule, accepted, is_small=events.bounds.are_small(member))
            expression = (
                json_of(member, accepted, seen) if read == pl.String() else values_of(member, accepted, read, seen)
            )
        else:
            shown = _kinds_shown(accepted, dtype)
            is_ranked = (
                rule.operation.folds == "order"
                and dtype == pl.String()
                and any(kind not in ("text", VALUE) for kind in shown)
            )
            expression = json_of(member, shown, seen) if is_ranked else values_of(member, shown, dtype, seen)
            read = dtype
        values = f"{member.column}#{rule.operation.folds}#{read}"
        columns = {values: expression}
        marks = nulls_of(member, seen) if rule.operation.null_touches else None
        null = None if marks is None else member.null
        if null is not None and marks is not None:
            columns[null] = marks
        group = None
        if rule.operation.folds == "order" and len({GROUPS[kind] for kind in accepted if kind != VALUE}) > 1:
            group = f"{member.column}#group"
            columns[group] = group_of(member, accepted, seen)
        return cls(member, columns, values, null, group, is_ranked, refused_kinds(rule, kinds))


def _kinds_shown(kinds: tuple[str, ...], dtype: pl.DataType) -> tuple[str, ...]:
    """Return the kinds of values that a column of a dtype shows: the others are faults, which decide no dtype.

    A column of dtype Null shows none: the field sees no value, as those that are there do not meet its condition.
    """
    if dtype == pl.Null():
        return ()
    if dtype == pl.String() or VALUE in kinds:
        return kinds
    mine = {pl.Boolean(): ("bool",), TIMESTAMP: ("time",)}.get(dtype, NUMBERS)
    return tuple(kind for kind in kinds if kind in mine)
