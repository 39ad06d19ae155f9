"""What a model says about one field: the operation and its arguments, not yet checked against each other.

`Op` has the names of all operations. What each of them is: `eventsource.operations._table`.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, get_args

import polars as pl
from msgspec import Struct

from eventsource.operations._of import Of, of_text

__all__ = ["PII", "ROUNDINGS", "Arguments", "Op", "Pii", "Rounding", "Transition"]

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
_CODE: Final = frozenset({"function", "expression", "where", "label", "format", "pii"})

Pii = Literal["mask", "pseudonym"]
"""What readers who may not see a personal value get in its place: ``•••``, or a text that equal values share."""

PII: Final = get_args(Pii)


class Transition(Struct, frozen=True):
    """One transition of a state machine: from any of ``sources``, on ``event``, to ``target``."""

    sources: tuple[str, ...]
    event: str
    target: str


class Arguments(Struct, frozen=True, kw_only=True):
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
    function: Callable[[Any, Any], Any] | None = None
    expression: pl.Expr | None = None
    where: pl.Expr | None = None
    label: str = ""
    format: str = ""
    pii: bool | Pii | None = None

    def __eq__(self, other: object) -> bool:
        """Return whether all arguments but code and looks are equal; comparing two expressions makes a third."""
        return isinstance(other, Arguments) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name not in _CODE)

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that touch the field."""
        return (*self.events, *self.on, *self.off, *(each.event for each in self.transitions))

    @property
    def of_text(self) -> str | None:
        """What the field reads, as a person reads it; None: it reads no member."""
        return of_text(self.of)
