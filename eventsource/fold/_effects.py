"""What one event does to one field: which types of events touch it, and the value that they bring.

There is one place that says what an op means to the Polars engine, and it is this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from eventsource.errors import FoldError
from eventsource.fold.engine import Events
from eventsource.plan import Rule

__all__ = ["DEFAULTS", "Effect", "Effects", "default", "derived"]

DEFAULTS: Final[Mapping[str, object]] = {"flag": False, "count": 0, "total": 0, "distinct": []}
"""The value of a field before any event, by op; ``states`` and ``reduce`` say theirs, all others are null."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What events do to a field.

    Args:
        types: the types of events that touch the field.
        value: the column that says what they bring: a member's, ``at`` or ``type``.
        on: where ``value`` is ``type``: the types that bring true; all others bring false.
        null: the column that marks explicit nulls, where they touch the field; all other nulls touch nothing.
    """

    types: frozenset[str]
    value: str
    on: frozenset[str] = frozenset()
    null: str | None = None


class Effects:
    """The effects of all rules of a plan on given events."""

    def __init__(self, events: Events) -> None:
        self._schema = events.clustered.columns.collect_schema()
        self._members, self._plan = events.members, events.plan

    def exists(self) -> Effect:
        """Return the effect on existence: the last ``created`` or ``deleted`` event decides."""
        created = frozenset(self._plan.created or set(self._plan.types) - set(self._plan.deleted))
        return Effect(created | set(self._plan.deleted), "type", created)

    def of(self, rule: Rule) -> Effect:
        """Return the effect on the field of ``rule`` (no ``derive``, which no event touches).

        Raises:
            FoldError: a total over what cannot be summed.
        """
        types = frozenset(rule.types)
        if rule.op in ("flag", "count", "states", "reduce"):
            return Effect(types, "type", frozenset(rule.on))
        if rule.of is None:
            return Effect(types, "at")
        member = self._members.of(rule)
        dtype = self._schema[member.column]
        if rule.op == "total" and not (dtype.is_numeric() or dtype == pl.Null()):
            raise FoldError(
                f"field {rule.name!r}: the total of {rule.of!r} needs numbers, but the log holds {dtype}",
                hint="dtype=pl.Decimal(18, 2) reads numbers from text",
            )
        marked = rule.op in ("latest", "first") and member.null in self._schema
        return Effect(types, member.column, null=member.null if marked else None)


def default(rule: Rule) -> object:
    """Return the value of a field before any event."""
    return DEFAULTS.get(rule.op, rule.initial)


def derived(frame: pl.DataFrame, rules: Iterable[Rule]) -> pl.DataFrame:
    """Return states with their ``derive`` fields, computed in declared order.

    Raises:
        FoldError: an expression that Polars cannot compute.
    """
    for rule in rules:
        if rule.expression is not None:
            try:
                frame = frame.with_columns(rule.expression.alias(rule.name))
            except pl.exceptions.PolarsError as error:
                raise FoldError(f"field {rule.name!r} cannot be derived: {error}") from error
    return frame
