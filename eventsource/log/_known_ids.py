"""Which event ids a log may hold: 64-bit hashes and positions in a few sorted arrays, 12 bytes per event.

Example: the log holds the ids a, b, c, d, e, f, appended as (a b c d), (e) and (f). With hashes h(a) < h(b) < …

    after (a b c d)      arrays = [a b c d]           positions [0 1 2 3]
    after (e)            arrays = [a b c d], [e]      positions [0 1 2 3], [4]
    after (f)            arrays = [a b c d], [e f]    positions [0 1 2 3], [4 5]

(e) is at most twice as long as (f): so the two are merged. Each array is at least about twice as long as the
next, so there are about log2(n) of them. A lookup is a binary search in every array. Equal hashes do not prove
equal ids: they only say at which positions the log must be read to decide.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["KnownIds"]

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

_SMALL = 2**32
"""Positions below this are kept in 32 bits."""


class KnownIds:
    """The hashes of the ids of all events before the position ``head``; valid within this process only."""

    def __init__(self) -> None:
        self.head = 0
        self._arrays: list[tuple[Hashes, Numbers]] = []

    def add(self, event_ids: pl.Series, positions: pl.Series) -> None:
        """Add the ids of the next events, and their positions, which may have any order."""
        self.head += len(event_ids)
        hashes, places = _hashes(event_ids), positions.to_numpy()
        if self.head <= _SMALL:
            places = places.astype(np.uint32)
        order = np.argsort(hashes)
        hashes, places = hashes[order], places[order]
        while self._arrays and len(self._arrays[-1][0]) <= 2 * len(hashes):
            older, older_places = self._arrays.pop()
            hashes, places = np.concatenate([older, hashes]), np.concatenate([older_places, places])
            order = np.argsort(hashes, kind="stable")  # merges two sorted runs
            hashes, places = hashes[order], places[order]
        if len(hashes):
            self._arrays.append((hashes, places))

    def possible_duplicates(self, event_ids: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return which of these ids may be in the log already, or more than once in ``event_ids``.

        Example: the ids x, b, y, x, with h(b) < h(x) < h(y); an array holds h(b), of the event at position 1.

            order     = [1, 0, 3, 2]             rows by hash
            sorted    = [h(b), h(x), h(x), h(y)]
            found     = [array, twice, twice, no]
            rows      = 0, 1, 3: x, b, x
            positions = 1: the only place where the log must be read

        Returns:
            Row numbers, ascending; and the positions of the events of the log that may have these ids, ascending.
        """
        hashes = _hashes(event_ids)
        order = np.argsort(hashes)
        sorted_hashes = hashes[order]  # sorted, so that the searches go through memory in one direction
        found = np.zeros(len(sorted_hashes), dtype=bool)
        found[1:] |= sorted_hashes[1:] == sorted_hashes[:-1]
        found[:-1] |= sorted_hashes[1:] == sorted_hashes[:-1]
        positions = [np.empty(0, np.int64)]
        for array, places in self._arrays:
            at = np.minimum(np.searchsorted(array, sorted_hashes), len(array) - 1)
            is_here = array[at] == sorted_hashes
            found |= is_here
            begins = np.unique(at[is_here])
            ends = np.searchsorted(array, array[begins], side="right")
            positions.append(places[_ranges(begins, ends)])
        return pl.Series(np.sort(order[found])), pl.Series(np.sort(np.concatenate(positions)), dtype=pl.Int64)


def _ranges(begins: Numbers, ends: Numbers) -> Numbers:
    """Return the numbers of some ranges, one behind the other: 3 to 5 and 8 to 9 are 3, 4, 8."""
    counts = ends - begins
    before = np.cumsum(counts) - counts
    return np.repeat(begins - before, counts) + np.arange(counts.sum())


def _hashes(event_ids: pl.Series) -> Hashes:
    return event_ids.hash().to_numpy()
