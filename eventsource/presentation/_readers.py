"""What readers may see: personal values are masked, small groups are hidden.

A report writes for whom it runs, and names the file in the environment of its notebook::

    EVENTSOURCE_READERS=/tmp/x/readers.json     {"audience": {"name": "partners", "shows": ["city"],
                                                  "smallest_group": 5, "counts": ["customers"]}, "key": "9f…"}

Without the variable everything is shown.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.plan import Pii, Plan

__all__ = ["EVERYTHING", "MASK", "Readers"]

MASK: Final = "•••"
"""What is shown in place of a personal value."""
EVERYTHING: Final = "*"
"""A member of ``shows`` that means all fields."""

_OF_JOINS: Final = re.compile(r"(_right|_left|_x|_y|\|after)$")
"""What joins of Polars, pandas and this package add to the name of a column."""
_LETTERS: Final = 10


class Readers(Struct, frozen=True):
    """Those for whom a report runs.

    Args:
        name: how they are called.
        shows: personal columns that they may see; ``*``: all.
        smallest_group: the number of entities below which a group is not shown; 0: any group is.
        counts: columns that say of how many entities a row is.
        key: what pseudonyms depend on: without it they cannot be found by trying all values.
        personal: column → what is shown in place of its values; `add` takes it from the models.
    """

    name: str
    shows: frozenset[str] = frozenset()
    smallest_group: int = 0
    counts: frozenset[str] = frozenset()
    key: bytes = b""
    personal: dict[str, Pii] = {}

    def add(self, plan: Plan) -> None:
        """Take what is personal in a model; where two models differ, the stricter one counts."""
        found = dict(plan.pii)
        if "entity" in found:
            found["stream"] = found["entity"]
        for name, kind in found.items():
            self.personal[name] = "mask" if "mask" in (kind, self.personal.get(name)) else kind

    def kind(self, column: str) -> Pii | None:
        """Return what is shown in place of the values of a column; None: the values."""
        plain = _OF_JOINS.sub("", column)
        if EVERYTHING in self.shows or plain in self.shows:
            return None
        return self.personal.get(plain)

    def hidden(self, columns: Any) -> dict[str, Pii]:
        """Return those of some columns that are hidden, each with what is shown in its place."""
        kinds = {column: self.kind(column) for column in columns}
        return {column: kind for column, kind in kinds.items() if kind is not None}

    def pseudonym(self, column: str, value: Any) -> str:
        """Return the text that is shown in place of a value: equal values of a column have equal ones.

        A pseudonym is its own pseudonym, so that what is masked twice is masked once.
        """
        plain = _OF_JOINS.sub("", column)
        prefix = "entity" if plain == "stream" else plain
        text = str(value)
        if re.fullmatch(rf"{re.escape(prefix)} [a-z2-7]{{{_LETTERS}}}", text):
            return text
        import base64  # noqa: PLC0415 - only the run of a report needs these
        import hashlib  # noqa: PLC0415
        import hmac  # noqa: PLC0415

        digest = hmac.digest(self.key, f"{prefix}\0{text}".encode(), hashlib.sha256)
        return f"{prefix} {base64.b32encode(digest).decode().lower()[:_LETTERS]}"

    def value(self, column: str, value: Any) -> Any:
        """Return what is shown in place of a value."""
        kind = self.kind(column)
        if kind is None or value is None:
            return value
        return self.pseudonym(column, value) if kind == "pseudonym" else MASK

    def series(self, values: pl.Series, *, for_chart: bool = False) -> pl.Series:
        """Return what is shown in place of the values of a column; null stays null.

        Args:
            values: the column.
            for_chart: whether anything but a text becomes null, since a chart needs the dtype.
        """
        kind = self.kind(values.name)
        if kind is None:
            return values
        if kind == "mask" and for_chart and values.dtype != pl.String:
            return pl.Series(values.name, [None] * len(values), values.dtype)
        if kind == "mask":
            shown = pl.when(values.is_not_null()).then(pl.lit(MASK)).otherwise(None)
            return pl.select(shown.alias(values.name)).to_series()
        if values.dtype.is_nested() or values.dtype == pl.Object:
            shown_texts = [
                None if value is None else self.pseudonym(values.name, value) for value in values.to_list()
            ]
            return pl.Series(values.name, shown_texts, pl.String)
        known = values.drop_nulls().unique()
        texts = pl.Series([self.pseudonym(values.name, value) for value in known.to_list()], dtype=pl.String)
        return values.replace_strict(known, texts, default=None, return_dtype=pl.String)

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> "Readers":
        """Return the readers that a report describes."""
        audience = members["audience"]
        return cls(
            str(audience["name"]),
            frozenset(audience["shows"]),
            int(audience["smallest_group"]),
            frozenset(audience["counts"]),
            bytes.fromhex(members["key"]),
        )
