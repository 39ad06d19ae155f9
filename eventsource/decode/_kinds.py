"""Kinds of JSON values. Each kind of a member has a column of its own, so the values decide no dtype yet.

Seven values of a member, and the columns that `split_by_kind` makes of them::

    values      1     2.5    "x"    null   UNSET  2**53 + 1          2**64
    a|int       1     ·      ·      ·      ·      ·                  ·
    a|float     ·     2.5    ·      ·      ·      ·                  ·
    a|text      ·     ·      x      ·      ·      ·                  ·
    a|long      ·     ·      ·      ·      ·      9007199254740993   ·
    a|big       ·     ·      ·      ·      ·      ·                  18446744073709551616
    a|null      ·     ·      ·      true   ·      ·                  ·        (false elsewhere)

Only kinds that occur get a column: a member that is always an integer costs one. The names of the columns alone
say which dtype holds all values: floats hold every ``int``, but no ``long``.

=========== ======== ==================================================================================
kind        dtype    values
=========== ======== ==================================================================================
``bool``    Boolean
``int``     Int64    integers that floats hold exactly
``long``    Int64    other integers of 64 bits
``big``     String   integers beyond 64 bits, of up to 38 digits
``huge``    String   integers of more digits
``float``   Float64
``text``    String
``time``    Datetime times of the envelope; JSON has none
``json``    String   arrays and objects, as JSON
``value``   …        values in the dtype that the model asks for: the only kind of such a member
``unfit``   String   what no column can hold, as JSON: ``1E400``, or what the dtype asked for does not hold
``key``     String   only of the column ``=``: the key of an event whose key names no entity, as JSON
=========== ======== ==================================================================================
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import repeat
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode._paths import UNSET
from eventsource.decode._texts import iso_texts, json_text, json_texts
from eventsource.decode._unfit import Unfit
from eventsource.event import TIMESTAMP
from eventsource.exact_numbers import EXACT_IN_FLOATS, FIRST_BEYOND_FLOATS

__all__ = [
    "BAD_KEY",
    "INTEGERS",
    "KINDS",
    "NULL",
    "NUMBERS",
    "UNFIT",
    "VALUE",
    "WRITERS",
    "null_column",
    "split_by_kind",
]

KINDS: Final[Mapping[str, pl.DataType]] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "long": pl.Int64(),
    "big": pl.String(),
    "huge": pl.String(),
    "float": pl.Float64(),
    "text": pl.String(),
    "time": TIMESTAMP,
    "json": pl.String(),
    "unfit": pl.String(),
}
"""The kinds of values, and the dtypes of their columns."""

INTEGERS: Final = ("int", "long", "big", "huge")
NUMBERS: Final = (*INTEGERS, "float")
UNFIT: Final = "unfit"
VALUE: Final = "value"
NULL: Final = "null"
"""The ending of the column that marks explicit nulls."""
BAD_KEY: Final = "=|key"
"""The column of keys that are arrays or objects. Such an event belongs to no entity; it is listed by stream."""

WRITERS: Final = {"float": json_texts, "time": iso_texts}
"""The kinds that Polars itself would write in another way than JSON does."""

_KIND_OF: Final[Mapping[type, str]] = {
    bool: "bool",
    float: "float",
    str: "text",
    datetime: "time",
    dict: "json",
    list: "json",
    Unfit: UNFIT,
}
_INT64: Final = 2**63
_BIG: Final = 10**38
_NOTHING: Final = frozenset({type(None), msgspec.UnsetType})


def split_by_kind(column: str, values: list[Any]) -> list[pl.Series]:
    """Return ``column|kind`` for each kind among the values, and ``column|null`` if one is null."""
    classes = set(map(type, values))
    columns = null_column(column, values) if type(None) in classes else []
    has_unset = msgspec.UnsetType in classes
    classes -= _NOTHING
    only = _only_kind(next(iter(classes)), values) if len(classes) == 1 else None
    if only is not None:  # the usual case, in one pass
        return [
            *columns,
            pl.Series(f"{column}|{only}", _without_unset(values) if has_unset else values, KINDS[only]),
        ]
    kinds = [None if value is None or value is UNSET else _kind_of(value) for value in values]
    for kind in sorted(set(kinds) - {None}):  # type: ignore[type-var]  # texts only
        pairs = zip(values, kinds, repeat(kind))
        mine = [_stored(value) if own == kind else None for value, own, kind in pairs]
        columns.append(pl.Series(f"{column}|{kind}", mine, KINDS[str(kind)]))
    return columns


def null_column(column: str, values: list[Any]) -> list[pl.Series]:
    """Return the column that marks explicit nulls."""
    return [pl.Series(f"{column}|{NULL}", [value is None for value in values])]


def _only_kind(cls: type, values: list[Any]) -> str | None:
    """Return the kind of values of one class if they need no conversion; None: they do, or differ in size."""
    if cls is int:
        integers = [value for value in values if value.__class__ is int]
        return "int" if min(integers) >= -EXACT_IN_FLOATS and max(integers) <= EXACT_IN_FLOATS else None
    return _KIND_OF[cls] if cls in (bool, float, str, datetime) else None


def _kind_of(value: Any) -> str:
    return _kind_of_integer(value) if value.__class__ is int else _KIND_OF[value.__class__]


def _kind_of_integer(value: int) -> str:
    if -EXACT_IN_FLOATS <= value <= EXACT_IN_FLOATS:
        return "int"
    if -_INT64 <= value < _INT64:
        return "int" if int(float(value)) == value else "long"
    if abs(value) >= FIRST_BEYOND_FLOATS:
        return UNFIT
    return "big" if -_BIG < value < _BIG else "huge"


def _stored(value: Any) -> Any:
    """Return a value as its column holds it."""
    if value.__class__ is int and not -_INT64 <= value < _INT64:
        return str(value)
    if value.__class__ is Unfit:
        return value.text
    return json_text(value) if isinstance(value, dict | list) else value


def _without_unset(values: list[Any]) -> list[Any]:
    return [None if value is UNSET else value for value in values]
