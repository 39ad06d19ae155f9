"""Values of a String column that compare as what they are: numbers as numbers, not as their texts.

Six values of two entities, as JSON, and their ranks::

    value     100    7      "x"    30     7.0    "a"
    owner     ann    ann    bob    ann    ann    bob
    code      2      0      4      1      0      3
    shown     7  30  100  a  x                      by code

An extreme is the extreme of codes, and a set is a set of codes. Values of one group are neighbours; an entity's
field holds those of one group only.
"""

import json
from typing import Any

import msgspec
import polars as pl
from msgspec import Struct

from eventsource.operations._unfoldable import canonical

__all__ = ["Ranks"]


class Ranks(Struct, frozen=True):
    """The places of values in their order.

    Args:
        codes: per value, its rank.
        shown: per rank, the value as the column shows it.
    """

    codes: pl.Series
    shown: pl.Series

    @classmethod
    def of_json(cls, values: pl.Series) -> "Ranks":
        """Return the ranks of numbers, texts and booleans, each as JSON."""
        found = {text: _key(canonical(json.loads(text))) for text in values.unique().drop_nulls()}
        ordered = sorted(set(found.values()))
        numbers = {key: number for number, key in enumerate(ordered)}
        codes = {text: numbers[key] for text, key in found.items()}
        shown = [value if isinstance(value, str) else msgspec.json.encode(value).decode() for _, value in ordered]
        return cls(
            values.replace_strict(codes, return_dtype=pl.Int64()) if codes else values.cast(pl.Int64),
            pl.Series(shown, dtype=pl.String()),
        )

    def where(self, mask: pl.Series) -> "Ranks":
        """Return the ranks of the values for which a mask is true."""
        return Ranks(self.codes.filter(mask), self.shown)


def _key(value: Any) -> tuple[int, Any]:
    """Return what a value is sorted by: its group, and itself."""
    return (0 if isinstance(value, bool) else 2 if isinstance(value, str) else 1), value
