"""Joins with ``known_at=`` a column: each asked row sees only the events that were recorded by a time of its own.

An engine folds all events that it is given. So the answer of each row is computed from a set of events, all of
which the row sees, up to some moment.

Six events of one entity, in fold order. Rows ask for 15:00, as it was known at different times::

    at                 09  10  11  12  13  14
    recorded_at        09  10  16  12  13  14     the event of 11 was recorded late, at 16

    row     known at   what it sees               computed from
    1       16         09  10  11  12  13  14     the entity, up to 15:00
    2       10         09  10                     the entity, up to just before 11
    3       13         09  10  --  12  13         a variant, up to 15:00
    4       13         09  10  --  12  13         the same variant

A row that sees the first events of its entity (1, 2) needs the entity itself, up to another moment. A row that
does not see an event before one that it sees (3, 4) needs a *variant*: a copy of the events that it sees, folded
like those of one more entity. Rows that see the same events share a variant. Variants are folded some at a time,
so that memory is bounded by the larger of `_MOST_ROWS` and the largest entity.

With ``order="recorded_at"`` an event that was not known may have moved the moments of those behind it in its
stream. Rows of an entity with such an event need a variant too, with the moments that its events had then. So do
rows of an entity with corrected events. Such an event has a row for each reading; a variant has the reading that
was known then.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.decode import FOLD_ORDER, Clustered, RowNumbers
from eventsource.event import TIMESTAMP
from eventsource.fold import Events
from eventsource.index._knowledge import Knowledge, Times
from eventsource.operations import expand_ranges

__all__ = ["known_rows"]

_MOST_ROWS: Final = 4_000_000
"""Rows of variants that are folded at once."""

Settled = Callable[[pl.DataFrame], pl.Series]
"""``position`` and ``known_at`` of events → the moments that they had then, with ``order="recorded_at"``."""


def known_rows(events: Events, asked: pl.DataFrame, settled: Settled) -> Iterator[tuple[Events, pl.DataFrame]]:
    """Yield events, and the asked rows whose answer is the fold of those events up to their moments.

    Args:
        events: the events.
        asked: ``owner`` (the number of the entity), ``at`` and ``known_at`` (instants), and more columns. Rows
            with a null in one of these match nothing, and are left out.
        settled: see `Settled`.
    """
    rows = asked.drop_nulls(["owner", "at", "known_at"])
    seen = Knowledge(events.clustered, rows)
    is_by_occurrence = events.plan.order == "occurred_at"
    moments, is_variant = seen.by_occurrence() if is_by_occurrence else seen.by_recording()
    is_variant |= seen.is_corrected
    at = pl.Series("at", moments).cast(TIMESTAMP)
    yield events, rows.with_columns(at).filter(pl.Series(~is_variant))
    if is_variant.any():
        mine = rows.filter(pl.Series(is_variant))
        variants = _Variants.of(events.clustered, mine, always_all=not is_by_occurrence)
        yield from variants.parts(events, None if is_by_occurrence else settled)


class _Variants(Struct, frozen=True, dict=True):
    """Copies of entities, each with the events that were known at some time.

    Args:
        events: the events of the entities.
        rows: the asked rows, with the number of the ``variant`` that each is asked of.
        owners: per variant, the number of its entity.
        known_at: per variant, its events were recorded up to this instant.
        last: per variant, the latest moment that is asked for; it has no later events.
        ends: per variant, its events are before this row.
    """

    events: Clustered
    rows: pl.DataFrame
    owners: RowNumbers
    known_at: RowNumbers
    last: RowNumbers
    ends: RowNumbers

    @classmethod
    def of(cls, events: Clustered, rows: pl.DataFrame, *, always_all: bool) -> "_Variants":
        """Return the variants that some rows need; they share one if they know the same events.

        Args:
            events: the events.
            rows: ``owner``, ``at`` and ``known_at``, without nulls.
            always_all: whether all variants have all events known at the ``known_at`` of their rows, as those of
                corrected entities do. Others end with the latest moment of their rows, which know as many events.
        """
        seen = Knowledge(events, rows)
        known = rows["known_at"].to_physical()
        needed = rows.select(
            "owner", known_at=known, last=rows["at"].to_physical(), key=known, end=pl.Series(seen.stops)
        )
        if not always_all:
            has_all = pl.Series(seen.is_corrected)
            key, end = pl.Series("key", seen.known_events), pl.Series("end", seen.ends)
            needed = needed.with_columns(
                pl.when(has_all).then("key").otherwise(key).alias("key"),
                pl.when(has_all).then("end").otherwise(end).alias("end"),
            )
        found = needed.group_by("owner", "key").agg(pl.col("known_at", "last", "end").max()).sort("owner", "key")
        keys = found.select("owner", "key").with_row_index("variant")
        numbers = needed.join(keys, on=["owner", "key"], how="left", maintain_order="left")["variant"]
        columns = (np.asarray(found[name].to_numpy(), np.int64) for name in ("owner", "known_at", "last", "end"))
        return cls(events, rows.with_columns(numbers), *columns)

    def parts(self, events: Events, settled: Settled | None) -> Iterator[tuple[Events, pl.DataFrame]]:
        """Yield some variants after the other, and the rows that are asked of them.

        Args:
            events: what ``self.events`` are the events of.
            settled: computes the moments that events had then; None: moments do not depend on what is known.
        """
        sizes = self.ends - self.events.starts[:-1][self.owners]
        parts = (np.cumsum(sizes) - sizes) // _MOST_ROWS
        bounds = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(sizes)]
        for low, high in pairwise(bounds):
            rows = self.rows.filter(pl.col("variant").is_between(low, high - 1))
            owner = (pl.col("variant") - low).alias("owner")
            yield replace(events, clustered=self._clustered(low, high, settled)), rows.with_columns(owner)

    def _clustered(self, low: int, high: int, settled: Settled | None) -> Clustered:
        """Return the events of the variants ``low`` <= number < ``high``.

        In the picture, for the variant of the rows 3 and 4, which ends with the row of 14:00::

            rows        0   1   2   3   4   5       those of its entity
            recorded    09  10  16  12  13  14
            is_known    1   1   0   1   1   0
            rows        0   1       3   4
        """
        owners, known_at = self.owners[low:high], self.known_at[low:high]
        begins, ends = self.events.starts[:-1][owners], self.ends[low:high]
        rows, numbers = expand_ranges(begins, ends), np.repeat(np.arange(high - low), ends - begins)
        is_known = self._times.is_known(rows, known_at[numbers])
        rows, numbers = rows[is_known], numbers[is_known]
        order = self._order.select(pl.all().gather(pl.Series(rows))).with_columns(
            row=pl.Series(rows), number=pl.Series(numbers), known_at=pl.Series(known_at[numbers]).cast(TIMESTAMP)
        )
        order = order if settled is None else _in_order_of_then(order, settled)
        last = pl.Series(self.last[low:high]).cast(TIMESTAMP).gather(order["number"])
        order = order.filter(order["at"] <= last)  # no row depends on later events, or on faults in them
        counts = np.bincount(order["number"].to_numpy(), minlength=high - low)
        columns = self.events.in_order.select(pl.all().gather(pl.lit(order["row"]))).with_columns(
            pl.lit(order["at"])
        )
        starts = np.append(0, np.cumsum(counts)).astype(np.int64)
        return Clustered(columns, self.events.entities.gather(pl.Series(owners)), starts)

    @cached_property
    def _order(self) -> pl.DataFrame:
        """Per event, what decides its place among those of its entity."""
        return self.events.collect("at", self.events.version, "position")

    @cached_property
    def _times(self) -> Times:
        return Times(self.events)


def _in_order_of_then(events: pl.DataFrame, settled: Settled) -> pl.DataFrame:
    """Return events of variants with the moments, and in the fold order, that they had at ``known_at``."""
    has_moved = (events["at"] > events["known_at"]).arg_true()
    moments = settled(events.select(pl.col("position", "known_at").gather(has_moved)))
    return events.with_columns(events["at"].scatter(has_moved, moments)).sort("number", *FOLD_ORDER[1:])
