"""Events in fold order, and where each entity's begin: the order of the data is the speed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["FOLD_ORDER", "Clustered", "Picked", "Rows", "Touches", "bisected", "ranges"]

FOLD_ORDER: Final = ("entity", "at", "position")

_KEPT: Final = "|kept"

Rows = npt.NDArray[np.int64]
"""Row numbers."""

Touches = npt.NDArray[np.integer[Any]]
"""Numbers of rows, or of touches."""


@dataclass(frozen=True)
class Clustered:
    """Events in fold order: all of one entity stand together, by (``at``, ``position``).

    Args:
        stored: one row per event, with ``at``, ``position`` and more, but not the entity.
        entities: their ids (String), ascending, each with at least one event.
        starts: where the events of each begin, and at last the number of rows: one more than ``entities``.
        places: which rows of the fold order the last ones of ``stored`` are, ascending; the others are the rest
            of it. None: all of ``stored`` stand in it.
    """

    stored: pl.LazyFrame
    entities: pl.Series
    starts: Rows
    places: Rows | None = None

    @classmethod
    def of(cls, events: pl.DataFrame) -> "Clustered":
        """Return events with a column ``entity``, in any order, as clustered ones."""
        return cls.sorted(events.sort(FOLD_ORDER))

    @classmethod
    def sorted(cls, events: pl.DataFrame) -> "Clustered":
        """Return events with a column ``entity`` that are in fold order already."""
        owner = events["entity"]
        fresh = (owner != owner.shift()).fill_null(value=True).arg_true()
        starts = np.append(fresh.to_numpy(), len(owner)).astype(np.int64)
        return cls(events.lazy().drop("entity"), owner.gather(fresh), starts)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def frame(self) -> pl.LazyFrame:
        """The events in fold order."""
        return self.stored if self.places is None else self.stored.select(pl.all().gather(pl.lit(self._order)))

    def collect(self, *columns: str | pl.Expr) -> pl.DataFrame:
        """Return columns, or what expressions make of them row by row, in fold order.

        It is the fastest way to all of their rows: one chunk is gathered several times as fast as many.
        """
        found = self.stored.select(columns).collect()
        return found if self.places is None else found.rechunk().select(pl.all().gather(self._order))

    def picked(self, mask: npt.NDArray[np.bool_]) -> "Picked":
        """Return those rows for which a mask, one value per row of ``stored``, is true."""
        if self.places is None:
            return Picked(pl.Series(mask), mask)
        first = len(mask) - len(self.places)
        rows = np.concatenate([self._rest[np.flatnonzero(mask[:first])], self.places[mask[first:]]])
        ordered = np.zeros(len(mask), bool)
        ordered[rows] = True
        order = np.argsort(rows, kind="stable")  # which merges two ascending runs in one pass
        return Picked(pl.Series(mask), ordered, pl.Series(order))

    @cached_property
    def _rest(self) -> Rows:
        """Which rows of the fold order the first ones of ``stored`` are."""
        every = np.arange(len(self))
        return every if self.places is None else np.delete(every, self.places)

    @cached_property
    def _order(self) -> pl.Series:
        """Which of the ``stored`` rows comes first, second, … in fold order."""
        order = np.empty(len(self), np.int64)
        order[self._rest] = np.arange(len(self._rest))
        order[self.places] = np.arange(len(self._rest), len(self))
        return pl.Series(order)

    @property
    def counts(self) -> Rows:
        """How many events each entity has."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Rows:
        """Per row, the number of its entity."""
        return np.repeat(np.arange(len(self.entities)), self.counts)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """All events, in memory, with the column ``entity`` before the others."""
        return self.with_entity(self.frame.collect())

    def with_entity(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows of this frame, all of them in order, with the column ``entity`` before the others."""
        return frame.select(self.entities.gather(self.owners).alias("entity"), pl.all())

    def on(self, change: Callable[[pl.LazyFrame], pl.LazyFrame]) -> "Clustered":
        """Return the same rows with other columns."""
        return replace(self, stored=change(self.stored))

    def where(self, condition: pl.Expr) -> "Clustered":
        """Return only the events that meet a condition, and the entities that then have any."""
        if not len(self):
            return self
        mask = self.collect(condition).to_series()
        if mask.all():
            return self
        counts = np.add.reduceat(mask.to_numpy(), self.starts[:-1], dtype=np.int64)
        return self._with_counts(self.frame.filter(condition), self.entities, counts)

    def until(self, moment: datetime | None) -> "Clustered":
        """Return only the events up to a moment, inclusive; None: all."""
        return self if moment is None else self.where(pl.col("at") <= moment)

    def only(self, entities: pl.Series, *, block: int) -> "Clustered":
        """Return only the events of some entities; the frame is read in slices from the first to the last needed.

        Args:
            entities: ids; those without events are left out.
            block: neighbours with fewer rows between them are read as one slice.
        """
        wanted = self.entities.is_in(entities.implode()).to_numpy()
        numbers = np.flatnonzero(wanted)
        if len(numbers) == len(self.entities):
            return self
        if not len(numbers):
            return Clustered(self.frame.clear(), self.entities.clear(), np.zeros(1, np.int64))
        begins, ends = self.starts[numbers], self.starts[numbers + 1]
        new_slice = np.flatnonzero(np.append(True, begins[1:] - ends[:-1] > block))
        slices = list(zip(begins[new_slice], np.append(ends[new_slice[1:] - 1], ends[-1]), strict=True))
        frame = pl.concat([self.frame.slice(int(first), int(last - first)) for first, last in slices])
        if (ends - begins).sum() < sum(last - first for first, last in slices):
            every = np.repeat(wanted, self.counts)
            kept = np.concatenate([every[first:last] for first, last in slices])
            frame = frame.with_columns(pl.lit(pl.Series(kept)).alias(_KEPT)).filter(_KEPT).drop(_KEPT)
        return self._with_counts(frame, self.entities.gather(numbers), ends - begins)

    def range(self, first: str, below: str | None) -> "Clustered":
        """Return the events of the entities ``first`` <= id < ``below`` (None: all from the first on)."""
        low = self.entities.search_sorted(first, side="left")
        high = len(self.entities) if below is None else self.entities.search_sorted(below, side="left")
        begin, end = int(self.starts[low]), int(self.starts[high])
        frame = self.frame if (begin, end) == (0, len(self)) else self.frame.slice(begin, end - begin)
        return Clustered(frame, self.entities.slice(low, high - low), self.starts[low : high + 1] - begin)

    def merged(self, later: "Clustered") -> "Clustered":
        """Return these events and others, all of them with greater positions."""
        if not len(later):
            return self
        if not len(self):
            return later
        new = later.entities.filter(~later.entities.is_in(self.entities.implode()))
        entities = pl.concat([self.entities, new]).sort() if len(new) else self.entities
        mine, theirs = _codes(entities, self.entities), _codes(entities, later.entities)
        counts = np.zeros(len(entities), np.int64)
        counts[mine] = self.counts
        begins = np.append(0, np.cumsum(counts))[theirs]
        places = self._insertions(begins, begins + counts[theirs], later) + np.arange(len(later))
        counts[theirs] += later.counts
        both = pl.concat([self.frame, later.frame], how="diagonal")
        return replace(self._with_counts(both, entities, counts), places=places)

    def _insertions(self, begins: Rows, ends: Rows, later: "Clustered") -> Rows:
        """Return before which row of these each of the later events belongs: after all that are not later."""
        mine, theirs = (_instants(side) for side in (self, later))
        return bisected(mine, begins[later.owners], ends[later.owners], theirs)

    @staticmethod
    def _with_counts(frame: pl.LazyFrame, entities: pl.Series, counts: Rows) -> "Clustered":
        if not counts.all():
            entities, counts = entities.filter(pl.Series(counts > 0)), counts[counts > 0]
        return Clustered(frame, entities, np.append(0, np.cumsum(counts)).astype(np.int64))


@dataclass(frozen=True)
class Picked:
    """Some rows of clustered events.

    Args:
        stored: per row of ``stored``, whether it is one of them.
        mask: per row in fold order, whether it is one of them.
        order: which of them, as they stand in ``stored``, comes first, second, … in fold order; None: they do so.
    """

    stored: pl.Series
    mask: npt.NDArray[np.bool_]
    order: pl.Series | None = None

    def of(self, column: pl.Series) -> pl.Series:
        """Return the values of a column of ``stored`` in these rows, in fold order."""
        found = column.filter(self.stored).rechunk()
        return found if self.order is None else found.gather(self.order)


def bisected(values: Rows, begins: Rows, ends: Rows, wanted: Rows) -> Rows:
    """Return per range of rows, in which ``values`` ascend, the end of those that are <= the value wanted."""
    low, high = begins.copy(), ends.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        below = open_ & (values[np.minimum(middle, len(values) - 1)] <= wanted)
        high = np.where(open_ & ~below, middle, high)
        low = np.where(below, middle + 1, low)
    return low.astype(np.int64)


def _instants(events: Clustered) -> Rows:
    return np.asarray(events.collect(pl.col("at").to_physical()).to_series().to_numpy(), np.int64)


def _codes(entities: pl.Series, some: pl.Series) -> Rows:
    """Return the numbers of some entities among all, both ascending."""
    if len(entities) == len(some):
        return np.arange(len(some))
    return np.asarray(entities.is_in(some.implode()).arg_true().to_numpy(), np.int64)


def ranges(begins: Touches, ends: Touches) -> Rows:
    """Return all numbers of the ranges, one range after the other."""
    lengths = ends - begins
    shifts = np.repeat(begins - np.append(0, np.cumsum(lengths)[:-1]), lengths)
    return shifts + np.arange(int(lengths.sum()), dtype=np.int64)
