"""How many events of its entity each row of a join sees, where each row has a ``known_at`` of its own.

The rows and events of the examples are those of the picture in `eventsource.index._known_rows`.
"""

from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct

from eventsource.decode import Clustered, Mask, RowNumbers, bisect_right
from eventsource.index._corrections import KNOWN_FROM, KNOWN_UNTIL

__all__ = ["Knowledge", "Times"]

_FOREVER: Final = 2**63 - 1


class Times(Struct, frozen=True, dict=True):
    """The moments of events in fold order, in microseconds."""

    events: Clustered

    @cached_property
    def _columns(self) -> pl.DataFrame:
        names = ["at", "recorded_at", *((KNOWN_FROM, KNOWN_UNTIL) if self.has_corrections else ())]
        return self.events.collect(pl.col(names).to_physical())

    @cached_property
    def has_corrections(self) -> bool:
        """Whether some events have several readings."""
        return KNOWN_UNTIL in self.events.columns.collect_schema()

    @cached_property
    def is_corrected(self) -> Mask:
        """Whether an event is a reading of one that was corrected."""
        return np.asarray(self._columns[KNOWN_FROM].is_not_null().to_numpy(), bool)

    def is_known(self, rows: RowNumbers, known_at: RowNumbers) -> Mask:
        """Return whether some events were known, each at a moment of its own."""
        if not self.has_corrections:
            return self.recorded[rows] <= known_at
        times = self._columns.select(
            pl.coalesce(KNOWN_FROM, "recorded_at").alias("first"), pl.col(KNOWN_UNTIL).fill_null(_FOREVER)
        )
        first, until = (column.to_numpy() for column in times)
        return np.asarray((first[rows] <= known_at) & (known_at < until[rows]), bool)

    @cached_property
    def at(self) -> RowNumbers:
        return np.asarray(self._columns["at"].to_numpy(), np.int64)

    @cached_property
    def recorded(self) -> RowNumbers:
        return np.asarray(self._columns["recorded_at"].to_numpy(), np.int64)


class Knowledge(Struct, frozen=True, dict=True):
    """How much of its entity's events each row sees.

    Args:
        events: the events.
        rows: the asked rows, without nulls.
    """

    events: Clustered
    rows: pl.DataFrame

    def by_occurrence(self) -> tuple[RowNumbers, Mask]:
        """Return per row the moment to ask for, and whether it needs a variant.

        For the rows 1, 2 and 3 of that picture::

            latest      09  10  16  16  16  16       the latest recorded_at so far, per entity
            earliest    09  10  12  12  13  14       the earliest from here on
            unseen           6   2   2               the first event that the row does not see: latest > known_at
            sees_all         1   0   0               up to its moment: unseen >= end
            is_variant       0   0   1               it sees an event behind: earliest[unseen] <= known_at

        Where the first event that it does not see shares its moment with one that it sees, no moment lies between.
        """
        latest, earliest = self._extremes
        unseen = bisect_right(latest, self._begins, self.stops, self._known_at)
        sees_all = unseen >= self.ends
        row = np.minimum(unseen, max(len(latest) - 1, 0))
        moments, before = self._times.at[row], self._times.at[np.maximum(row - 1, 0)]
        has_twin = (row > self._begins) & (before == moments)
        is_variant = ~sees_all & ((earliest[row] <= self._known_at) | has_twin)
        return np.where(sees_all, self._at, moments - 1), is_variant

    def by_recording(self) -> tuple[RowNumbers, Mask]:
        """Return per row the moment to ask for, and whether it needs a variant.

        An event is settled no earlier than it is recorded. So a row sees the events that were settled by
        ``known_at``, unless an event was recorded before it and settled later.
        """
        _, earliest = self._extremes
        unsettled = bisect_right(self._times.at, self._begins, self.stops, self._known_at)
        row = np.minimum(unsettled, max(len(earliest) - 1, 0))
        is_variant = (unsettled < self.stops) & (earliest[row] <= self._known_at)
        return np.minimum(self._at, self._known_at), is_variant

    @property
    def is_corrected(self) -> Mask:
        """Whether the entity of an asked row has corrected events."""
        if not self._times.has_corrections:
            return np.zeros(len(self._owners), bool)
        is_corrected = np.zeros(len(self.events.entities), bool)
        is_corrected[self.events.owners[self._times.is_corrected]] = True
        return is_corrected[self._owners]

    @cached_property
    def _times(self) -> Times:
        return Times(self.events)

    @cached_property
    def _extremes(self) -> tuple[RowNumbers, RowNumbers]:
        """Per event, the latest ``recorded_at`` of its entity so far, and the earliest from here on."""
        recorded = self._times.recorded
        is_first = np.zeros(len(recorded), bool)
        is_first[self.events.starts[:-1]] = True
        if (is_first[1:] | (recorded[1:] >= recorded[:-1])).all():
            return recorded, recorded
        column, owner = pl.col("recorded"), pl.Series("owner", self.events.owners).set_sorted()
        frame = pl.DataFrame([owner, pl.Series("recorded", recorded)])
        found = frame.select(
            column.cum_max().over("owner").alias("latest"),
            column.cum_min(reverse=True).over("owner").alias("earliest"),
        )
        return found["latest"].to_numpy(), found["earliest"].to_numpy()

    @cached_property
    def _owners(self) -> RowNumbers:
        return np.asarray(self.rows["owner"].to_numpy(), np.int64)

    @property
    def _begins(self) -> RowNumbers:
        return self.events.starts[:-1][self._owners]

    @property
    def stops(self) -> RowNumbers:
        """Per asked row, the row after the last event of its entity."""
        return self.events.starts[1:][self._owners]

    @cached_property
    def ends(self) -> RowNumbers:
        """Per asked row, the row after the last event of its entity up to its moment."""
        return bisect_right(self._times.at, self._begins, self.stops, self._at)

    @property
    def known_events(self) -> RowNumbers:
        """Per asked row, a number that says how many events of its entity were known."""
        by_time = pl.DataFrame([pl.Series("owner", self.events.owners), pl.Series("at", self._times.recorded)])
        recorded = by_time.sort("owner", "at")["at"].to_numpy()
        return bisect_right(recorded, self._begins, self.stops, self._known_at)

    @cached_property
    def _at(self) -> RowNumbers:
        return np.asarray(self.rows["at"].to_physical().to_numpy(), np.int64)

    @cached_property
    def _known_at(self) -> RowNumbers:
        return np.asarray(self.rows["known_at"].to_physical().to_numpy(), np.int64)
