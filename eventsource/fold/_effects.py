"""What one event does to one field: a mask of the events that touch it, and the value that they bring.

Both the fold to a single state and the running fold are made of these two expressions, so there is one place
that says what an op means to the Polars engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from eventsource.errors import FoldError
from eventsource.fold.engine import Events
from eventsource.fold.exact import exact_scale
from eventsource.fold.payload import Members
from eventsource.plan import Plan, Rule

__all__ = ["DEFAULTS", "EXISTS", "Effect", "Effects", "derived"]

EXISTS: Final = "exists"

DEFAULTS: Final[Mapping[str, object]] = {"flag": False, "count": 0, "total": 0, "distinct": []}
"""The value of a field before any event, by op; ``states`` and ``reduce`` say theirs, all others are null."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What events do to a field.

    Args:
        mask: the events that touch the field.
        value: what those events bring.
        null: whether the value may be an explicit null.
        dtype: the dtype of the value.
        scale: for a total of floats: the power of two that makes every value an integer.
    """

    mask: pl.Expr
    value: pl.Expr
    null: bool = False
    dtype: pl.DataType = pl.Null()  # noqa: RUF009 - dtypes are immutable
    scale: float | None = None


class Effects:
    """The effects of all rules of a plan on given events."""

    def __init__(self, events: Events) -> None:
        self._frame = events.frame
        self._schema = events.frame.collect_schema()
        self._kinds = pl.Enum(events.members.plan.types)
        self._members: Members = events.members
        self.plan: Plan = events.plan

    def exists(self) -> Effect:
        """Return the effect on existence: the last ``created`` or ``deleted`` event decides."""
        created = self.plan.created or set(self.plan.types) - set(self.plan.deleted)
        return Effect(self._is((*created, *self.plan.deleted)), self._is(created))

    def of(self, rule: Rule) -> Effect:
        """Return the effect on the field of ``rule`` (no ``derive``, which no event touches).

        Raises:
            FoldError: a total over what cannot be summed.
        """
        mask = self._is(rule.types)
        if rule.op == "flag":
            return Effect(mask, self._is(rule.on))
        if rule.of is None:
            return Effect(mask, pl.col("at"))
        return self._of_member(rule, mask)

    def columns(self, rules: Iterable[Rule]) -> list[str]:
        """Return the columns beside the envelope that the effects of ``rules`` read."""
        rules = list(rules)
        members = [self._members.of(rule.of, rule.dtype) for rule in rules if rule.of is not None]
        names = {name for member in members for name in (member.column, member.null)}
        whole = {"data"} if any(rule.op == "reduce" for rule in rules) else set()
        return sorted((names | whole) & set(self._schema))

    def _of_member(self, rule: Rule, mask: pl.Expr) -> Effect:
        member = self._members.of(str(rule.of), rule.dtype)
        value, dtype = pl.col(member.column), self._schema[member.column]
        here = value.is_not_null()
        nullable = rule.op in ("latest", "first") and member.null in self._schema
        if nullable:
            here |= pl.col(member.null).fill_null(value=False)
        if member.types == set(rule.events):
            mask = here  # nobody else reads this member: its presence says it all
        else:
            mask &= here
        scale = self._scale(rule, value, dtype) if rule.op == "total" else None
        return Effect(mask, value, null=nullable, dtype=dtype, scale=scale)

    def _scale(self, rule: Rule, value: pl.Expr, dtype: pl.DataType) -> float | None:
        """Return the largest power of two at which all sums of a column stay exact in 128 bits."""
        if not (dtype.is_numeric() or dtype == pl.Null()):
            raise FoldError(
                f"field {rule.name!r}: the total of {rule.of!r} needs numbers, but the log holds {dtype}",
                hint="dtype=pl.Decimal(18, 2) reads numbers from text",
            )
        if not dtype.is_float():
            return None
        return exact_scale(self._frame.select(value).collect().to_series())

    def _is(self, types: Iterable[str]) -> pl.Expr:
        names = sorted(types)
        if len(names) == 1:
            return pl.col("type") == pl.lit(names[0], self._kinds)
        return pl.col("type").is_in(pl.Series(names, dtype=self._kinds).implode())


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
