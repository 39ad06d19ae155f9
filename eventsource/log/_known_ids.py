"""Which event ids a log may hold: 64-bit hashes in a few sorted arrays, eight bytes per event.

Example: the log holds the ids a, b, c, d, e, f, appended as (a b c d), (e) and (f). With hashes h(a) < h(b) < …

    after (a b c d)      arrays = [a b c d]
    after (e)            arrays = [a b c d], [e]
    after (f)            arrays = [a b c d], [e f]      (e) is at most twice as long as (f): the two are merged

Each array is at least about twice as long as the next, so there are about log2(n) of them. A lookup is a binary
search in every array. Equal hashes do not prove equal ids: they only say that the log must be read to decide.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["KnownIds"]

Hashes = npt.NDArray[np.uint64]


class KnownIds:
    """The hashes of the ids of all events before the position ``head``; valid within this process only."""

    def __init__(self) -> None:
        self.head = 0
        self._arrays: list[Hashes] = []

    def add(self, event_ids: pl.Series) -> None:
        """Add the ids of the next events."""
        self.head += len(event_ids)
        array = np.sort(_hashes(event_ids))
        while self._arrays and len(self._arrays[-1]) <= 2 * len(array):
            array = np.sort(np.concatenate([self._arrays.pop(), array]))
        if len(array):
            self._arrays.append(array)

    def possible_duplicates(self, event_ids: pl.Series) -> pl.Series:
        """Return which of these ids may be in the log already, or more than once in ``event_ids``: row numbers.

        Example: the ids x, b, y, x, with h(b) < h(x) < h(y), and an array that holds h(b).

            order    = [1, 0, 3, 2]             rows by hash
            sorted   = [h(b), h(x), h(x), h(y)]
            found    = [array, twice, twice, no]
            result   = 0, 1, 3: x, b, x
        """
        hashes = _hashes(event_ids)
        order = np.argsort(hashes)
        sorted_hashes = hashes[order]  # sorted, so that the searches go through memory in one direction
        found = np.zeros(len(sorted_hashes), dtype=bool)
        found[1:] |= sorted_hashes[1:] == sorted_hashes[:-1]
        found[:-1] |= sorted_hashes[1:] == sorted_hashes[:-1]
        for array in self._arrays:
            found |= array[np.minimum(np.searchsorted(array, sorted_hashes), len(array) - 1)] == sorted_hashes
        return pl.Series(np.sort(order[found]))


def _hashes(event_ids: pl.Series) -> Hashes:
    return event_ids.hash().to_numpy()
