"""Kinds of JSON values. Each kind of a member has a column of its own, so the values decide no dtype yet.

Six values of a member, and the columns that `split_by_kind` makes of them::

    values      1     2.5    "x"    null   UNSET  2**64
    a|int       1     ·      ·      ·      ·      ·
    a|float     ·     2.5    ·      ·      ·      ·
    a|text      ·     ·      x      ·      ·      18446744073709551616      what no other kind can hold
    a|null      ·     ·      ·      true   ·      ·                         (false elsewhere)

Only kinds that occur get a column: a member that is always an integer costs one. The kind ``time`` holds times of
the envelope; JSON has none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode._paths import UNSET
from eventsource.decode._texts import iso_texts, json_text, json_texts
from eventsource.event import TIMESTAMP

__all__ = ["KINDS", "NULL", "WRITERS", "split_by_kind", "widened"]

KINDS: Final[Mapping[str, pl.DataType]] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "text": pl.String(),
    "time": TIMESTAMP,
}
"""The kinds of values, and the dtypes of their columns."""

NULL: Final = "null"
"""The ending of the column that marks explicit nulls."""

_KIND_OF: Final[Mapping[type, str]] = {bool: "bool", int: "int", float: "float", datetime: "time"}
WRITERS: Final = {"float": json_texts, "time": iso_texts}
"""The kinds that Polars itself would write in another way than JSON does."""

_INT64: Final = 2**63


def split_by_kind(column: str, values: list[Any]) -> list[pl.Series]:
    """Return ``column|kind`` for each kind among the values, and ``column|null`` if one is null."""
    classes = set(map(type, values))
    columns = []
    if type(None) in classes:
        columns.append(pl.Series(f"{column}|{NULL}", [value is None for value in values]))
    kinds = {_KIND_OF.get(cls, "text") for cls in classes - {type(None), msgspec.UnsetType}}
    if "int" in kinds and any(value.__class__ is int and _is_big(value) for value in values):
        kinds.add("text")
    is_one_kind = len(kinds) == 1 and not classes & {dict, list}  # the usual case, in one pass
    for kind in sorted(kinds):
        chosen = _without_unset(values) if is_one_kind else _of_kind(values, kind)
        columns.append(pl.Series(f"{column}|{kind}", chosen, KINDS[kind]))
    return columns


def widened(value: pl.Expr, kind: str, kinds: Sequence[str]) -> pl.Expr:
    """Return values of one kind in the dtype that holds all of ``kinds``."""
    if len(kinds) == 1:
        return value
    if set(kinds) == {"int", "float"}:
        return value.cast(pl.Float64())
    if kind in WRITERS:
        return value.map_batches(WRITERS[kind], return_dtype=pl.String())
    return value.cast(pl.String())


def _without_unset(values: list[Any]) -> list[Any]:
    return [None if value is UNSET else value for value in values]


def _of_kind(values: list[Any], kind: str) -> list[Any]:
    """Return the values of one kind, null elsewhere."""
    if kind == "text":
        return [_text(value) for value in values]
    mine = [value if _KIND_OF.get(value.__class__) == kind else None for value in values]
    return mine if kind != "int" else [None if value is None or _is_big(value) else value for value in mine]


def _text(value: Any) -> str | None:
    """Return what only a text can hold: texts, integers beyond 64 bits, objects and arrays."""
    if value.__class__ is str:
        return str(value)
    if value.__class__ is int:
        return str(value) if _is_big(value) else None
    return json_text(value) if isinstance(value, dict | list) else None


def _is_big(value: int) -> bool:
    return not -_INT64 <= value < _INT64
