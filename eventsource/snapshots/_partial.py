"""Partial states: folds of some events that the fold of later ones can go on from.

A partial state holds, beside each field, what a merge needs: whether any event touched it, and sums as exact
integers. Merging the partial states of earlier and later events gives the partial states of both.

===================== ==================================================================================
column                meaning
===================== ==================================================================================
``entity``            whose state it is; ascending
``|at``               the moment of the last event in it
``|exists``           whether the entity exists; null: nothing in it says so
``field``             the value; of a total: the exact sum, as an integer or decimal
``field|touched``     whether any event touched it (not for sums, counts, extremes and sets)
===================== ==================================================================================
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.decode import RowNumbers
from eventsource.fold import EXISTS, Events
from eventsource.fold._columns import refusal
from eventsource.fold._effects import derived
from eventsource.fold._tracks import Tracks
from eventsource.plan import Plan, Rule

__all__ = ["AT", "Meeting", "finished", "is_mergeable", "partial"]

AT: Final = "|at"
_EXPONENT: Final = 72
_TOUCHED: Final = frozenset({"latest", "first", "flag", "states", "reduce"})
_MARK: Final = "|touched"
_STEPS: Final = frozenset({"states", "reduce"})


def is_mergeable(plan: Plan) -> bool:
    """Say whether states of a plan may be kept: not where only all values of a ``reduce`` tell its dtype."""
    return all(rule.op != "reduce" or rule.dtype is not None for rule in plan.rules)


def partial(events: Events) -> pl.DataFrame | None:
    """Return the partial states after events, a row per entity; None: the sums of a field cannot be kept exactly.

    Raises:
        FoldError: the events cannot be folded.
    """
    rows = events.clustered
    tracks = Tracks(events, events.plan.rules)
    at = rows.collect("at").to_series().gather(pl.Series(rows.starts[1:] - 1))
    columns = [rows.entities.alias("entity"), at.alias(AT), _existence(tracks)]
    for rule in _plain(events.plan):
        if rule.op == "total":
            sums = tracks.sums(rule.name, _EXPONENT)
            if sums is None:
                return None
            columns.append(sums.alias(rule.name))
            continue
        columns.append(tracks[rule.name].last().alias(rule.name))
        if rule.op in _TOUCHED:
            columns.append(tracks[rule.name].touches.alias(f"{rule.name}{_MARK}"))
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class Meeting:
    """Partial states of earlier events, and those of later ones.

    Args:
        earlier: partial states.
        later: partial states of events that are not in ``earlier``.
        places: before which row of ``earlier`` each of ``later`` belongs, or which one it continues.
        goes_on: whether it continues that row: both are of one entity.
    """

    earlier: pl.DataFrame
    later: pl.DataFrame
    places: RowNumbers
    goes_on: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, earlier: pl.DataFrame, later: pl.DataFrame) -> "Meeting":
        """Find the entities of later states among the earlier ones."""
        ids, own = earlier["entity"], later["entity"]
        places = np.asarray(ids.search_sorted(own, side="left").to_numpy(), np.int64)
        if not len(ids):
            return cls(earlier, later, places, np.zeros(len(own), bool))
        near = pl.Series(np.minimum(places, len(ids) - 1))
        return cls(earlier, later, places, (ids.gather(near) == own).to_numpy())

    def unmergeable(self, events: Events) -> pl.Series:
        """Return which of the later states do not simply come after the earlier ones, as a mask.

        Either one of their events stands before the last of the earlier ones, or it touches a field that goes
        step by step.

        Args:
            events: what ``later`` was folded of.
        """
        first = events.clustered.collect("at").to_series().gather(pl.Series(events.clustered.starts[:-1]))
        mask, on = np.zeros(self.later.height, bool), pl.Series(self.goes_on)
        mask[self.goes_on] = (first.filter(on) < self.earlier[AT].gather(self._continued)).to_numpy()
        for rule in _plain(events.plan):
            if rule.op in _STEPS:
                mask |= self.goes_on & self.later[f"{rule.name}{_MARK}"].to_numpy()
        return pl.Series(mask)

    def merged(self, plan: Plan) -> pl.DataFrame:
        """Return the partial states of both for the entities of ``later``, in their order."""
        on = pl.Series(self.goes_on)
        earlier = self.earlier.select(pl.all().gather(self._continued))
        both = earlier.hstack(self.later.filter(on).select(pl.all().name.suffix("|later")))
        merged = both.select("entity", *_merges(plan)).cast(self.earlier.schema)
        if on.all():
            return merged
        new = self.later.filter(~on).select(merged.columns)
        order = np.empty(self.later.height, np.int64)
        order[np.append(np.flatnonzero(self.goes_on), np.flatnonzero(~self.goes_on))] = np.arange(len(order))
        return pl.concat([merged, new])[order]

    def replaced(self, states: pl.DataFrame) -> pl.DataFrame:
        """Return all earlier partial states, with these in place of those that they continue, as `finished` needs.

        Args:
            states: partial states of the entities of ``later``, in their order.
        """
        names = [name for name in states.columns if name != AT and not name.endswith(_MARK)]
        height, new = self.earlier.height, ~self.goes_on
        numbers = np.arange(height + states.height, dtype=np.uint32)  # rows by them are gathered in half the time
        order, numbers = numbers[:height], numbers[height:]
        order[self.places[self.goes_on]] = numbers[self.goes_on]
        if new.any():
            order = np.insert(order, self.places[new], numbers[new])
        return pl.concat([self.earlier.select(names), states.select(names)], rechunk=True)[pl.Series(order)]

    @property
    def _continued(self) -> pl.Series:
        return pl.Series(self.places[self.goes_on])


def finished(states: pl.DataFrame, plan: Plan, dtypes: pl.Schema) -> pl.DataFrame:
    """Return partial states as an answer: the entities that exist, and the fields in their dtypes.

    Args:
        states: partial states.
        plan: their plan.
        dtypes: the dtypes of the members that totals are taken of, by field.

    Raises:
        FoldError: an integer total beyond 64 bits.
    """
    totals = [_total(rule, dtypes[rule.name]) for rule in _plain(plan) if rule.op == "total"]
    try:
        here = states.with_columns(totals).filter(pl.col(EXISTS).fill_null(value=False))
        return derived(here, plan.rules).select("entity", *plan.fields)
    except pl.exceptions.PolarsError as error:
        raise refusal(error) from error


def _plain(plan: Plan) -> Iterable[Rule]:
    return (rule for rule in plan.rules if rule.op != "derive")


def _existence(tracks: Tracks) -> pl.Series:
    return tracks[EXISTS].last().set(~tracks[EXISTS].touches, None).alias(EXISTS)


def _merges(plan: Plan) -> Iterable[pl.Expr]:
    """Yield what each column becomes, of the earlier ones and those with the suffix ``|later``."""
    yield pl.col(f"{AT}|later").alias(AT)
    yield pl.coalesce(f"{EXISTS}|later", EXISTS).alias(EXISTS)
    for rule in _plain(plan):
        name, old, new = rule.name, pl.col(rule.name), pl.col(f"{rule.name}|later")
        if rule.op in ("count", "total"):
            yield (old + new).alias(name)
        elif rule.op == "smallest":
            yield pl.when(old.is_null() | (new < old)).then(new).otherwise(old).alias(name)
        elif rule.op == "largest":
            yield pl.when(old.is_null() | (new > old)).then(new).otherwise(old).alias(name)
        elif rule.op == "distinct":
            yield pl.concat_list(old, new).list.unique().list.sort().alias(name)
        else:
            touched, before = pl.col(f"{name}|touched|later"), pl.col(f"{name}|touched")
            keeps = before if rule.op == "first" else ~touched
            yield pl.when(keeps).then(old).otherwise(new).alias(name)
            yield (before | touched).alias(f"{name}|touched")


def _total(rule: Rule, dtype: pl.DataType) -> pl.Expr:
    sums = pl.col(rule.name)
    if dtype.is_float():
        return sums.cast(pl.Float64) / 2.0**_EXPONENT
    return sums.cast(dtype if dtype.is_decimal() else pl.Int64(), strict=True)
