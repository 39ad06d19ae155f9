"""Gaps in the positions of a table of PostgreSQL: numbers that a transaction has drawn and perhaps will commit.

A sequence gives numbers when rows are written; readers see them when their transactions commit, in another order::

    position   4   5   6   7        5 belongs to a transaction that is still open, 6 is committed already
    visible    4       6   7        a reader that remembers 7 would never read 5

So a reader remembers the gap ``5 … 5``, and looks into it again. If its transaction was rolled back, it is never
filled. The reader forgets a gap only with a proof, never after a time: all transactions that ran when it first saw
the gap have ended, and a later read still found nothing there. Two facts of that first moment prove it:

* ``pg_snapshot_xmax``: once ``pg_snapshot_xmin`` has reached it, all transactions with a number have ended;
* the time of the server: once no transaction is open that began before it, those without a number have ended too.
  A transaction may draw from a sequence before it gets a number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import polars as pl

__all__ = ["MOST_GAPS", "Gap", "Status", "holes", "proves", "without"]

MOST_GAPS: Final = 10_000
"""Gaps that a checkpoint holds; a reader that would need more waits."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a server says about its transactions at one instant.

    Args:
        xmin: the oldest transaction that runs.
        xmax: the next transaction.
        now: its time, in microseconds since 1970.
        oldest: when the oldest open transaction of another session began; None if there is none.
    """

    xmin: int
    xmax: int
    now: int
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions that were not visible: ``low`` … ``high``, and what proves that they never will be."""

    low: int
    high: int
    xmax: int
    seen: int

    @classmethod
    def read(cls, value: Sequence[Any]) -> Self:
        """Return a gap of a checkpoint."""
        return cls(*value)

    def written(self) -> list[int]:
        """Return the gap for a checkpoint."""
        return [self.low, self.high, self.xmax, self.seen]

    def is_over(self, status: Status) -> bool:
        """Return whether no transaction can fill the gap that had not ended before ``status``."""
        return proves(status, self.xmax, self.seen)


def proves(status: Status, xmax: int, seen: int) -> bool:
    """Return whether all transactions that ran at ``seen`` have ended."""
    return status.xmin >= xmax and (status.oldest is None or status.oldest > seen)


def holes(positions: pl.Series, after: int, *, settled: int, status: Status) -> list[Gap]:
    """Return the gaps between positions, such as 5 … 5 for ``after=3`` and 4, 6, 7.

    Args:
        positions: integers in ascending order; they may repeat.
        after: the position before the first.
        settled: gaps up to this position are over already.
        status: of an instant after the read.
    """
    frame = pl.DataFrame({"high": positions.cast(pl.Int64)})
    previous = pl.col("high").shift(1, fill_value=after)
    found = frame.select((previous + 1).alias("low"), pl.col("high") - 1)
    wanted = found.filter((pl.col("low") <= pl.col("high")) & (pl.col("high") > settled))
    return [Gap(max(low, settled + 1), high, status.xmax, status.now) for low, high in wanted.iter_rows()]


def without(gap: Gap, positions: Iterable[int]) -> list[Gap]:
    """Return what remains of a gap without some of its positions, which are in ascending order."""
    remaining, low = [], gap.low
    for position in positions:
        if low < position:
            remaining.append(Gap(low, position - 1, gap.xmax, gap.seen))
        low = max(low, position + 1)
    return [*remaining, Gap(low, gap.high, gap.xmax, gap.seen)] if low <= gap.high else remaining
