"""Clustered events that are stored as a base and a tail. Merging moves no row of the base.

`WithTail` holds a base, and other events that are stored behind it. It only computes where these belong. Here the
last two rows are new, one for ``a`` at 11 and one for ``c`` at 09::

    columns   row       0   1   2   3 |   4   5      base, in fold order | tail, in fold order
              entity    a   a   b   b |   a   c
              at       09  12  09  13 |  11  09

    places                                1   5      the rows of the tail in the fold order of all six

    in_order  row       0   4   1   2   3   5        = columns gathered by ``_rows``
              entity    a   a   a   b   b   c
              at       09  11  12  09  13  09

Rows of the base may be *hidden*: they stay in ``columns``, but are no longer among the events. A corrected event
is read so: its row in the base is hidden, and its new reading is in the tail. If row 2 is hidden, and the tail has
a row of ``b`` at 10 instead of ``c``::

    columns   row       0   1   2   3 |   4   5
              entity    a   a   b   b |   a   b
              at       09  12   ·  13 |  11  10

    places                                1   3

    in_order  row       0   4   1   5   3

Where a row of the tail belongs is decided in `eventsource.decode._fold_order`.

Reading a column is cheaper in the order in which it is stored. Where only some rows are needed, `Clustered.select`
takes a mask over ``columns`` and gives their values in fold order: only the rows that are selected are moved.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.decode._arrays import Mask, RowNumbers
from eventsource.decode._fold_order import rows_behind
from eventsource.decode._selection import Selection
from eventsource.decode.clustered import Clustered, starts_of

__all__ = ["WithTail", "merge_events"]


def merge_events(base: Clustered, tail: Clustered, *, without: pl.Series | None = None) -> Clustered:
    """Return the events of both, without those of some positions.

    Args:
        base: events.
        tail: other events, newer than those of the base unless ``without`` is given.
        without: positions; events of the base there are left out. None: all of the base are returned.
    """
    if not len(base):
        return tail
    hidden = np.zeros(0, np.int64)
    if without is not None and len(without):
        is_hidden = base.collect(pl.col("position").is_in(without.implode())).to_series()
        hidden = np.flatnonzero(is_hidden.to_numpy())
    if not len(tail) and not len(hidden):
        return base
    return WithTail.of(base, tail, hidden=hidden, is_newer=without is None)


class WithTail(Clustered, frozen=True, dict=True, kw_only=True):
    """Clustered events that are stored as a base and a tail; see the pictures above.

    Args:
        columns: the rows of the base in its fold order, then those of the tail in its own.
        places: the rows of the tail in the fold order of both, ascending.
        hidden: the rows of the base that do not count, ascending.
    """

    places: RowNumbers
    hidden: RowNumbers

    @classmethod
    def of(cls, base: Clustered, tail: Clustered, *, hidden: RowNumbers, is_newer: bool = True) -> "WithTail":
        """Find the places of a tail in a base, which may not be empty.

        Args:
            base: events.
            tail: other events.
            hidden: the rows of the base that do not count.
            is_newer: whether all positions of the tail are greater than those of the base.
        """
        new = tail.entities.filter(~tail.entities.is_in(base.entities.implode()))
        entities = pl.concat([base.entities, new]).sort() if len(new) else base.entities
        of_base, of_tail = _numbers_of(base.entities, entities), _numbers_of(tail.entities, entities)
        counts = np.zeros(len(entities), np.int64)
        counts[of_base] = base.counts
        begins = np.append(0, np.cumsum(counts))[of_tail]
        ends = begins + counts[of_tail]
        # In the first picture, with the entities a, b, c:
        #     counts     2 2 0     rows of the base per entity
        #     begins     0 4       where the rows of the tail's entities, a and c, begin in the base
        #     ends       2 4       and where they end
        #     behind     1 4       behind all rows of its entity that are not later: between 09 and 12; at the end
        #     places     1 5       each row of the tail before it moves a row by one, each hidden row moves it back
        behind = rows_behind(base, begins[tail.owners], ends[tail.owners], tail, is_newer=is_newer)
        places = behind + np.arange(len(tail)) - np.searchsorted(hidden, behind)
        counts[of_tail] += tail.counts
        if len(hidden):
            owners = of_base[np.searchsorted(base.starts, hidden, side="right") - 1]
            np.subtract.at(counts, owners, 1)
        if not counts.all():
            entities, counts = entities.filter(pl.Series(counts > 0)), counts[counts > 0]
        columns = pl.concat([base.in_order, tail.in_order], how="diagonal")
        is_in_memory = base.is_in_memory and tail.is_in_memory
        return cls(columns, entities, starts_of(counts), is_in_memory, places=places, hidden=hidden)

    @property
    def in_order(self) -> pl.LazyFrame:
        """The columns in fold order."""
        return self.columns.select(pl.all().gather(pl.lit(self._order)))

    def collect(self, *columns: str | pl.Expr) -> pl.DataFrame:
        """Return columns, or row-wise expressions of them, in fold order."""
        # Gathering from one chunk is several times as fast as from many.
        return self.fetch(self.columns.select(columns)).rechunk().select(pl.all().gather(self._order))

    def select(self, mask: Mask) -> Selection:
        """Select the rows of ``columns`` for which a mask is true, and which count."""
        if len(self.hidden):
            mask = mask.copy()
            mask[self.hidden] = False
        # In the first picture, a mask that selects the stored rows 1, 3 and 4:
        #     in_order   0 1 1 0 1 0     the mask in fold order
        #     is_tail    1 0 0           per selected row in fold order, whether it is of the tail
        #     order      2 0 1           the third selected row is the first in fold order
        in_order = mask.take(self._rows)
        base_rows = len(mask) - len(self.places)
        of_tail = np.count_nonzero(mask[base_rows:])
        if not of_tail:
            return Selection(pl.Series(mask), in_order)
        is_tail = self._rows[in_order] >= base_rows
        order = np.empty(len(is_tail), np.uint32)
        order[is_tail] = np.arange(len(is_tail) - of_tail, len(is_tail), dtype=np.uint32)
        order[~is_tail] = np.arange(len(is_tail) - of_tail, dtype=np.uint32)
        return Selection(pl.Series(mask), in_order, pl.Series(order))

    @cached_property
    def _rows(self) -> npt.NDArray[np.uint32]:
        """Per row in fold order, its row in ``columns``."""
        base_rows = len(self) - len(self.places) + len(self.hidden)
        kept = np.arange(base_rows, dtype=np.uint32)
        if len(self.hidden):
            kept = np.delete(kept, self.hidden)
        tail = np.arange(base_rows, base_rows + len(self.places), dtype=np.uint32)
        return np.insert(kept, self.places - np.arange(len(self.places)), tail)

    @property
    def _order(self) -> pl.Series:
        return pl.Series(self._rows)


def _numbers_of(some: pl.Series, entities: pl.Series) -> RowNumbers:
    """Return the numbers of some entities among all; both ascend."""
    if len(entities) == len(some):
        return np.arange(len(some))
    return np.asarray(entities.is_in(some.implode()).arg_true().to_numpy(), np.int64)
