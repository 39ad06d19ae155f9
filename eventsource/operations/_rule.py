"""Rules: what events do to one field, checked against the table of operations."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

import polars as pl
from msgspec.structs import force_setattr

from eventsource.errors import ModelError
from eventsource.event import CORRECTIONS
from eventsource.formats import check_format
from eventsource.messages import suggestion
from eventsource.operations._arguments import PII, ROUNDINGS, Arguments, Op
from eventsource.operations._expressions import check_derive, check_where
from eventsource.operations._field_history import FieldEvents, FieldHistory
from eventsource.operations._of import checked_of, paths_of
from eventsource.operations._operation import Operation
from eventsource.operations._table import OPERATIONS
from eventsource.texts import is_text

__all__ = ["Rule", "check_event_types"]

_ARGUMENTS: Final = frozenset().union(*(operation.takes for operation in OPERATIONS.values()))


class Rule(Arguments, frozen=True, kw_only=True):
    """What events do to one field.

    Args:
        name: the field's name.
        op: the name of the operation: one of the closed set `Op`.
        events: the event types that the operation reads (not for ``flag``, ``states``, ``derive``); empty: all
            types, or those that have a path where ``of`` has one per type.
        of: dotted path of a payload member, or of the envelope, such as ``@type``; or alternatives, of which the
            first that is present counts; or one of both per event type. None (``latest``, ``first``): the moment
            of the event itself.
        on: event types that set a flag.
        off: event types that clear a flag.
        initial: the first state of a state machine, or of a ``reduce``.
        transitions: the transitions of a state machine.
        dtype: the requested dtype; None: the dtype of the values.
        rounding: how a number is rounded that the requested dtype does not hold exactly; None: it is a fault.
        function: ``(state, event) -> state`` of a ``reduce``.
        expression: a row-wise Polars expression over the other fields, of a ``derive``.
        where: a row-wise Polars expression over members of an event, named by their dotted paths. For the field,
            an event that does not meet it counts as one of another type.
        label: how pages, charts and tables call the field; empty: by its name. Like the next two, it changes no
            answer, and is not part of the fingerprint of a plan.
        format: how they show its values; see `eventsource.formats`. Empty: as fits their type.
        pii: whether the values are personal, and what readers get who may not see them: ``"mask"`` (or True)
            for ``•••``, ``"pseudonym"`` for a text that equal values share. None: no, except that a derived field
            is as personal as the fields it is computed from.

    Raises:
        ModelError: the operation is unknown, does not take an argument, or lacks one that it needs.
    """

    def __post_init__(self) -> None:
        if not isinstance(self.op, str) or self.op not in OPERATIONS:
            raise ModelError(
                f"field {self.name!r}: expected an operation, got {self.op!r}",
                hint=f"{suggestion(str(self.op), get_args(Op))} (operations: {', '.join(get_args(Op))})",
            )
        self._check_arguments()
        check_event_types(f"field {self.name!r}", self.types)
        self._check_flag()
        if self.of is not None:
            if isinstance(self.of, Mapping) and not self.events:
                force_setattr(self, "events", tuple(self.of))
            force_setattr(self, "of", checked_of(f"field {self.name!r}", self.of, self.events))
        self._check_rounding()
        self._check_code()
        self._check_transitions()
        self._check_looks()

    @property
    def operation(self) -> Operation:
        """The row of the table of operations."""
        return OPERATIONS[self.op]

    @property
    def default(self) -> object:
        """The value of the field before any event."""
        return self.initial if "initial" in self.operation.takes else self.operation.default

    @property
    def is_derived(self) -> bool:
        """Whether the field is computed from other fields: no event touches it."""
        return self.expression is not None

    @property
    def is_untyped(self) -> bool:
        """Whether only all values of the field together decide its dtype (a ``reduce`` without ``dtype``)."""
        return self.function is not None and self.dtype is None

    @property
    def is_of_all_types(self) -> bool:
        """Whether events of every type touch the field, also of types that are not in the log yet."""
        return "events" in self.operation.takes and not self.events

    def is_touched_by(self, type_: str) -> bool:
        """Return whether events of a type touch the field."""
        return self.is_of_all_types or type_ in self.types

    @property
    def reads_payload(self) -> bool:
        """Whether the operation reads the whole payload of its events, and not one member."""
        return "data" in self.operation.reads

    def paths(self, type_: str) -> tuple[str, ...]:
        """Return the alternative paths of what the field reads in events of a type; empty: it reads nothing."""
        return paths_of(self.of, type_)

    def dtype_over(self, member: pl.DataType) -> pl.DataType | None:
        """Return the dtype of the field over a member of a dtype; None: only the values of the field decide.

        Raises:
            FoldError: the operation cannot be computed over this dtype.
        """
        return self.operation.dtype(self, member)

    def history(self, events: FieldEvents) -> FieldHistory:
        """Return the field after each of the events that touch it (not of a derived field).

        Raises:
            FoldError: the values cannot be folded.
        """
        assert self.operation.history is not None  # noqa: S101 - no event touches a derived field
        return self.operation.history(self, events)

    def _check_arguments(self) -> None:
        given = {argument for argument in _ARGUMENTS if _is_given(getattr(self, argument))}
        if extra := sorted(given - self.operation.takes):
            raise ModelError(
                f"field {self.name!r}: {self.op} does not take {', '.join(extra)}",
                hint=f"{self.op} takes {', '.join(sorted(self.operation.takes))}",
            )
        if missing := sorted(self.operation.needs - given):
            raise ModelError(
                f"field {self.name!r}: {self.op} needs {', '.join(missing)}",
                hint=f"{self.op} takes {', '.join(sorted(self.operation.takes))}",
            )

    def _check_flag(self) -> None:
        if both := sorted(set(self.on) & set(self.off)):
            raise ModelError(
                f"field {self.name!r}: {both[0]!r} cannot be both on and off", hint="remove it from on or from off"
            )

    def _check_rounding(self) -> None:
        if self.rounding is None:
            return
        if self.rounding not in ROUNDINGS:
            raise ModelError(
                f"field {self.name!r}: expected a rounding, got {self.rounding!r}",
                hint=f"one of {', '.join(ROUNDINGS)}",
            )
        if self.dtype is None or not self.dtype.is_numeric():
            raise ModelError(
                f"field {self.name!r}: rounding needs a dtype of numbers, got {self.dtype}",
                hint='such as dtype=pl.Decimal(18, 2), rounding="half_even"',
            )

    def _check_code(self) -> None:
        if self.function is not None and not callable(self.function):
            raise ModelError(
                f"field {self.name!r}: expected a function, got {self.function!r}", hint="(state, event) -> state"
            )
        if self.expression is not None:
            check_derive(f"field {self.name!r}", self.expression)
        if self.where is not None:
            check_where(f"field {self.name!r}", self.where)

    def _check_looks(self) -> None:
        if not isinstance(self.label, str) or "|" in self.label:
            raise ModelError(
                f"field {self.name!r}: expected a label without |, got {self.label!r}", hint='label="Home"'
            )
        try:
            check_format(self.format)
        except (TypeError, ValueError) as error:
            raise ModelError(f"field {self.name!r}: {error}", hint='format="money PLN"') from error
        if not isinstance(self.pii, bool | None) and self.pii not in PII:
            raise ModelError(
                f"field {self.name!r}: expected pii to be True, False, {' or '.join(map(repr, PII))}, "
                f"got {self.pii!r}",
                hint="pii=True",
            )

    def _check_transitions(self) -> None:
        seen: set[tuple[str, str]] = set()
        for state in (self.initial, *(n for a in self.transitions for n in (*a.sources, a.target))):
            if self.transitions and not is_text(state):
                raise ModelError(
                    f"field {self.name!r}: expected a state as a text, got {state!r}", hint='such as "new"'
                )
        for each in self.transitions:
            for source in each.sources:
                if (source, each.event) in seen:
                    raise ModelError(
                        f"field {self.name!r}: two transitions leave {source!r} on {each.event!r}",
                        hint="remove one of the two",
                    )
                seen.add((source, each.event))


def check_event_types(where: str, types: Iterable[Any]) -> None:
    """Check that event types are texts, and none of them is reserved.

    Raises:
        ModelError: one is not a text, or is a type of corrections.
    """
    for type_ in types:
        if isinstance(type_, str) and type_ in CORRECTIONS:
            raise ModelError(
                f"{where}: events of type {type_!r} are corrections, and belong to no entity",
                hint="every model applies corrections by itself",
            )
        if not is_text(type_):
            raise ModelError(
                f"{where}: expected an event type, got {type_!r}", hint='event types are texts: "A", "B"'
            )


def _is_given(argument: Any) -> bool:
    return argument is not None and (not isinstance(argument, tuple) or argument != ())
