"""Seeded random numbers that do not depend on the machine, the number of threads or numpy's version.

Only the raw bits of PCG64 are used: numpy promises that they never change, and does not promise that of its
distributions. Every concept of the business has a stream of its own, so that a change to one leaves the others.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["Draws", "Flags", "Floats", "Ints"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Draws:
    """One stream of random numbers, named by a seed, the number of the first customer and a concept."""

    def __init__(self, seed: int, first: int, concept: str) -> None:
        key = [seed & (1 << 64) - 1, first, crc32(concept.encode())]
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, size: int) -> Floats:
        """Return numbers in [0, 1)."""
        raw: npt.NDArray[np.uint64] = self._bits.random_raw(size)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def chance(self, size: int, share: float | Floats) -> Flags:
        """Return flags of which about ``share`` are true."""
        return self.uniform(size) < share

    def below(self, size: int, limit: int) -> Ints:
        """Return integers in [0, ``limit``)."""
        return (self.uniform(size) * limit).astype(np.int64)

    def pick(self, size: int, weights: Sequence[float]) -> Ints:
        """Return indices into ``weights``, each as often as its weight says."""
        edges = np.cumsum(weights)
        picked: Ints = np.searchsorted(edges[:-1], self.uniform(size) * edges[-1], side="right")
        return picked

    def choice(self, size: int, shares: Mapping[str, float]) -> pl.Series:
        """Return texts, each as often as its share says."""
        return pl.Series(list(shares)).gather(pl.Series(self.pick(size, list(shares.values()))))

    def exponential(self, size: int) -> Floats:
        """Return exponentially distributed numbers of mean 1."""
        return -np.log1p(-self.uniform(size))

    def lognormal(self, size: int, sigma: float) -> Floats:
        """Return log-normally distributed numbers of median 1."""
        radius = np.sqrt(2.0 * self.exponential(size))
        return np.exp(sigma * radius * np.cos(2.0 * np.pi * self.uniform(size)))

    def hexadecimal(self, size: int, digits: int) -> pl.Series:
        """Return texts of so many hexadecimal digits, a multiple of 16."""
        text = self._bits.random_raw(size * digits // 16).astype(">u8").tobytes().hex().encode()
        return pl.Series(np.frombuffer(text, f"S{digits}"), dtype=pl.Binary).cast(pl.String)
