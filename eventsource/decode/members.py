"""Members: what a plan reads of payloads, and the names of the columns that hold it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.decode._kinds import NULL
from eventsource.decode._type_decoder import TypeDecoder
from eventsource.plan import Plan, Rule

__all__ = ["Member", "Members"]

_USUAL: Final = 32  # members


@dataclass(frozen=True, slots=True)
class Member:
    """A payload member that a plan reads, from some event types, as one dtype.

    Fields that read one path from different event types have a member each: the values in one type do not decide
    the dtype of a field that reads another.

    Args:
        path: dotted path in the payload.
        dtype: the dtype that the model asks for, if any.
        types: the event types that it is read from.
    """

    path: str
    dtype: pl.DataType | None
    types: frozenset[str]

    @property
    def column(self) -> str:
        """The name of its column. It is unique, and no envelope column begins with ``=``."""
        dtype = None if self.dtype is None else str(self.dtype)
        return "=" + msgspec.json.encode([self.path, dtype, sorted(self.types)]).decode()

    @property
    def null(self) -> str:
        """The name of the column that marks explicit nulls."""
        return f"{self.column}|{NULL}"


@dataclass(frozen=True)
class Members:
    """Everything that a plan reads of payloads."""

    plan: Plan

    @cached_property
    def all(self) -> tuple[Member, ...]:
        """The members, each once, sorted by column."""
        found = {self.of(rule) for rule in self.plan.rules if rule.of is not None}
        return tuple(sorted(found, key=lambda member: member.column))

    @property
    def width(self) -> int:
        """Width of a decoded row relative to the usual one; batches shrink by this factor."""
        return max(len(self.all) // _USUAL, 1)

    @staticmethod
    def of(rule: Rule) -> Member:
        """Return the member that a rule with a path reads."""
        return Member(str(rule.of), rule.dtype, frozenset(rule.events))

    @cached_property
    def payload_types(self) -> frozenset[str]:
        """The event types whose whole payload a field reads (``reduce``)."""
        return frozenset(name for rule in self.plan.rules if rule.reads_payload for name in rule.events)

    @cached_property
    def layout(self) -> dict[str, Any]:
        """What the decoded columns depend on, as plain data. Plans with equal layouts share an index."""
        return {
            "order": self.plan.order,
            "key": {name: path for name, path in sorted(self.plan.key.items()) if name in self.plan.types},
            "types": list(self.plan.types),
            "members": {member.column: sorted(member.types) for member in self.all},
        }

    def decoders(self) -> dict[str, TypeDecoder]:
        """Return a decoder for each event type."""
        return {name: self._decoder(name) for name in self.plan.types}

    def _decoder(self, name: str) -> TypeDecoder:
        mine = {member.column: (member.path, member.dtype) for member in self.all if name in member.types}
        return TypeDecoder(name, self.plan.key.get(name), mine, with_payload=name in self.payload_types)
