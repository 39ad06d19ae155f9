"""Which events a log holds already: 64-bit hashes of their ids in a few sorted runs, eight bytes an event."""

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["Seen"]

Hashes = npt.NDArray[np.uint64]


class Seen:
    """The hashes of the ids of all events up to a position.

    A hash that matches proves nothing; it only says that a look into the log is needed. The hashes hold
    within this process.
    """

    def __init__(self) -> None:
        self.upto = 0
        self._runs: list[Hashes] = []

    def add(self, event_ids: pl.Series) -> None:
        """Take in the ids of the next events; runs of like length are merged, so that there are few."""
        self.upto += len(event_ids)
        run = np.sort(_hashes(event_ids))
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        if len(run):
            self._runs.append(run)

    def suspects(self, event_ids: pl.Series) -> pl.Series:
        """Return those ids that may stand in the log already, or more than once in ``event_ids``."""
        hashes = _hashes(event_ids)
        order = np.argsort(hashes)
        needles = hashes[order]  # sorted, so that the searches walk through memory in one direction
        found = np.zeros(len(needles), dtype=bool)
        found[1:] |= needles[1:] == needles[:-1]
        found[:-1] |= needles[1:] == needles[:-1]
        for run in self._runs:
            found |= run[np.minimum(np.searchsorted(run, needles), len(run) - 1)] == needles
        return event_ids.gather(np.sort(order[found]))


def _hashes(event_ids: pl.Series) -> Hashes:
    return event_ids.hash().to_numpy()
