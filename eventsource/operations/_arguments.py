"""What a model says about one field: the operation and its arguments, not yet checked against each other.

`Op` has the names of all operations. What each of them is: `eventsource.operations._table`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import polars as pl

from eventsource.operations._of import Of, of_text

__all__ = ["ROUNDINGS", "Arguments", "Op", "Rounding", "Transition"]

Op = Literal[
    "latest",
    "first",
    "flag",
    "count",
    "total",
    "mean",
    "smallest",
    "largest",
    "distinct",
    "states",
    "reduce",
    "derive",
]

Rounding = Literal["half_even", "half_up", "down"]
"""How a value is rounded that a dtype does not hold exactly: to the nearest, ties to even or away from zero; or
towards zero."""

ROUNDINGS: Final = get_args(Rounding)


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of a state machine: from any of ``sources``, on ``event``, to ``target``."""

    sources: tuple[str, ...]
    event: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments of a `Rule`, which describes them.

    The functions in the table of operations take this class and not `Rule`. A `Rule` is checked against that
    table, so its module imports the table and everything below.
    """

    name: str
    op: Op
    events: tuple[str, ...] = ()
    of: Of | None = None
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    initial: Any = None
    transitions: tuple[Transition, ...] = ()
    dtype: pl.DataType | None = None
    rounding: Rounding | None = None
    function: Callable[[Any, Any], Any] | None = field(default=None, compare=False)
    expression: pl.Expr | None = field(default=None, compare=False)
    where: pl.Expr | None = field(default=None, compare=False)

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that touch the field."""
        return (*self.events, *self.on, *self.off, *(each.event for each in self.transitions))

    @property
    def of_text(self) -> str | None:
        """What the field reads, as a person reads it; None: it reads no member."""
        return of_text(self.of)
