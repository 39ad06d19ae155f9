"""Values as texts: JSON texts, the ids of entities, and the digits of decimals."""

import decimal
import re
from typing import Any, Final

import msgspec
import polars as pl

__all__ = ["decimal_texts", "entity_text", "iso_texts", "json_text", "json_texts"]

_NUMBER: Final = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_DIGITS: Final = 60
"""The precision while a decimal is rounded: more than Polars' 38 digits, so that none is lost silently."""

_encode: Final = msgspec.json.Encoder().encode


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return _encode(value).decode()


def json_texts(values: pl.Series) -> pl.Series:
    """Return floats as JSON writes them."""
    texts = [None if value is None else json_text(value) for value in values]
    return pl.Series(values.name, texts, pl.String())


def iso_texts(values: pl.Series) -> pl.Series:
    """Return instants as ISO 8601 in UTC."""
    return values.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")


def entity_text(value: Any) -> str | None:
    """Return an entity's id as text: texts as they are, numbers and booleans as JSON writes them.

    Raises:
        TypeError: the value is an object or an array.
    """
    if value is None or value is msgspec.UNSET:
        return None
    if value.__class__ is str:
        return str(value)
    if isinstance(value, dict | list):
        raise TypeError
    return json_text(value)


def decimal_texts(values: list[Any], scale: int) -> list[Any]:
    """Return the digits of numbers, or of texts that hold one, rounded half to even to ``scale`` places.

    Raises:
        ArithmeticError: a value is not a number, or has too many digits.
    """
    unit = decimal.Decimal(1).scaleb(-scale)
    with decimal.localcontext(prec=_DIGITS):
        return [
            value if value is None or value is msgspec.UNSET else format(_number(value).quantize(unit), "f")
            for value in values
        ]


def _number(value: Any) -> decimal.Decimal:
    """Return the number that a value is, or that a text holds.

    Python would also read underscores, other scripts' digits and "NaN"; people do not mean those by a number.
    """
    is_text = isinstance(value, str)
    if isinstance(value, bool | list | dict) or (is_text and not _NUMBER.fullmatch(value)):
        raise decimal.InvalidOperation(value)
    return decimal.Decimal(value)
