"""Values as texts: JSON texts, and the ids of entities."""

from typing import Any, Final

import msgspec
import polars as pl

__all__ = ["entity_text", "iso_texts", "json_text", "json_texts"]

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
