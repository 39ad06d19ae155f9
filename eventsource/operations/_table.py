"""The table of operations: one row says everything about one operation.

To add an operation, add a row here, its name to `Op` and its sugar to `eventsource.model`. The functions that a
row names are in `_steps` (one event at a time: the specification), `_histories` (columns: the fast engine),
`_partials` (snapshots) and `_dtypes`.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from eventsource.operations import _dtypes as dtypes
from eventsource.operations import _histories as histories
from eventsource.operations import _partials as partials
from eventsource.operations import _steps as steps
from eventsource.operations._arguments import Arguments, Op
from eventsource.operations._operation import Operation, Reference

__all__ = ["OPERATIONS"]


def _describe_flag(rule: Arguments) -> str:
    return f"on {', '.join(rule.on)}; off {', '.join(rule.off) or 'never'}"


def _describe_states(rule: Arguments) -> str:
    transitions = (f"{'|'.join(each.sources)} → {each.target} on {each.event}" for each in rule.transitions)
    return f"from {rule.initial}: {'; '.join(transitions)}"


_MEMBER: Final = frozenset({"events", "of", "dtype", "rounding", "where"})
_EVENTS: Final = frozenset({"events", "where"})
_OF: Final = frozenset({"of"})

OPERATIONS: Final[Mapping[Op, Operation]] = {
    "latest": Operation(
        takes=_MEMBER,
        reads=("at",),
        null_touches=True,
        dtype=dtypes.same_as_member,
        reference=Reference(step=steps.latest),
        history=histories.latest,
        partial=partials.keep_last(histories.latest),
    ),
    "first": Operation(
        takes=_MEMBER,
        reads=("at",),
        null_touches=True,
        dtype=dtypes.same_as_member,
        reference=Reference(begin=lambda _: (), step=steps.first, show=steps.show_first),
        history=histories.first,
        partial=partials.keep_first(histories.first),
    ),
    "flag": Operation(
        takes=frozenset({"on", "off", "where"}),
        needs=frozenset({"on"}),
        reads=("type",),
        default=False,
        dtype=dtypes.always(pl.Boolean()),
        reference=Reference(step=steps.flag),
        history=histories.flag,
        partial=partials.keep_last(histories.flag),
        describe=_describe_flag,
    ),
    "count": Operation(
        takes=_EVENTS,
        default=0,
        dtype=dtypes.always(pl.Int64()),
        reference=Reference(step=steps.count),
        history=histories.count,
        partial=partials.add(histories.count),
    ),
    "total": Operation(
        takes=_MEMBER,
        needs=_OF,
        default=0,
        folds="numbers",
        can_overflow=True,
        dtype=dtypes.total,
        reference=Reference(begin=steps.begin_total, step=steps.total, show=steps.show_total),
        history=histories.total,
        partial=partials.TOTAL,
    ),
    "mean": Operation(
        takes=_MEMBER,
        needs=_OF,
        folds="numbers",
        is_float=True,
        dtype=dtypes.mean,
        reference=Reference(begin=steps.begin_mean, step=steps.mean, show=steps.show_mean),
        history=histories.mean,
        partial=partials.MEAN,
    ),
    "smallest": Operation(
        takes=_MEMBER,
        needs=_OF,
        folds="order",
        dtype=dtypes.same_as_member,
        reference=Reference(step=steps.smallest, show=steps.show_ordered),
        history=histories.smallest,
        partial=partials.keep_smallest(histories.smallest),
    ),
    "largest": Operation(
        takes=_MEMBER,
        needs=_OF,
        folds="order",
        dtype=dtypes.same_as_member,
        reference=Reference(step=steps.largest, show=steps.show_ordered),
        history=histories.largest,
        partial=partials.keep_largest(histories.largest),
    ),
    "distinct": Operation(
        takes=_MEMBER,
        needs=_OF,
        default=[],
        folds="order",
        is_list=True,
        dtype=dtypes.list_of_member,
        reference=Reference(step=steps.distinct, show=steps.show_ordered),
        history=histories.distinct,
        partial=partials.unite(histories.distinct),
    ),
    "states": Operation(
        takes=frozenset({"initial", "transitions", "where"}),
        needs=frozenset({"initial", "transitions"}),
        reads=("type",),
        dtype=dtypes.always(pl.String()),
        reference=Reference(step=steps.states),
        history=histories.states,
        partial=partials.refold(histories.states),
        describe=_describe_states,
    ),
    "reduce": Operation(
        takes=frozenset({"events", "initial", "dtype", "function", "where"}),
        needs=frozenset({"function"}),
        reads=("type", "at", "position", "event_id", "data"),
        dtype=dtypes.requested,
        reference=Reference(step=steps.reduce),
        history=histories.reduce,
        partial=partials.refold(histories.reduce),
    ),
    "derive": Operation(
        takes=frozenset({"expression"}),
        needs=frozenset({"expression"}),
        dtype=dtypes.requested,
    ),
}
