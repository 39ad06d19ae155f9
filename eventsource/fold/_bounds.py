"""What sums of the numbers of a member cannot exceed: known from the index, without a look at the numbers."""

from collections.abc import Mapping
from typing import Final

import polars as pl
from msgspec import Struct, field

from eventsource.decode import INTEGERS, NUMBERS, VALUE, Member
from eventsource.operations import Rule

__all__ = ["Bounds"]

_EXACT: Final = 2.0**53
"""Floats hold all integers up to this one."""
_INT64: Final = 2.0**62
_FLOATS: Final = 1e307
_DIGITS: Final = 38


class Bounds(Struct, frozen=True):
    """Bounds of sums.

    Args:
        tops: column of a kind → the largest absolute value in it, for all columns of numbers that there are.
        rows: no sum has more numbers.
    """

    tops: Mapping[str, float] = field(default_factory=dict)
    rows: int = 0

    def are_small(self, member: Member) -> bool:
        """Return whether floats hold every sum of the member's integers exactly."""
        return self._sum(member, INTEGERS) < _EXACT

    def are_within(self, rule: Rule, member: Member) -> bool:
        """Return whether no total of the member can leave the range of its dtype."""
        if isinstance(rule.dtype, pl.Decimal):
            return self._sum(member, (VALUE,)) < 10.0 ** (int(rule.dtype.precision or _DIGITS) - rule.dtype.scale)
        integers = (VALUE,) if rule.dtype is not None and rule.dtype.is_integer() else INTEGERS
        return self._sum(member, integers) < _INT64 and self._sum(member, (*NUMBERS, VALUE)) < _FLOATS

    def _sum(self, member: Member, kinds: tuple[str, ...]) -> float:
        columns = (column for kind in kinds for column in member.stored(kind, self.tops))
        return sum(self.tops[column] for column in columns) * self.rows
