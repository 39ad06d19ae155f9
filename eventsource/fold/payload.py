"""The decode: payload members as typed columns, one pass per event type, only what a plan names.

`shred` turns envelopes into the columns below; `resolve` gives every member its one dtype. Between
the two, a member stands in one column *per kind* of JSON value, so that parts decoded at different
times can be put together in any order with the same result.

================ ======== ===========================================================================
column           dtype    meaning
================ ======== ===========================================================================
entity           String   whom the event belongs to
at               Datetime the moment of the event: ``occurred_at``, or ``settled_at``
position         Int64    place in the log
event_id         String
type             Enum     over the plan's types
known            Datetime ``recorded_at``
data             String   the whole payload, only for the types that a ``reduce`` reads
``path|kind``    …        a member's values of one kind: ``bool``, ``int``, ``float`` or ``text``
``path|null``    Boolean  true where the member is an explicit null; only where there is one
================ ======== ===========================================================================

The rule for dtypes: booleans alone are Boolean, integers alone Int64, integers and floats Float64; texts,
objects and arrays, integers beyond 64 bits and all other mixtures are String, where a text stands for itself
and everything else for its JSON text. A dtype asked for wins, if every value can be cast to it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from eventsource.errors import FoldError
from eventsource.event import TIMESTAMP
from eventsource.fold._kinds import KINDS, NULL, widened
from eventsource.fold._reader import Reader
from eventsource.moment import parse_times
from eventsource.plan import PATHS, Plan

__all__ = ["Member", "Members", "member_columns", "present", "resolve", "shred"]


@dataclass(frozen=True, slots=True)
class Member:
    """A payload member that a plan reads: one column for the engines.

    Args:
        path: dotted path in the payload.
        dtype: the dtype that the model asks for, if any.
        types: the event types it is read from.
    """

    path: str
    dtype: pl.DataType | None
    types: frozenset[str]

    @property
    def column(self) -> str:
        """The name of its column; no envelope column begins like this."""
        return f"={self.path}" if self.dtype is None else f"={self.path}:{self.dtype}"

    @property
    def null(self) -> str:
        """The name of the column that marks explicit nulls."""
        return f"{self.column}|{NULL}"


@dataclass(frozen=True)
class Members:
    """All that a plan reads of payloads."""

    plan: Plan

    @cached_property
    def all(self) -> tuple[Member, ...]:
        """The members, each once, sorted by column."""
        types: dict[tuple[str, pl.DataType | None], set[str]] = {}
        for rule in self.plan.rules:
            if rule.op in PATHS and rule.of is not None:
                types.setdefault((rule.of, rule.dtype), set()).update(rule.events)
        found = [Member(path, dtype, frozenset(names)) for (path, dtype), names in types.items()]
        return tuple(sorted(found, key=lambda member: member.column))

    def of(self, path: str, dtype: pl.DataType | None) -> Member:
        """Return the member that a rule with this path and dtype reads."""
        return next(member for member in self.all if (member.path, member.dtype) == (path, dtype))

    @cached_property
    def whole(self) -> frozenset[str]:
        """The event types of which a ``reduce`` reads the whole payload."""
        return frozenset(name for rule in self.plan.rules if rule.op == "reduce" for name in rule.events)

    @cached_property
    def layout(self) -> dict[str, Any]:
        """What the columns depend on, as plain data: plans of one layout can share decoded columns."""
        return {
            "order": self.plan.order,
            "key": {name: path for name, path in sorted(self.plan.key.items()) if name in self.plan.types},
            "types": list(self.plan.types),
            "members": {member.column: sorted(member.types) for member in self.all},
        }

    def _reader(self, name: str) -> Reader:
        mine = {member.column: (member.path, member.dtype) for member in self.all if name in member.types}
        return Reader(name, self.plan.key.get(name), mine, whole=name in self.whole)

    def readers(self) -> dict[str, Reader]:
        """Return one reader per event type."""
        return {name: self._reader(name) for name in self.plan.types}


def shred(events: pl.DataFrame, members: Members, readers: Mapping[str, Reader]) -> pl.DataFrame:
    """Return envelopes (`STORED` and ``at``) of relevant types as the columns above, in no order.

    Events that belong to nobody (an absent or null key) are left out.

    Raises:
        FoldError: a key that is an object or an array.
    """
    kinds = pl.Enum(members.plan.types)
    parts = [
        readers[part["type"][0]].read(part).with_columns(pl.col("type").cast(kinds))
        for part in events.partition_by("type")
    ]
    base = pl.DataFrame(schema=_base(kinds, with_data=bool(members.whole)))
    return pl.concat([base, *parts], how="diagonal")


def resolve(shredded: pl.LazyFrame, members: Members, columns: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Return the frame with one column per member, of the dtype that the rule above gives.

    Args:
        shredded: events, all or some that a question may see.
        members: the members to resolve.
        columns: the columns of kinds and nulls that any event of the question has, with their dtypes; they
            decide the dtypes, whatever this part of the events has.

    Raises:
        FoldError: a value that the dtype asked for cannot hold (when the frame is collected).
    """
    names = set(shredded.collect_schema())
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in names]
    plain = [name for name in shredded.collect_schema() if not name.startswith("=")]
    resolved = [_resolved(member, columns) for member in members.all]
    nulls = [pl.col(member.null) for member in members.all if member.null in columns]
    return shredded.with_columns(absent).select(*plain, *resolved, *nulls)


def member_columns(names: Iterable[str]) -> dict[str, pl.DataType]:
    """Return those names that are columns of kinds or nulls, with their dtypes."""
    kinds = {**KINDS, NULL: pl.Boolean()}
    return {name: kinds[name.rpartition("|")[2]] for name in names if name.startswith("=")}


def present(shredded: pl.LazyFrame, columns: Sequence[str]) -> list[str]:
    """Return those columns of kinds and nulls that have a value: a dtype must not depend on events left out."""
    here = [name for name in columns if name in shredded.collect_schema()]
    if not here:
        return []
    marks = [pl.col(n).any() if n.endswith(f"|{NULL}") else pl.col(n).is_not_null().any() for n in here]
    found = shredded.select(marks).collect().row(0)
    return [name for name, some in zip(here, found, strict=True) if some]


def _base(kinds: pl.Enum, *, with_data: bool) -> dict[str, pl.DataType]:
    base: dict[str, pl.DataType] = {
        "entity": pl.String(),
        "at": TIMESTAMP,
        "position": pl.Int64(),
        "event_id": pl.String(),
        "type": kinds,
        "known": TIMESTAMP,
    }
    return base | {"data": pl.String()} if with_data else base


def _resolved(member: Member, names: Container[str]) -> pl.Expr:
    kinds = [kind for kind in KINDS if f"{member.column}|{kind}" in names]
    if not kinds:
        return pl.lit(None, member.dtype or pl.Null()).alias(member.column)
    values = [widened(pl.col(f"{member.column}|{kind}"), kind, kinds) for kind in kinds]
    value = values[0] if len(values) == 1 else pl.coalesce(values)
    return _requested(value, member, text="text" in kinds).alias(member.column)


def _requested(value: pl.Expr, member: Member, *, text: bool) -> pl.Expr:
    """Return the value in the dtype that the model asks for; texts are read as dates and times too."""
    if member.dtype is None:
        return value
    if text and isinstance(member.dtype, pl.Datetime):
        return value.map_batches(_strict_times, return_dtype=TIMESTAMP).cast(member.dtype)
    if text and member.dtype == pl.Date():
        return value.str.to_date("%Y-%m-%d", strict=True)
    return value.cast(member.dtype, strict=True)


def _strict_times(texts: pl.Series) -> pl.Series:
    times = parse_times(texts)
    if times.null_count() > texts.null_count():
        bad = texts.filter(times.is_null() & texts.is_not_null())[0]
        raise FoldError(f"{bad!r} is not a time")
    return times
