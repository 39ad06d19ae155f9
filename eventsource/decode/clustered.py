"""Clustered events: sorted by entity, then time. The order of the data makes questions fast.

In *fold order* all events of an entity are neighbours, sorted by (``at``, ``version``, ``position``). A question
about the state of each entity then reads every column once, from front to back, and needs no hash table.

`Clustered` holds such rows, and beside them the ids and where the rows of each entity start::

    columns   row       0   1   2   3   4   5
              at       09  10  12  09  11  13        all six events in fold order
              amount    1   4   2   7   5   3

    entities              a           b              ids, ascending
    starts                0           3           6  the first row of each, and the number of rows
    counts                3           3
    owners              0   0   0   1   1   1        per row, which of the entities
"""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode._arrays import Mask, RowNumbers
from eventsource.decode._fold_order import sort_in_fold_order
from eventsource.decode._selection import Selection

__all__ = ["Clustered", "starts_of"]

_WANTED: Final = "|wanted"


class Clustered(Struct, frozen=True, dict=True):
    """Events in fold order.

    Args:
        columns: one row per event, with ``at``, ``position`` and more, but not the entity.
        entities: the ids (String), ascending, each with at least one event.
        starts: the first row of each entity in fold order, and at last the number of rows.
        is_in_memory: whether the columns come from a frame in memory, and not from files.
    """

    columns: pl.LazyFrame
    entities: pl.Series
    starts: RowNumbers
    is_in_memory: bool = False

    @classmethod
    def from_events(cls, events: pl.DataFrame) -> "Clustered":
        """Sort and cluster events that have a column ``entity``."""
        return cls.from_sorted(sort_in_fold_order(events) if events.height else events)

    @staticmethod
    def from_sorted(events: pl.DataFrame) -> "Clustered":
        """Cluster events that have a column ``entity`` and are in fold order."""
        columns = events.clone()
        owner = columns.drop_in_place("entity")
        rows = len(owner)
        differs = owner.slice(1) != owner.slice(0, max(rows - 1, 0))
        starts = np.concatenate([[0] * min(rows, 1), np.flatnonzero(differs) + 1, [rows]]).astype(np.int64)
        return Clustered(columns.lazy(), owner[starts[:-1]], starts, is_in_memory=True)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def in_order(self) -> pl.LazyFrame:
        """The columns in fold order."""
        return self.columns

    def collect(self, *columns: str | pl.Expr) -> pl.DataFrame:
        """Return columns, or row-wise expressions of them, in fold order.

        This is the fastest way to all rows of some columns.
        """
        return self.fetch(self.columns.select(columns))

    def fetch(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """Collect what was made of the columns. To stream few rows from memory costs more than to read them."""
        return rows.collect(engine="in-memory" if self.is_in_memory else "auto")

    def select(self, mask: Mask) -> Selection:
        """Select the rows of ``columns`` for which a mask is true."""
        return Selection(pl.Series(mask), mask)

    def map_columns(self, change: Callable[[pl.LazyFrame], pl.LazyFrame]) -> "Clustered":
        """Return the same rows with other columns; ``change`` must keep the rows and their order."""
        return replace(self, columns=change(self.columns))

    @property
    def version(self) -> pl.Expr:
        """The versions that count in the fold order, to be read beside other columns; null without one."""
        has_versions = "version" in self.columns.collect_schema()
        return pl.col("version") if has_versions else pl.lit(None, pl.Int64()).alias("version")

    @property
    def counts(self) -> RowNumbers:
        """The number of events of each entity."""
        return np.diff(self.starts)

    @property
    def owners(self) -> RowNumbers:
        """Per row in fold order, the number of its entity."""
        return np.repeat(np.arange(len(self.entities)), self.counts)

    @cached_property
    def table(self) -> pl.DataFrame:
        """All events in fold order, in memory, with ``entity`` as first column."""
        return self.with_entity(self.fetch(self.in_order))

    def with_entity(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Prepend the column ``entity`` to a frame with one row per event in fold order."""
        return self.entities.gather(self.owners).alias("entity").to_frame().hstack(rows)

    def where(self, condition: pl.Expr) -> "Clustered":
        """Return the events that meet a condition; entities without any are left out."""
        if not len(self):
            return self
        mask = self.collect(condition).to_series()
        if mask.all():
            return self
        # The number of true rows from each start to the next: starts 0, 3 and the mask 1 0 1 0 0 1 give 2, 1.
        counts = np.add.reduceat(mask.to_numpy(), self.starts[:-1], dtype=np.int64)
        return self._with_counts(self.in_order.filter(condition), self.entities, counts)

    def until(self, moment: datetime | None) -> "Clustered":
        """Return the events up to a moment, inclusive; None: all."""
        return self if moment is None else self.where(pl.col("at") <= moment)

    def of_entities(self, ids: pl.Series, *, max_gap: int) -> "Clustered":
        """Return the events of some entities. Only slices of the rows are read.

        Five entities with two rows each. The entities b, c and e are asked for, and ``max_gap`` is 1 row::

            entities          a     b     c     d     e
            starts            0     2     4     6     8     10
            wanted            0     1     1     0     1

            numbers                 1     2           4       the wanted entities
            begins, ends            2 4   4 6         8 10    their rows
            is_new_slice            1     0           1       not c: its gap to b is 0 rows; but e: 2 rows
            first_of_slice          0                 2       in ``numbers``
            slices                  2 to 6            8 to 10

        With ``max_gap=2`` there is one slice, 2 to 10. It holds the rows of d too, which are then filtered out.

        Args:
            ids: ids; those without events are ignored.
            max_gap: wanted rows with at most this many rows between them are read as one slice, since reading the
                rows between is then faster than another read.
        """
        wanted = self.entities.is_in(ids.implode()).to_numpy()
        numbers = np.flatnonzero(wanted)
        if len(numbers) == len(self.entities):
            return self
        if not len(numbers):
            return self._with_counts(self.in_order.clear(), self.entities.clear(), np.zeros(0, np.int64))
        begins, ends = self.starts[numbers], self.starts[numbers + 1]
        is_new_slice = np.append(True, begins[1:] - ends[:-1] > max_gap)
        first_of_slice = np.flatnonzero(is_new_slice)
        last_ends = np.append(ends[first_of_slice[1:] - 1], ends[-1])
        slices = list(zip(begins[first_of_slice].tolist(), last_ends.tolist(), strict=True))
        rows = pl.concat([self.in_order.slice(low, high - low) for low, high in slices])
        if (ends - begins).sum() < sum(high - low for low, high in slices):
            of_wanted = np.repeat(wanted, self.counts)
            mask = pl.Series(np.concatenate([of_wanted[low:high] for low, high in slices]))
            rows = rows.with_columns(pl.lit(mask).alias(_WANTED)).filter(_WANTED).drop(_WANTED)
        return self._with_counts(rows, self.entities.gather(numbers), ends - begins)

    def between(self, first: str, below: str | None) -> "Clustered":
        """Return the events of the entities ``first`` <= id < ``below``; None: no upper bound."""
        low = self.entities.search_sorted(first, side="left")
        high = len(self.entities) if below is None else self.entities.search_sorted(below, side="left")
        begin, end = int(self.starts[low]), int(self.starts[high])
        rows = self.in_order if (begin, end) == (0, len(self)) else self.in_order.slice(begin, end - begin)
        starts = self.starts[low : high + 1] - begin
        return Clustered(rows, self.entities.slice(low, high - low), starts, is_in_memory=self.is_in_memory)

    def _with_counts(self, rows: pl.LazyFrame, entities: pl.Series, counts: RowNumbers) -> "Clustered":
        """Return some of the rows, in fold order, without the entities that have none of them."""
        if not counts.all():
            entities, counts = entities.filter(pl.Series(counts > 0)), counts[counts > 0]
        return Clustered(rows, entities, starts_of(counts), is_in_memory=self.is_in_memory)


def starts_of(counts: RowNumbers) -> RowNumbers:
    """Return the first row of each entity with some rows, and at last the number of rows."""
    return np.append(0, np.cumsum(counts)).astype(np.int64)
