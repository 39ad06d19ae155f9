"""A field after each event that touches it.

Most events touch few fields, so such a history is short; and every question is a look-up in it. Here are the
three touches of the picture in `_touched_rows`, and their values

    touch      0      1      2
    owner      ann    ann    bob
    value      Oslo   Bergen Rome

A look-up is a range of touches, first <= n < end, of one entity. Its value depends on the operation:

    ann, after her last row     touches 0 to 2    latest → value[end - 1] = Bergen     first → value[first] = Oslo
    ann, after row 1            touches 0 to 1    latest → Oslo                        count → end - first = 1
    bob, after row 4            touches 2 to 2    an empty range → the field's default

``as_of`` looks up one range per entity, ``join`` one per asked row, ``history`` one per row that touches any
field.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from msgspec import Struct, field
from msgspec.structs import replace

from eventsource.operations._columns import fold_errors
from eventsource.operations._ranks import Ranks
from eventsource.operations._touched_rows import Numbers, TouchedRows

__all__ = ["FieldEvents", "FieldHistory", "Refused"]


class FieldEvents(Struct, frozen=True):
    """The events that touch one field, in fold order: what an operation reads.

    Args:
        touched: the rows of these events.
        entities: the ids of all entities, by number; ``touched.owners`` gives the numbers.
        read: the name of a column of the envelope → its values, one per touch.
        values: what the events bring, one per touch: values of a payload member, or moments. Empty where the
            operation reads neither. Numbers that no dtype holds together are JSON (String), for sums.
        ranks: how the values compare, where the column itself would compare them as texts.
        dtype: the dtype in which the field shows its values.
    """

    touched: TouchedRows
    entities: pl.Series
    read: Callable[[str], pl.Series]
    values: pl.Series = field(default_factory=pl.Series)
    ranks: Ranks | None = None
    dtype: pl.DataType = field(default_factory=pl.Null)

    def without(self, refused: pl.Series) -> "FieldEvents":
        """Return the events without those that the field cannot fold."""
        kept = ~refused
        ranks = None if self.ranks is None else self.ranks.where(kept)
        return replace(self, touched=self.touched.where(kept), values=self.values.filter(kept), ranks=ranks)


class Refused(Struct, frozen=True):
    """Events that a field cannot fold, although it can fold their values by themselves.

    Args:
        rows: their rows.
        reason: what was expected.
    """

    rows: Numbers
    reason: str


class FieldHistory(Struct, frozen=True):
    """A field after each event that touches it.

    Args:
        touched: the rows that touch the field.
        look_up: (numbers of first touches, numbers of last touches) → the values after the last touches. All
            touches of a range belong to one entity, and the first one is that entity's first. For an empty range
            the numbers are any valid ones, and first may exceed last; the value is then replaced by the default.
        default: one value: the field before any touch.
        refused: events among those given that are passed over, because a total would leave its range.
    """

    touched: TouchedRows
    look_up: Callable[[Numbers, Numbers], pl.Series]
    default: pl.Series
    refused: Refused | None = None

    def between(self, first: Numbers, end: Numbers) -> pl.Series:
        """Return the values after the touches ``first`` <= n < ``end``; the default for an empty range.

        Raises:
            FoldError: a sum exceeds its dtype.
        """
        with fold_errors():
            return self._between(first, end)

    def _between(self, first: Numbers, end: Numbers) -> pl.Series:
        is_touched = end > first
        if is_touched.all():
            return self.look_up(first, end - 1)
        if not len(self.touched):
            return self.default.new_from_index(0, len(first))
        last = len(self.touched) - 1  # empty ranges look up some touch; its value is replaced by the default
        found = self.look_up(np.minimum(first, last), np.clip(end - 1, 0, last))
        return found.zip_with(pl.Series(is_touched), self.default)

    def before(self, ends: Numbers, owners: Numbers) -> pl.Series:
        """Return the values before the rows ``ends``, each for the entity of the number in ``owners``."""
        return self.between(self.touched.cuts[owners], self.touched.before(ends))

    def last(self) -> pl.Series:
        """Return the values after all rows of each entity."""
        cuts = self.touched.cuts
        return self.between(cuts[:-1], cuts[1:])

    @property
    def is_touched(self) -> pl.Series:
        """Whether any event touches the field, per entity."""
        return pl.Series(np.diff(self.touched.cuts) > 0)
