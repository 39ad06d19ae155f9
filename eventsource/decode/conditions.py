"""Conditions: which events a field takes, decided once, when the events are decoded.

The condition ``pl.col("status") == "reviewed"`` over six events. Rows whose members have the same kinds are
computed together, so that a column never mixes kinds and whether an event counts depends on this event alone::

    status      "reviewed"   "open"   null    UNSET   7        ["reviewed"]
    kind        text         text     nothing nothing int      text, as JSON
    |met        true         false    false   false   ·        false
    |unfit      ·            ·        ·       ·       {"status":7}       a text is not comparable with a number

A field with a condition cannot fold an event for which the condition cannot be computed. A result of null is not
met. ``|seen`` marks members that any of the events has.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice, product
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct

from eventsource.decode._paths import UNSET
from eventsource.decode._texts import json_text
from eventsource.event import TIMESTAMP
from eventsource.operations import expression_text

__all__ = ["MET", "SEEN", "UNFIT", "Condition"]

MET: Final = "met"
"""The ending of the column that says whether events meet a condition."""
SEEN: Final = "seen"
"""The ending of the column that marks that a member is present."""
UNFIT: Final = "unfit"
"""The ending of the column of members that a condition cannot be computed for, as JSON."""

_DTYPES: Final[Mapping[str, Any]] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "wide": pl.Int128(),
    "float": pl.Float64(),
    "text": pl.String(),
    "time": TIMESTAMP,
}
_KIND_OF: Final[Mapping[type, str]] = {
    bool: "bool",
    float: "float",
    str: "text",
    dict: "text",
    list: "text",
    datetime: "time",
    type(None): "nothing",
    msgspec.UnsetType: "nothing",
}
_NOTHING: Final = (pl.Null(), pl.String(), pl.Int64(), pl.Boolean(), pl.Float64(), TIMESTAMP)
"""The dtypes that are tried for members that are null or absent. The first that the condition takes counts, so
that the order is part of the answer: null before texts, texts before numbers."""
_MOST_TRIALS: Final = 300

_Kinds = tuple[str, ...]


class Condition(Struct, frozen=True, dict=True):
    """A condition that events meet or not.

    Args:
        expression: a row-wise expression over members, named by their dotted paths.
        types: the event types that it is computed for; None: all.
    """

    expression: pl.Expr
    types: frozenset[str] | None

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The dotted paths of the members that it names."""
        return tuple(dict.fromkeys(self.expression.meta.root_names()))

    @cached_property
    def column(self) -> str:
        """The beginning of the names of its columns."""
        digest = hashlib.sha256(expression_text("where", self.expression).encode()).hexdigest()[:32]
        types = None if self.types is None else sorted(self.types)
        return "=" + msgspec.json.encode(["where", digest, types]).decode()

    @cached_property
    def met(self) -> str:
        """The name of the column that says whether events meet it."""
        return f"{self.column}|{MET}"

    @cached_property
    def unfit(self) -> str:
        """The name of the column of its members, as JSON, where it cannot be computed."""
        return f"{self.column}|{UNFIT}"

    @property
    def reason(self) -> str:
        """Why such an event is a fault."""
        return f"expected members that {self.expression} can be computed for"

    def seen(self, path: str) -> str:
        """Return the name of the column that marks that an event has a member."""
        types = None if self.types is None else sorted(self.types)
        return "=" + msgspec.json.encode(["seen", path, types]).decode() + f"|{SEEN}"

    def is_computed_for(self, type_: str) -> bool:
        """Return whether it is computed for events of a type."""
        return self.types is None or type_ in self.types

    def columns(self, values: Mapping[str, Sequence[Any]], count: int) -> Iterator[pl.Series]:
        """Yield the columns ``|met``, ``|unfit`` if it cannot be computed for some events, and ``|seen``.

        Args:
            values: path → one value per event.
            count: how many events there are.
        """
        met: list[bool | None] = [None] * count
        for kinds, rows in _rows_by_kinds([values[path] for path in self.paths], count).items():
            members = {path: [values[path][row] for row in rows] for path in self.paths}
            for row, is_met in zip(rows, self._computed(kinds, members, len(rows)), strict=True):
                met[row] = is_met
        yield pl.Series(self.met, met, pl.Boolean())
        if None in met:
            unfit = [None if is_met is not None else self._json(values, row) for row, is_met in enumerate(met)]
            yield pl.Series(self.unfit, unfit, pl.String())
        for path in self.paths:
            if any(value is not UNSET for value in values[path]):
                yield pl.repeat(value=True, n=count, eager=True).alias(self.seen(path))

    def _computed(self, kinds: _Kinds, members: Mapping[str, list[Any]], count: int) -> list[bool | None]:
        """Return whether events whose members have the same kinds meet the condition; None: not computable."""
        dtypes = self._dtypes(kinds)
        if dtypes is None:
            return [None] * count
        columns = [
            pl.Series(path, [_stored(value) for value in values], dtype)
            for (path, values), dtype in zip(members.items(), dtypes, strict=True)
        ]
        return self._of_frame(pl.DataFrame([pl.Series("|row", range(count)), *columns]))

    def _dtypes(self, kinds: _Kinds) -> list[Any] | None:
        """Return dtypes of the members that the condition takes; None: it takes none.

        They are tried with nulls: whether an expression takes a dtype does not depend on the values.
        """
        if "unfit" in kinds:
            return None
        choices = [_NOTHING if kind == "nothing" else (_DTYPES[kind],) for kind in kinds]
        for dtypes in islice(product(*choices), _MOST_TRIALS):
            nulls = [pl.Series(path, [None], dtype) for path, dtype in zip(self.paths, dtypes, strict=True)]
            if self._met(pl.DataFrame([pl.Series("|row", [0]), *nulls])) is not None:
                return list(dtypes)
        return None

    def _of_frame(self, frame: pl.DataFrame) -> list[bool | None]:
        """Return whether rows meet the condition; where it fails, it is computed for halves of them."""
        found = self._met(frame)
        if found is not None:
            return found.to_list()
        if frame.height == 1:
            return [None]
        half = frame.height // 2
        return self._of_frame(frame[:half]) + self._of_frame(frame[half:])

    def _met(self, frame: pl.DataFrame) -> pl.Series | None:
        try:
            found = frame.with_columns(self.expression.alias("|met"))["|met"]
        except pl.exceptions.PolarsError:
            return None
        is_condition = found.dtype in (pl.Boolean(), pl.Null())
        return found.cast(pl.Boolean).fill_null(value=False) if is_condition else None

    def _json(self, values: Mapping[str, Sequence[Any]], row: int) -> str:
        members = ((path, values[path][row]) for path in self.paths)
        return json_text({path: value for path, value in members if value is not UNSET})


def _rows_by_kinds(columns: Sequence[Sequence[Any]], count: int) -> dict[_Kinds, list[int]]:
    """Return the kinds of members → the rows that have them."""
    if not columns:
        return {(): list(range(count))} if count else {}
    found: dict[_Kinds, list[int]] = {}
    for row, kinds in enumerate(zip(*(map(_kind, column) for column in columns), strict=True)):
        found.setdefault(kinds, []).append(row)
    return found


def _kind(value: Any) -> str:
    if value.__class__ is int:
        return "int" if -(2**63) <= value < 2**63 else "wide" if -(2**127) <= value < 2**127 else "unfit"
    return _KIND_OF.get(value.__class__, "unfit")


def _stored(value: Any) -> Any:
    if value is UNSET:
        return None
    return json_text(value) if isinstance(value, dict | list) else value
