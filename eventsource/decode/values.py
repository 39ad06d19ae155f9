"""The values of a member as one column, of one dtype, from the columns of its kinds.

Six values of a member, and the one column in some of the dtypes that a question may need::

    a|int             1      ·      ·     7      ·      ·
    a|float           ·      2.5    ·     ·      ·      ·
    a|text            ·      ·      x     ·      ·      ·
    a|json            ·      ·      ·     ·      ·      [1]

    Float64           1.0    2.5    ·     7.0    ·      ·       the numbers alone: `total`, `mean`
    String            "1"    "2.5"  "x"   "7"    ·      "[1]"   all of them: `latest`, `first`

The rule for dtypes: booleans alone are Boolean, integers alone Int64, numbers with fractions Float64, times of the
envelope alone Datetime. Integers that Int64 or Float64 would not hold exactly make the column Decimal, as long as
that holds all numbers. Everything else is String: texts, objects and arrays, numbers that no dtype holds together,
and all other mixtures. In a String column a text is kept as it is, and every other value becomes its JSON text. A
dtype that the model asks for comes before this rule; a value that it does not hold is a fault.
"""

import decimal
from collections.abc import Container, Iterable, Mapping
from typing import Final

import polars as pl
from msgspec import Struct

from eventsource.decode._exact import held
from eventsource.decode._kinds import KINDS, NULL, NUMBERS, VALUE, WRITERS
from eventsource.decode.members import Member

__all__ = ["GROUPS", "Digits", "dtype_of_kinds", "group_of", "json_of", "kinds_of", "nulls_of", "values_of"]

GROUPS: Final[Mapping[str, str]] = dict.fromkeys(NUMBERS, "numbers") | {
    "bool": "booleans",
    "text": "texts",
    "time": "times",
}
"""The kinds of values that compare with each other."""

_DIGITS: Final = 38
_MOST_DIGITS: Final = 400


def kinds_of(member: Member, columns: Container[str]) -> tuple[str, ...]:
    """Return the kinds of a member that are among some columns, unfit values included."""
    return tuple(kind for kind in (*KINDS, VALUE) if member.stored(kind, columns))


def dtype_of_kinds(kinds: Iterable[str]) -> pl.DataType | None:
    """Return the dtype that holds values of some kinds; None: it depends on the numbers themselves."""
    found = set(kinds)
    if not found:
        return pl.Null()
    if len(found) == 1 and found <= {"bool", "time"}:
        return KINDS[found.pop()]
    if not found <= frozenset(NUMBERS) or "huge" in found:
        return pl.String()
    if "float" in found:
        return pl.Float64() if found <= {"float", "int"} else None
    return pl.Decimal(_DIGITS, 0) if "big" in found else pl.Int64()


class Digits(Struct, frozen=True):
    """How many digits some numbers have, which decides what holds all of them.

    Args:
        whole: the most digits before the point.
        scale: the most digits behind it.
        are_floats: whether floats hold all of them exactly.
    """

    whole: int = 0
    scale: int = 0
    are_floats: bool = True

    @classmethod
    def of(cls, numbers: Iterable[int | float]) -> "Digits":
        """Return the digits of integers and floats; a float has those that JSON writes for it."""
        whole, scale, are_floats = 0, 0, True
        with decimal.localcontext(prec=_MOST_DIGITS):
            for number in set(numbers):
                exact = decimal.Decimal(repr(number)).normalize()
                scale = max(scale, -int(exact.as_tuple().exponent))
                whole = max(whole, exact.adjusted() + 1)
                are_floats = are_floats and (number.__class__ is float or int(float(number)) == number)
        return cls(whole, scale, are_floats)

    def join(self, other: "Digits") -> "Digits":
        """Return the digits of both."""
        return Digits(
            max(self.whole, other.whole), max(self.scale, other.scale), self.are_floats and other.are_floats
        )

    @property
    def dtype(self) -> pl.DataType:
        """The dtype that holds them, not all being integers: Float64, a Decimal, or else String."""
        if self.are_floats:
            return pl.Float64()
        return pl.Decimal(_DIGITS, self.scale) if self.whole + self.scale <= _DIGITS else pl.String()


def values_of(member: Member, kinds: Iterable[str], dtype: pl.DataType, columns: Container[str]) -> pl.Expr:
    """Return the values of some kinds of a member in a dtype that holds them; null for all other values.

    Args:
        member: the member.
        kinds: the kinds.
        dtype: the dtype.
        columns: the columns that there are.
    """
    return _first([_converted(column, kind, dtype) for column, kind in _stored(member, kinds, columns)], dtype)


def json_of(member: Member, kinds: Iterable[str], columns: Container[str]) -> pl.Expr:
    """Return the values of some kinds of a member as JSON; null for all other values; see `values_of`."""
    return _first([_as_json(column, kind) for column, kind in _stored(member, kinds, columns)], pl.String())


def group_of(member: Member, kinds: Iterable[str], columns: Container[str]) -> pl.Expr:
    """Return the names of the groups whose values compare with each other; null for values of other kinds."""
    mine = _stored(member, (kind for kind in kinds if kind in GROUPS), columns)
    return _first([pl.when(column.is_not_null()).then(pl.lit(GROUPS[kind])) for column, kind in mine], pl.String())


def nulls_of(member: Member, columns: Container[str]) -> pl.Expr | None:
    """Return the mark of explicit nulls; None: there are none."""
    marks = [pl.col(mark) for mark in member.stored(NULL, columns)]
    return None if not marks else marks[0] if len(marks) == 1 else pl.any_horizontal(marks)


def _stored(member: Member, kinds: Iterable[str], columns: Container[str]) -> list[tuple[pl.Expr, str]]:
    """Return the columns of some kinds, each with its kind."""
    return [(pl.col(column), kind) for kind in kinds for column in member.stored(kind, columns)]


def _first(values: list[pl.Expr], dtype: pl.DataType) -> pl.Expr:
    if not values:
        return pl.lit(None, dtype)
    return values[0] if len(values) == 1 else pl.coalesce(values)


def _converted(column: pl.Expr, kind: str, dtype: pl.DataType) -> pl.Expr:
    if kind == VALUE or dtype == KINDS[kind]:
        return column
    if dtype == pl.String():
        return _as_text(column, kind)
    if isinstance(dtype, pl.Decimal):  # of rows that the question does not see, it may hold less than they have
        if kind == "float":
            return column.map_batches(lambda values: _decimals(values, dtype), return_dtype=dtype)
        return column.cast(dtype, strict=False)
    return column.cast(dtype)


def _as_text(column: pl.Expr, kind: str) -> pl.Expr:
    """Return values as texts: a text or a time as it is, every other value as JSON."""
    if kind in WRITERS:
        return column.map_batches(WRITERS[kind], return_dtype=pl.String())
    return column.cast(pl.String())


def _as_json(column: pl.Expr, kind: str) -> pl.Expr:
    if kind == "time":
        return pl.lit('"') + _as_text(column, kind) + pl.lit('"')
    if kind != "text":
        return _as_text(column, kind)
    encoded = pl.struct(column.alias("v")).struct.json_encode()
    return pl.when(column.is_not_null()).then(encoded.str.strip_prefix('{"v":').str.strip_suffix("}"))


def _decimals(values: pl.Series, dtype: pl.Decimal) -> pl.Series:
    """Return floats as decimals with the digits that JSON writes for them; null for those that it does not hold.

    Of the values that a question sees, it holds all: they decide the dtype.
    """
    numbers = [None if value is None else held(value, dtype) for value in values]
    return pl.Series(values.name, numbers, dtype)
