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
recorded_at      Datetime when the event was recorded
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
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode._kinds import KINDS, NULL, json_texts, widened
from eventsource.decode._reader import Reader
from eventsource.errors import FoldError
from eventsource.event import TIMESTAMP
from eventsource.moment import parse_times
from eventsource.plan import Plan, Rule

__all__ = ["Member", "Members", "member_columns", "present", "resolve", "shred"]


_NARROW: Final = 32  # members


@dataclass(frozen=True, slots=True)
class Member:
    """A payload member that a plan reads: one column for the engines.

    A path that fields read from different event types is a member for each: what one type holds decides no dtype
    of a field that reads another.

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
        """The name of its column: no other member's, and no envelope column begins like this."""
        dtype = None if self.dtype is None else str(self.dtype)
        return "=" + msgspec.json.encode([self.path, dtype, sorted(self.types)]).decode()

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
        found = {self.of(rule) for rule in self.plan.rules if rule.of is not None}
        return tuple(sorted(found, key=lambda member: member.column))

    @property
    def width(self) -> int:
        """How many times as wide as usual its rows are: so many times fewer of them are held in memory at once."""
        return max(len(self.all) // _NARROW, 1)

    @staticmethod
    def of(rule: Rule) -> Member:
        """Return the member that a rule with a path reads."""
        return Member(str(rule.of), rule.dtype, frozenset(rule.events))

    @cached_property
    def whole(self) -> frozenset[str]:
        """The event types of which a ``reduce`` reads the whole payload."""
        return frozenset(name for rule in self.plan.rules if rule.reads_payload for name in rule.events)

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
    names = shredded.collect_schema().names()
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in names]
    plain = [name for name in names if not name.startswith("=")]
    resolved = [_resolved(member, columns) for member in members.all]
    nulls = [pl.col(member.null) for member in members.all if member.null in columns]
    filled = shredded.with_columns(absent) if absent else shredded
    return filled.select(*plain, *resolved, *nulls)


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
        "recorded_at": TIMESTAMP,
    }
    return base | {"data": pl.String()} if with_data else base


def _resolved(member: Member, names: Container[str]) -> pl.Expr:
    kinds = [kind for kind in KINDS if f"{member.column}|{kind}" in names]
    if not kinds:
        return pl.lit(None, member.dtype or pl.Null()).alias(member.column)
    columns = [(pl.col(f"{member.column}|{kind}"), kind) for kind in kinds]
    if member.dtype is None:
        values = [widened(column, kind, kinds) for column, kind in columns]
    else:
        values = [_requested(column, kind, member, member.dtype) for column, kind in columns]
    return (values[0] if len(values) == 1 else pl.coalesce(values)).alias(member.column)


def _requested(column: pl.Expr, kind: str, member: Member, dtype: pl.DataType) -> pl.Expr:
    """Return values of one kind in the dtype that the model asks for; texts are read as dates and times too."""

    def cast(values: pl.Series) -> pl.Series:
        found = _cast(values, kind, dtype)
        if found.null_count() > values.null_count():
            bad = values.filter(found.is_null() & values.is_not_null())[0]
            of = f"{member.path!r} of {', '.join(sorted(member.types))}"
            raise FoldError(f"{of}: {bad!r} is no {dtype}", hint="mend the dtype in the model, or leave it out")
        return found

    return column.map_batches(cast, return_dtype=dtype)


def _cast(values: pl.Series, kind: str, dtype: pl.DataType) -> pl.Series:
    """Return values in a dtype; null where it cannot hold them as they are."""
    if kind == "text" and isinstance(dtype, pl.Datetime):
        return parse_times(values).cast(dtype)
    if kind == "text" and dtype == pl.Date():
        return values.str.to_date("%Y-%m-%d", strict=False)
    if kind == "text" and dtype == pl.Time():
        return values.str.to_time("%H:%M:%S%.f", strict=False)
    if kind == "text" and dtype == pl.Boolean():
        return values.replace_strict({"true": True, "false": False}, default=None, return_dtype=dtype)
    if kind == "float" and dtype == pl.String():
        return json_texts(values)
    found = values.cast(dtype, strict=False)
    cut = kind == "float" and dtype.is_integer()
    return found.set((found.cast(pl.Float64) != values).fill_null(value=False), None) if cut else found
