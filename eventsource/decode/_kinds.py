"""Kinds of JSON values: a column for each, so that the order of decoding never decides a dtype."""

import decimal
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode._paths import UNSET

__all__ = ["KINDS", "NULL", "by_kind", "decimal_texts", "entity_text", "json_texts", "widened"]

KINDS: Final[Mapping[str, pl.DataType]] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "text": pl.String(),
}
NULL: Final = "null"

_CLASSES: Final[Mapping[type, str]] = {bool: "bool", int: "int", float: "float"}
_INT64: Final = 2**63
_NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_DIGITS: Final = 60
_encode: Final = msgspec.json.Encoder().encode


def by_kind(column: str, values: list[Any]) -> list[pl.Series]:
    """Return ``column|kind`` for each kind among the values, and ``column|null`` if one is null."""
    classes = set(map(type, values))
    columns = []
    if type(None) in classes:
        columns.append(pl.Series(f"{column}|{NULL}", [value is None for value in values]))
    kinds = {_CLASSES.get(cls, "text") for cls in classes - {type(None), msgspec.UnsetType}}
    if "int" in kinds and any(value.__class__ is int and _is_big(value) for value in values):
        kinds.add("text")
    plain = len(kinds) == 1 and not classes & {dict, list}
    for kind in sorted(kinds):
        picked = _all(values) if plain else _picked(values, kind)
        columns.append(pl.Series(f"{column}|{kind}", picked, KINDS[kind]))
    return columns


def widened(value: pl.Expr, kind: str, kinds: Sequence[str]) -> pl.Expr:
    """Return values of one kind in the dtype that holds all of ``kinds``."""
    if len(kinds) == 1:
        return value
    if set(kinds) == {"int", "float"}:
        return value.cast(pl.Float64())
    if kind == "float":
        return value.map_batches(json_texts, return_dtype=pl.String())
    return value.cast(pl.String())


def entity_text(value: Any) -> str | None:
    """Return an entity's id as text: texts as they are, numbers and booleans as JSON writes them.

    Raises:
        TypeError: the value is an object or an array.
    """
    if value is None or value is UNSET:
        return None
    if value.__class__ is str:
        return str(value)
    if isinstance(value, dict | list):
        raise TypeError
    return _encode(value).decode()


def decimal_texts(values: list[Any], scale: int) -> list[Any]:
    """Return the digits of numbers, or of texts that hold one, rounded half-even to ``scale`` places.

    Raises:
        ArithmeticError: what is no number, or one with more digits than can be held.
    """
    unit = decimal.Decimal(1).scaleb(-scale)
    with decimal.localcontext(prec=_DIGITS):
        return [
            value if value is None or value is UNSET else format(_number(value).quantize(unit), "f")
            for value in values
        ]


def _number(value: Any) -> decimal.Decimal:
    """Return the number that a value is, or that a text holds: Python reads more as one than people write."""
    is_text = isinstance(value, str)
    if isinstance(value, bool | list | dict) or (is_text and not _NUMBER.fullmatch(value)):
        raise decimal.InvalidOperation(value)
    return decimal.Decimal(value)


def _all(values: list[Any]) -> list[Any]:
    return [None if value is UNSET else value for value in values]


def _picked(values: list[Any], kind: str) -> list[Any]:
    """Return the values of one kind, null elsewhere."""
    if kind == "text":
        return [_text(value) for value in values]
    mine = [value if _CLASSES.get(value.__class__) == kind else None for value in values]
    return mine if kind != "int" else [None if value is None or _is_big(value) else value for value in mine]


def _text(value: Any) -> str | None:
    """Return what can only be held as text: texts, integers beyond 64 bits, objects and arrays."""
    if value.__class__ is str:
        return str(value)
    if value.__class__ is int:
        return str(value) if _is_big(value) else None
    return _encode(value).decode() if isinstance(value, dict | list) else None


def _is_big(value: int) -> bool:
    return not -_INT64 <= value < _INT64


def json_texts(values: pl.Series) -> pl.Series:
    """Return floats as JSON writes them."""
    texts = [None if value is None else _encode(value).decode() for value in values]
    return pl.Series(values.name, texts, pl.String())
