"""The fold order, and where newer events belong in it.

The column ``version`` exists only where some event has a version that counts; see `eventsource.decode.columns`.
Events without one come before those of the same moment that have one.

A newer event usually belongs behind those of its entity and moment. Only if it has a lower version than some of
them, it belongs between them. So versions are read only where moments are equal, and positions only where versions
are equal too and the other events are not all newer.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from eventsource.decode._arrays import RowNumbers, bisect_right

if TYPE_CHECKING:
    from eventsource.decode.clustered import Clustered

__all__ = ["FOLD_ORDER", "rows_behind", "sort_in_fold_order"]

FOLD_ORDER: Final = ("entity", "at", "version", "position")
"""The columns that events are sorted by; nulls come first. Without versions there is no column ``version``."""


def sort_in_fold_order(events: pl.DataFrame) -> pl.DataFrame:
    """Sort events that have a column ``entity``."""
    return events.sort([name for name in FOLD_ORDER if name in events.columns])


def rows_behind(
    base: "Clustered", begins: RowNumbers, ends: RowNumbers, tail: "Clustered", *, is_newer: bool
) -> RowNumbers:
    """Return, per row of a tail, the row of the base that follows it; begins and ends are those of its entity.

    Three rows of the base, of one entity and moment, and three of the tail::

        base   version      null  2  5        low 0, high 3: all rows of the moment
               position        7  8  4
        tail   version      null  2  4
               position        9  6  9
               unversioned     1  1  1        behind the rows without a version
               low, high     0,1 1,2 2,2      the rows of the same version
               behind          1  1  2        behind the positions among these that are smaller
    """
    of_base, of_tail = _instants(base), _instants(tail)
    behind = bisect_right(of_base, begins, ends, of_tail)
    has_versions = _has_versions(base) or _has_versions(tail)
    if is_newer and not has_versions:
        return behind
    tied = np.flatnonzero((behind > begins) & (of_base[np.maximum(behind - 1, 0)] == of_tail))
    if not len(tied):
        return behind
    low, high = bisect_right(of_base, begins[tied], behind[tied], of_tail[tied] - 1), behind[tied]
    if has_versions:
        (known, versions), (wanted_known, wanted) = _versions(base), (column[tied] for column in _versions(tail))
        unversioned = bisect_right(known, low, high, np.zeros(len(tied), np.int64))
        among = bisect_right(versions, unversioned, high, wanted)
        lower = np.maximum(wanted, np.iinfo(np.int64).min + 1) - 1
        smaller = np.where(wanted > lower, bisect_right(versions, unversioned, high, lower), unversioned)
        low = np.where(wanted_known, smaller, low)
        high = np.where(wanted_known, among, unversioned)
    if not is_newer:
        high = bisect_right(_positions(base), low, high, _positions(tail)[tied])
    behind[tied] = high
    return behind


def _instants(events: "Clustered") -> RowNumbers:
    return np.asarray(events.collect(pl.col("at").to_physical()).to_series().to_numpy(), np.int64)


def _positions(events: "Clustered") -> RowNumbers:
    return np.asarray(events.collect("position").to_series().to_numpy(), np.int64)


def _has_versions(events: "Clustered") -> bool:
    return "version" in events.columns.collect_schema()


def _versions(events: "Clustered") -> tuple[RowNumbers, RowNumbers]:
    """Return, per row in fold order, 1 if it has a version, else 0; and the version, else 0."""
    found = events.collect("position", events.version)["version"]
    return found.is_not_null().cast(pl.Int64).to_numpy(), found.fill_null(0).to_numpy()
