"""Seeded arrays of random numbers that do not depend on the machine, the number of threads or numpy's version.

Only the raw bits of PCG64 are used. numpy promises that they never change; its distributions may.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.demo._business import BUSINESS, DAY, HOUR

__all__ = ["Draws", "Floats", "Ints", "Season"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Draws:
    """One stream of random numbers, named by a seed, the number of the first customer and a concept."""

    def __init__(self, seed: int, first: int, concept: str) -> None:
        key = [seed & (1 << 64) - 1, first, crc32(concept.encode())]
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, size: int) -> Floats:
        """Return numbers in [0, 1)."""
        raw: npt.NDArray[np.uint64] = self._bits.random_raw(size)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def chance(self, size: int, share: float) -> npt.NDArray[np.bool_]:
        """Return flags of which about ``share`` are true."""
        return self.uniform(size) < share

    def pick(self, size: int, weights: Sequence[float]) -> Ints:
        """Return indices into ``weights``, each as often as its weight says."""
        edges = np.cumsum(weights)
        picked: Ints = np.searchsorted(edges[:-1], self.uniform(size) * edges[-1], side="right")
        return picked

    def exponential(self, size: int) -> Floats:
        """Return exponentially distributed numbers of mean 1."""
        return -np.log1p(-self.uniform(size))

    def hexadecimal(self, size: int, digits: int) -> pl.Series:
        """Return texts of so many hexadecimal digits, a multiple of 16."""
        text = self._bits.random_raw(size * digits // 16).astype(">u8").tobytes().hex().encode()
        return pl.Series(np.frombuffer(text, f"S{digits}"), dtype=pl.Binary).cast(pl.String)


class Season:
    """How busy each hour from ``since`` to ``until`` is by ``months`` of a year, and times drawn accordingly."""

    def __init__(self, since: int, until: int, *, months: str, growth: float = 1.0) -> None:
        starts = np.arange(since, until, HOUR)
        month = starts.astype("M8[ms]").astype("M8[M]").astype(np.int64) % 12
        by_month, by_day, by_hour = (np.array(BUSINESS[name]) for name in (months, "by_weekday", "by_hour"))
        busy = by_month[month] * by_day[(starts // DAY + 3) % 7] * by_hour[starts // HOUR % 24]
        busy = busy * growth ** ((starts - since) / (until - since))
        self._edges = np.append(starts, until).astype(np.float64)
        self._shares = np.append(0.0, np.cumsum(busy)) / busy.sum()

    def at(self, shares: Floats) -> Ints:
        """Return the times by which these shares (0 to 1) of all that happens have happened."""
        return np.interp(shares, self._shares, self._edges).astype(np.int64)

    def between(self, starts: Ints, end: int, shares: Floats) -> Ints:
        """Return times from ``starts`` to ``end``, more often in busy hours."""
        low, high = (np.interp(times, self._edges, self._shares) for times in (starts, end))
        return np.clip(self.at(low + (high - low) * shares), starts, end)
