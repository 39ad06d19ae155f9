"""The shape of a row of the table of operations: all that the package knows about one operation."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import polars as pl
from msgspec import Struct

from eventsource.operations._arguments import Arguments
from eventsource.operations._field_history import FieldEvents, FieldHistory

__all__ = ["Folds", "Operation", "Partial", "Reference"]

Folds = Literal["all", "numbers", "order"]
"""Which values of a member an operation can fold."""


def _list_events(rule: Arguments) -> str:
    return ", ".join(rule.events) or "all events"


def _show_state(_rule: Arguments, state: Any, _dtype: pl.DataType | None) -> Any:
    return state


class Reference(Struct, frozen=True, kw_only=True):
    """How the reference engine folds a field: one event at a time.

    Args:
        step: (rule, state, event, value) → the next state. ``event`` has the columns of the envelope; ``value`` is
            the member's value or the event's moment, None where the operation reads neither.
        begin: rule → the state before any event; None: the field's default.
        show: (rule, state, dtype of the field) → the value in answers.
    """

    step: Callable[[Arguments, Any, Mapping[str, Any], Any], Any]
    begin: Callable[[Arguments], Any] | None = None
    show: Callable[[Arguments, Any, pl.DataType | None], Any] = _show_state


class Partial(Struct, frozen=True, kw_only=True):
    """How a snapshot holds a field, so that the fold of later events can be merged into it.

    A partial state of the field ``f`` is the column ``f``, and columns with a suffix, such as ``f|touched``.

    Args:
        columns: (rule, its events) → one column per suffix (``""`` is the field itself), a row per entity;
            None: these values cannot be held exactly.
        merge: field → what the columns become. Expressions see the earlier partial state under the columns' own
            names, the later one under names that end in ``|later``.
        finish: (rule, dtype of the member) → the expression of the field's value; None: the column is the value.
        must_refold: the suffix of a column that marks touched fields, where a later state cannot be merged: an
            entity with later events that touch the field is folded again from its first event. None: all can be
            merged.
    """

    columns: Callable[[Arguments, FieldEvents], Mapping[str, pl.Series] | None]
    merge: Callable[[str], Iterable[pl.Expr]]
    finish: Callable[[Arguments, pl.DataType], pl.Expr] | None = None
    must_refold: str | None = None


class Operation(Struct, frozen=True, kw_only=True):
    """All that the package knows about one operation: a row of the table `OPERATIONS`.

    Args:
        takes: the arguments of a `Rule` that the operation takes.
        needs: those of them that must be given.
        reads: the columns of the envelope that the operation reads when it reads no payload member. ``("at",)``
            means that the value is the moment of the event.
        default: the value before any event; operations that take ``initial`` begin with that instead.
        folds: which values of a member it can fold: ``"all"``; ``"numbers"``; or those of one ``"order"``:
            numbers, texts or booleans, but only one of the three per entity. Other values are faults.
        is_float: whether the field is Float64, whatever numbers it folds: their sizes decide no dtype then.
        can_overflow: whether a value can leave the range of its dtype. The event after which it does is a fault;
            the history names its row in ``refused``.
        is_list: whether the field is a list, which derived fields may search (`is_in`).
        null_touches: whether an explicit null in the payload sets null. If not, nulls are passed over.
        dtype: (rule, dtype of what is read) → the dtype of the field; None: its values decide.
        reference: how the reference engine folds it; None: no event touches the field.
        history: how the Polars engine folds it: (rule, its events) → the field after each of them.
        partial: how snapshots hold it.
        describe: rule → its events, as a person reads them.
    """

    takes: frozenset[str]
    needs: frozenset[str] = frozenset()
    reads: tuple[str, ...] = ()
    default: object = None
    folds: Folds = "all"
    is_float: bool = False
    can_overflow: bool = False
    is_list: bool = False
    null_touches: bool = False
    dtype: Callable[[Arguments, pl.DataType], pl.DataType | None]
    reference: Reference | None = None
    history: Callable[[Arguments, FieldEvents], FieldHistory] | None = None
    partial: Partial | None = None
    describe: Callable[[Arguments], str] = _list_events
