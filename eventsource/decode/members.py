"""Members: what a plan reads of payloads, and the names of the columns that hold it."""

from collections.abc import Container
from functools import cached_property
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct

from eventsource.decode._kinds import NULL
from eventsource.decode._type_decoder import Reading, TypeDecoder
from eventsource.decode.conditions import Condition
from eventsource.plan import Plan, Rule

__all__ = ["Alternatives", "Decoders", "Member", "Members"]

_USUAL: Final = 32  # members


class Alternatives(Struct, frozen=True):
    """Paths of which the first that is present counts, in the payloads of some event types.

    Args:
        paths: dotted paths; usually there is one.
        dtype: the dtype that the model asks for, if any.
        types: the event types that they are read from; None: all.
        rounding: how values that the dtype does not hold exactly are rounded; None: they are faults.
    """

    paths: tuple[str, ...]
    dtype: pl.DataType | None
    types: frozenset[str] | None
    rounding: str | None = None

    @property
    def column(self) -> str:
        """The beginning of the names of its columns. It is unique, and no envelope column begins with ``=``."""
        paths = self.paths[0] if len(self.paths) == 1 else self.paths
        dtype = None if self.dtype is None else str(self.dtype)
        types = None if self.types is None else sorted(self.types)
        rounding = [] if self.rounding is None else [self.rounding]
        return "=" + msgspec.json.encode([paths, dtype, types, *rounding]).decode()

    @property
    def text(self) -> str:
        """The paths as a person reads them."""
        return " or ".join(self.paths)

    def is_read_from(self, type_: str) -> bool:
        """Return whether the paths are read in events of a type."""
        return self.types is None or type_ in self.types


class Member(Struct, frozen=True):
    """What a field reads of payloads, as one dtype: alternatives for some event types, others for other types.

    Fields that read one path from different event types have a member each: the values in one type do not decide
    the dtype of a field that reads another.

    Args:
        parts: the alternatives, sorted by column; no two of them read the same event type.
    """

    parts: tuple[Alternatives, ...]

    @property
    def column(self) -> str:
        """The name of its column, which is unique."""
        if len(self.parts) == 1:
            return self.parts[0].column
        return "=" + msgspec.json.encode([part.column for part in self.parts]).decode()

    @property
    def null(self) -> str:
        """The name of the column that marks explicit nulls."""
        return f"{self.column}|{NULL}"

    @property
    def dtype(self) -> pl.DataType | None:
        """The dtype that the model asks for, if any."""
        return self.parts[0].dtype

    @property
    def text(self) -> str:
        """What it reads, as a person reads it: ``'amount' of Paid, Sold``."""
        types = (", ".join(sorted(part.types or {"all events"})) for part in self.parts)
        return ", ".join(f"{part.text!r} of {names}" for part, names in zip(self.parts, types, strict=True))

    def stored(self, ending: str, names: Container[str]) -> list[str]:
        """Return those of its columns of one kind, or of nulls, that exist: one per part at most."""
        columns = (f"{part.column}|{ending}" for part in self.parts)
        return [column for column in columns if column in names]


class Members(Struct, frozen=True, dict=True):
    """Everything that a plan reads of payloads."""

    plan: Plan

    @cached_property
    def all(self) -> tuple[Member, ...]:
        """The members, each once, sorted by column."""
        found = {self.of(rule) for rule in self.plan.rules if rule.of is not None}
        return tuple(sorted(found, key=lambda member: member.column))

    @cached_property
    def stored(self) -> tuple[Alternatives, ...]:
        """The parts of all members, each once, sorted by column: what is decoded, and stored in an index."""
        found = {part for member in self.all for part in member.parts}
        return tuple(sorted(found, key=lambda part: part.column))

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of all fields, each once, sorted by column."""
        found = {condition.column: condition for condition in self._conditions.values()}
        return tuple(found[column] for column in sorted(found))

    @property
    def width(self) -> int:
        """Width of a decoded row relative to the usual one; batches shrink by this factor."""
        return max(len(self.stored) // _USUAL, 1)

    @staticmethod
    def of(rule: Rule) -> Member:
        """Return the member that a rule with a path reads."""
        if rule.is_of_all_types:
            return Member((Alternatives(rule.paths(""), rule.dtype, None, rule.rounding),))
        types: dict[tuple[str, ...], list[str]] = {}
        for type_ in rule.events:
            if paths := rule.paths(type_):
                types.setdefault(paths, []).append(type_)
        parts = [
            Alternatives(paths, rule.dtype, frozenset(names), rule.rounding) for paths, names in types.items()
        ]
        return Member(tuple(sorted(parts, key=lambda part: part.column)))

    def condition(self, rule: Rule) -> Condition | None:
        """Return the condition of a field of the plan; None: it has none."""
        return self._conditions.get(rule.name)

    @cached_property
    def _conditions(self) -> dict[str, Condition]:
        return {
            rule.name: Condition(rule.where, None if rule.is_of_all_types else frozenset(rule.types))
            for rule in self.plan.rules
            if rule.where is not None
        }

    @cached_property
    def type_dtype(self) -> pl.DataType:
        """The dtype of the column ``type``: an Enum, or Categorical where a field is of all types."""
        return pl.Categorical() if self.plan.reads_all_types else pl.Enum(self.plan.types)

    @cached_property
    def with_payload(self) -> bool:
        """Whether a field reads whole payloads (``reduce``)."""
        return any(rule.reads_payload for rule in self.plan.rules)

    @cached_property
    def layout(self) -> dict[str, Any]:
        """What the decoded columns depend on, as plain data. Plans with equal layouts share an index."""
        return {
            "order": self.plan.order,
            "key": {name: path for name, path in sorted(self.plan.key.items()) if name in self.plan.types},
            "types": None if self.plan.reads_all_types else list(self.plan.types),
            "members": [part.column for part in self.stored],
            "conditions": [condition.column for condition in self.conditions],
        }

    def decoders(self) -> "Decoders":
        """Return the decoders of the event types."""
        return Decoders(self)

    def decoder(self, name: str) -> TypeDecoder:
        """Return a decoder for one event type."""
        mine = {
            part.column: Reading(part.paths, part.dtype, part.rounding)
            for part in self.stored
            if part.is_read_from(name)
        }
        with_payload = any(rule.reads_payload and rule.is_touched_by(name) for rule in self.plan.rules)
        conditions = [condition for condition in self.conditions if condition.is_computed_for(name)]
        return TypeDecoder(self.plan.key.get(name), mine, conditions, with_payload=with_payload)


class Decoders(dict[str, TypeDecoder]):
    """The decoders of event types; each is made when it is first needed."""

    def __init__(self, members: Members) -> None:
        self._members = members

    def __missing__(self, name: str) -> TypeDecoder:
        self[name] = self._members.decoder(name)
        return self[name]
