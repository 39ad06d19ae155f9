"""What one event does to one field: a mask of the events that touch it, and the value that they bring.

There is one place that says what an op means to the Polars engine, and it is this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from eventsource.errors import FoldError
from eventsource.fold.engine import Events
from eventsource.plan import Rule

__all__ = ["DEFAULTS", "EXISTS", "Effect", "Effects", "default", "derived"]

EXISTS: Final = "|exists"

DEFAULTS: Final[Mapping[str, object]] = {"flag": False, "count": 0, "total": 0, "distinct": []}
"""The value of a field before any event, by op; ``states`` and ``reduce`` say theirs, all others are null."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What events do to a field.

    Args:
        mask: the events that touch the field.
        value: what those events bring; null may be among it.
    """

    mask: pl.Expr
    value: pl.Expr


class Effects:
    """The effects of all rules of a plan on given events."""

    def __init__(self, events: Events) -> None:
        self._schema = events.rows.frame.collect_schema()
        self._kinds = pl.Enum(events.members.plan.types)
        self._members, self._plan = events.members, events.plan

    def exists(self) -> Effect:
        """Return the effect on existence: the last ``created`` or ``deleted`` event decides."""
        created = self._plan.created or set(self._plan.types) - set(self._plan.deleted)
        return Effect(self._is((*created, *self._plan.deleted)), self._is(created))

    def of(self, rule: Rule) -> Effect:
        """Return the effect on the field of ``rule`` (no ``derive``, which no event touches).

        Raises:
            FoldError: a total over what cannot be summed.
        """
        mask = self._is(rule.types)
        if rule.op == "flag":
            return Effect(mask, self._is(rule.on))
        if rule.op in ("count", "states", "reduce"):
            return Effect(mask, pl.col("type"))
        if rule.of is None:
            return Effect(mask, pl.col("at"))
        return self._of_member(rule)

    def _of_member(self, rule: Rule) -> Effect:
        member = self._members.of(rule)
        value, dtype = pl.col(member.column), self._schema[member.column]
        if rule.op == "total" and not (dtype.is_numeric() or dtype == pl.Null()):
            raise FoldError(
                f"field {rule.name!r}: the total of {rule.of!r} needs numbers, but the log holds {dtype}",
                hint="dtype=pl.Decimal(18, 2) reads numbers from text",
            )
        here = value.is_not_null()
        if rule.op in ("latest", "first") and member.null in self._schema:
            here |= pl.col(member.null).fill_null(value=False)
        return Effect(here, value)

    def _is(self, types: Iterable[str]) -> pl.Expr:
        names = sorted(types)
        if len(names) == 1:
            return pl.col("type") == pl.lit(names[0], self._kinds)
        return pl.col("type").is_in(pl.Series(names, dtype=self._kinds).implode())


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
