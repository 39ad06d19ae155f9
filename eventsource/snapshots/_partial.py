"""Partial states: folds of some events, which the fold of later events can be merged into.

A partial state holds, beside each field, what a merge needs: whether any event touched the field, or exact sums.
Merging the partial states of earlier and later events gives the partial states of both. Each operation says which
columns it needs and how they merge (`eventsource.operations`, column ``partial``).

===================== ==================================================================================
column                meaning
===================== ==================================================================================
``entity``            the id of the entity; ascending
``|at``               the moment of the last event in the state
``|version``          the version of that event, where one counts in the fold order
``|exists``           whether the entity exists; null: no event in the state decides it
``field``             the value; of a total: the exact sum, as an integer or decimal
``field|…``           what else the operation needs, such as ``field|touched``
===================== ==================================================================================

`Merge` aligns both by entity. Three earlier states, and two later ones::

    row of earlier       0    1    2             row of later         0     1
    entity               ann  bob  eve           entity               bob   carl
    |at                  5    9    7             first event at       8     3

    places = [1, 2]      bob belongs to row 1 of earlier; carl belongs before row 2
    continues = [1, 0]   bob is there already, carl is new
    must_refold = [1, 0] bob's first later event (8) is before his last earlier one (9): a late event; at equal
                         moments their versions decide

    merged               bob: fold bob's events again    carl: his later state as it is
    replaced             ann  bob(new)  carl  eve        all states, in order
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

from eventsource.decode import Clustered, RowNumbers
from eventsource.fold import EXISTS, Events, FieldHistories, faults_of
from eventsource.operations import Partial, Rule, compute_derived, fold_errors
from eventsource.plan import Plan
from eventsource.snapshots._choose import Unusable

__all__ = ["AT", "Merge", "can_hold_states", "finish_states", "partial_states"]

AT: Final = "|at"
_VERSION: Final = "|version"
_LATER: Final = "|later"


def can_hold_states(plan: Plan) -> bool:
    """Return whether snapshots can hold the states of a plan.

    They cannot where a ``reduce`` field has no dtype: only all its values together decide it.
    """
    return not any(rule.is_untyped for rule in plan.rules)


def partial_states(events: Events) -> pl.DataFrame | Unusable:
    """Return the partial states after events, a row per entity, or why they cannot be held.

    A snapshot holds no states of events that a field cannot fold: whether such an event is a fault depends on the
    events before it. Nor does it hold fields whose values decide the dtype, since later values may change it.

    Raises:
        FoldError: the events cannot be folded.
    """
    if (obstacle := _obstacle(events)) is not None:
        return obstacle
    clustered = events.clustered
    histories = FieldHistories(events, events.plan.rules)
    at, version = _order_of(clustered, clustered.starts[1:] - 1)
    columns = [clustered.entities.alias("entity"), at.alias(AT), version.alias(_VERSION), _existence(histories)]
    for rule in events.plan.folded:
        found = _columns(rule, histories)
        if found is None:
            return Unusable(f"the sums of field {rule.name!r} need more digits than 128 bits hold")
        columns += found
    return pl.DataFrame(columns)


def _obstacle(events: Events) -> Unusable | None:
    """Return why no snapshot holds the states of events; None: one does."""
    faults = faults_of(events)
    if faults.height:
        first = faults.row(0, named=True)
        return Unusable(f"event {first['event_id']!r} cannot be folded into {first['field'] or 'any entity'!r}")
    undecided = events.undecided
    if undecided:
        return Unusable(f"field {undecided[0]!r} has values of kinds that one dtype does not hold exactly")
    return None


def _columns(rule: Rule, histories: FieldHistories) -> list[pl.Series] | None:
    """Return the columns that hold one field."""
    with fold_errors(rule.name):
        found = _partial(rule).columns(rule, histories.events_of(rule))
    return None if found is None else [column.alias(f"{rule.name}{suffix}") for suffix, column in found.items()]


class Merge(Struct, frozen=True):
    """Partial states of earlier events, and those of later events of some entities.

    Args:
        earlier: partial states.
        later: partial states of events that are not in ``earlier``.
        places: per row of ``later``, the row of ``earlier`` that it continues, or before which it belongs.
        continues: per row of ``later``, whether ``earlier`` has a state of the same entity.
    """

    earlier: pl.DataFrame
    later: pl.DataFrame
    places: RowNumbers
    continues: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, earlier: pl.DataFrame, later: pl.DataFrame) -> "Merge":
        """Find the entities of the later states among the earlier ones."""
        ids, own = earlier["entity"], later["entity"]
        places = np.asarray(ids.search_sorted(own, side="left").to_numpy(), np.int64)
        if not len(ids):
            return cls(earlier, later, places, np.zeros(len(own), bool))
        candidates = pl.Series(np.minimum(places, len(ids) - 1))
        return cls(earlier, later, places, (ids.gather(candidates) == own).to_numpy())

    def must_refold(self, events: Events) -> pl.Series:
        """Return a mask of the later states that cannot be merged: their entities must be folded from the start.

        Either one of their events is before the last one of the earlier state (a late event), or it touches a
        field whose every value needs the one before.

        Args:
            events: the events that ``later`` is folded from.
        """
        mask, continues = np.zeros(self.later.height, bool), pl.Series(self.continues)
        firsts = (each.filter(continues) for each in _order_of(events.clustered, events.clustered.starts[:-1]))
        lasts = (self.earlier[name].gather(self._continued) for name in (AT, _VERSION))
        mask[self.continues] = _is_before(*firsts, *lasts).to_numpy()
        for rule in events.plan.folded:
            touched = _partial(rule).must_refold
            if touched is not None:
                mask |= self.continues & self.later[f"{rule.name}{touched}"].to_numpy()
        return pl.Series(mask)

    def merged(self, plan: Plan) -> pl.DataFrame:
        """Return the partial states of both, for the entities of ``later`` in their order."""
        continues = pl.Series(self.continues)
        earlier = self.earlier.select(pl.all().gather(self._continued))
        both = earlier.hstack(self.later.filter(continues).select(pl.all().name.suffix(_LATER)))
        merged = both.select("entity", *_merges(plan)).cast(self.earlier.schema)
        if continues.all():
            return merged
        new = self.later.filter(~continues).select(merged.columns)
        order = np.empty(self.later.height, np.int64)
        order[np.append(np.flatnonzero(self.continues), np.flatnonzero(~self.continues))] = np.arange(len(order))
        return pl.concat([merged, new])[order]

    def replaced(self, states: pl.DataFrame, plan: Plan) -> pl.DataFrame:
        """Return all earlier states, with new ones in place of those that they continue.

        Args:
            states: partial states of the entities of ``later``, in their order.
            plan: their plan.
        """
        names = ["entity", EXISTS, *_finished_columns(states.columns, plan)]
        height, is_new = self.earlier.height, ~self.continues
        numbers = np.arange(height + states.height, dtype=np.uint32)  # 32 bits gather twice as fast as 64
        order, numbers = numbers[:height], numbers[height:]
        order[self.places[self.continues]] = numbers[self.continues]
        if is_new.any():
            order = np.insert(order, self.places[is_new], numbers[is_new])
        return pl.concat([self.earlier.select(names), states.select(names)], rechunk=True)[pl.Series(order)]

    @property
    def _continued(self) -> pl.Series:
        """The rows of ``earlier`` that later states continue."""
        return pl.Series(self.places[self.continues])


def finish_states(states: pl.DataFrame, events: Events) -> pl.DataFrame | Unusable:
    """Return partial states as an answer: the entities that exist, and the fields in their dtypes.

    `Unusable`: a sum leaves its range, which is a fault of one of its events.

    Args:
        states: partial states.
        events: some events of the same question, which have the dtypes of its fields.
    """
    plan = events.plan
    values = [
        finish(rule, events.dtypes[rule.name]).alias(rule.name)
        for rule in plan.folded
        if (finish := _partial(rule).finish) is not None
    ]
    try:
        finished = states.with_columns(values)
    except pl.exceptions.PolarsError as error:
        return Unusable(f"a sum leaves its range: {error}")
    existing = finished.filter(pl.col(EXISTS).fill_null(value=False))
    return compute_derived(existing, plan.rules).select("entity", *plan.fields)


def _order_of(events: Clustered, rows: RowNumbers) -> tuple[pl.Series, pl.Series]:
    """Return the moments and the versions of some rows."""
    found = events.collect("at", events.version).select(pl.all().gather(pl.Series(rows)))
    return found["at"], found["version"]


def _is_before(first_at: pl.Series, first: pl.Series, last_at: pl.Series, last: pl.Series) -> pl.Series:
    """Return whether later events, by moment and version, belong before the last ones of the earlier states."""
    has_lower_version = ((first < last) | first.is_null()).fill_null(value=False) & last.is_not_null()
    return (first_at < last_at) | ((first_at == last_at) & has_lower_version)


def _partial(rule: Rule) -> Partial:
    assert rule.operation.partial is not None  # noqa: S101 - asked for folded fields only
    return rule.operation.partial


def _existence(histories: FieldHistories) -> pl.Series:
    exists = histories[EXISTS]
    return exists.last().set(~exists.is_touched, None).alias(EXISTS)


def _merges(plan: Plan) -> Iterable[pl.Expr]:
    """Yield the expressions that merge each column with the later one, whose name ends in ``|later``."""
    yield pl.col(f"{AT}{_LATER}").alias(AT)
    yield pl.col(f"{_VERSION}{_LATER}").alias(_VERSION)
    yield pl.coalesce(f"{EXISTS}{_LATER}", EXISTS).alias(EXISTS)
    for rule in plan.folded:
        yield from _partial(rule).merge(rule.name)


def _finished_columns(names: Iterable[str], plan: Plan) -> Iterator[str]:
    """Yield the columns that hold a field, or that it is computed from at the end."""
    finished = {rule.name for rule in plan.folded if _partial(rule).finish is not None}
    fields = {rule.name for rule in plan.folded}
    for name in names:
        field, bar, _ = name.partition("|")
        if (not bar and field in fields) or (bar and field in finished):
            yield name
