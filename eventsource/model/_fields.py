"""The fields of models: an operation and its arguments, before the class statement gives them a name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypedDict, Unpack

import polars as pl

from eventsource.errors import ModelError
from eventsource.model._names import Names, names_of
from eventsource.plan import Of, Op, Pii, Rounding, Rule, Transition, dtype_of

__all__ = [
    "Field",
    "Looks",
    "count",
    "derive",
    "distinct",
    "first",
    "flag",
    "largest",
    "latest",
    "mean",
    "reduce",
    "smallest",
    "states",
    "total",
]

Where = pl.Expr | None
"""Which events a field takes: a row-wise expression over members, named by their dotted paths."""

_ARGUMENTS: Final = frozenset(Rule.__struct_fields__)
_TRIPLES: Final = 'transitions are triples: [("new", "OrderPaid", "paid"), …]'


class Looks(TypedDict, total=False):
    """What every field takes: how pages, charts and tables show it, and whether it is personal. See `Rule`."""

    label: str
    format: str
    pii: bool | Pii


class Field:
    """One field of a model before it has a name: an operation and its arguments."""

    __slots__ = ("arguments", "name", "op")

    def __init__(self, op: Op, **arguments: Any) -> None:
        if unknown := sorted(arguments.keys() - _ARGUMENTS):
            raise TypeError(f"{op}() got an unexpected keyword argument {unknown[0]!r}")
        self.op, self.arguments, self.name = op, arguments, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        given = {n: value for n, value in self.arguments.items() if value is not None and not _is_empty(value)}
        arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{self.op}({arguments})"

    def rule(self) -> Rule:
        """Return the rule of this field, under the name that the class statement gave it."""
        return Rule(name=self.name, op=self.op, **self.arguments)


def latest(
    *events: str,
    of: Of | None = None,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that holds the value in the last of its events.

    Args:
        events: the event types that carry the value.
        of: dotted path of the payload member; None: the moment of the event itself. A member that is
            absent leaves the value unchanged, an explicit null sets null (RFC 7396). A list of paths are
            alternatives, of which the first that is present counts (an explicit null is present). A dict of event
            type → path or alternatives reads something else of each type; a type without a path leaves the value
            unchanged. Its types are the events of the field where none are named.
        dtype: a Polars dtype to hold the value in; default: the dtype of the values. It never rounds or cuts: a
            value that it does not hold exactly is a fault (`FaultError`). Texts that are numbers are taken.
        rounding: ``"half_even"``, ``"half_up"`` or ``"down"``: the value of each event is rounded to ``dtype``
            in this way, instead of being a fault. For dtypes of numbers.
        where: which of the events count; see `eventsource.model`.
    """
    return _reading("latest", events, of, dtype, rounding=rounding, where=where, **looks)


def first(
    *events: str,
    of: Of | None = None,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that holds the value in the first of its events; arguments as for `latest`."""
    return _reading("first", events, of, dtype, rounding=rounding, where=where, **looks)


def flag(*, on: Names, off: Names = (), where: Where = None, **looks: Unpack[Looks]) -> Any:
    """Return a field that is true after an ``on`` event, false after an ``off`` event and before both."""
    return Field("flag", on=names_of(on), off=names_of(off), where=where, **looks)


def count(*events: str, where: Where = None, **looks: Unpack[Looks]) -> Any:
    """Return a field that counts its events."""
    return Field("count", events=events, where=where, **looks)


def total(
    *events: str,
    of: Of,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that sums a member; null adds nothing, 0 at first.

    Integers are exact in 64 bits; an event that makes the sum larger is a fault (`FaultError`). Decimals
    (``dtype=pl.Decimal(18, 2)``) are read digit by digit from the payload. A value with more digits is a fault, or
    is rounded as ``rounding`` says, before it is added. A sum of floats is the exact sum, rounded once.
    """
    return _reading("total", events, of, dtype, rounding=rounding, where=where, **looks)


def mean(
    *events: str,
    of: Of,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that holds the mean of a member, as Float64; null is passed over, null at first.

    It is the exact sum divided by the count, rounded once, whether the member holds integers, decimals or floats.
    """
    return _reading("mean", events, of, dtype, rounding=rounding, where=where, **looks)


def smallest(
    *events: str,
    of: Of,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that holds the smallest value of a member so far; null is passed over, null at first."""
    return _reading("smallest", events, of, dtype, rounding=rounding, where=where, **looks)


def largest(
    *events: str,
    of: Of,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that holds the largest value of a member so far; null is passed over, null at first."""
    return _reading("largest", events, of, dtype, rounding=rounding, where=where, **looks)


def distinct(
    *events: str,
    of: Of,
    dtype: Any = None,
    rounding: Rounding | None = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that holds the set of a member's values as a sorted list; null is passed over."""
    return _reading("distinct", events, of, dtype, rounding=rounding, where=where, **looks)


def states(
    initial: str,
    transitions: Iterable[tuple[Names, str, str]],
    *,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field that follows a state machine.

    Args:
        initial: the state before any event.
        transitions: ``(from, event, to)``, ``from`` one state or several. An event without a
            transition from the present state changes nothing.
        where: which of the events count; see `eventsource.model`.

    Raises:
        ModelError: a transition is not a triple. At the class statement: two transitions leave one state on the
            same event, or one leaves a state that no transition leads to.
    """
    if isinstance(transitions, str | Mapping) or not isinstance(transitions, Iterable):
        raise ModelError(f"expected transitions, got {transitions!r}", hint=_TRIPLES)
    arrows = tuple(map(_transition, transitions))
    return Field("states", initial=initial, transitions=arrows, where=where, **looks)


def reduce(
    function: Callable[[Any, Any], Any],
    *events: str,
    initial: Any = None,
    dtype: Any = None,
    where: Where = None,
    **looks: Unpack[Looks],
) -> Any:
    """Return a field folded by a Python function: slow, for what no other operation computes.

    Args:
        function: ``(state, event) -> state``; it must return a new state and change no argument.
            ``event`` has ``type``, ``at``, ``position``, ``event_id`` and ``data`` (a dict).
        events: the event types it is called for, in fold order.
        initial: the state before any event.
        dtype: the dtype of the field; default: the dtype that Polars finds for the values.
            Without a dtype, snapshots cannot hold the field.
        where: which of the events count; see `eventsource.model`.
    """
    taken: dict[str, Any] = {"function": function, "initial": initial, "dtype": dtype_of(dtype)}
    return Field("reduce", events=events, where=where, **taken, **looks)


def derive(expression: pl.Expr, **looks: Unpack[Looks]) -> Any:
    """Return a field computed from the other fields of the same state.

    Args:
        expression: a row-wise Polars expression, such as ``pl.col("spent") / pl.col("orders")``. It
            may use fields declared before it.
    """
    return Field("derive", expression=expression, **looks)


def _reading(op: Op, events: tuple[str, ...], of: Of | None, dtype: Any, **arguments: Any) -> Field:
    return Field(op, events=events, of=of, dtype=dtype_of(dtype), **arguments)


def _is_empty(value: Any) -> bool:
    return isinstance(value, tuple) and not value


def _transition(arrow: Any) -> Transition:
    try:
        sources, event, target = arrow
        return Transition(names_of(sources), event, target)
    except (TypeError, ValueError) as error:
        raise ModelError(f"expected a transition, got {arrow!r}", hint=_TRIPLES) from error
