"""Seeded random numbers that do not depend on the machine, the number of threads or numpy's version.

Only the raw bits of PCG64 are used: numpy promises that they stay as they are, and promises no such
thing of its distributions. Every concept of the business has a stream of its own, so that a change to
one leaves the others as they were.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

__all__ = ["Draws", "Flags", "Floats", "Ints", "mixed"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MASK = (1 << 64) - 1


class Draws:
    """One stream of random numbers, named by a seed, a block of customers and a concept."""

    def __init__(self, seed: int, block: int, concept: str) -> None:
        key = [seed & _MASK, block, crc32(concept.encode())]
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
        found: Ints = np.searchsorted(edges[:-1], self.uniform(size) * edges[-1], side="right")
        return found

    def exponential(self, size: int) -> Floats:
        """Return exponentially distributed numbers of mean 1."""
        return -np.log1p(-self.uniform(size))

    def lognormal(self, size: int, sigma: float) -> Floats:
        """Return log-normally distributed numbers of median 1."""
        radius = np.sqrt(2.0 * self.exponential(size))
        return np.exp(sigma * radius * np.cos(2.0 * np.pi * self.uniform(size)))


def mixed(numbers: Ints, seed: int) -> npt.NDArray[np.uint64]:
    """Return 64 well-mixed bits for each number (SplitMix64): for one seed never the same twice."""
    step = np.uint64(0x9E3779B97F4A7C15)
    bits = numbers.astype(np.uint64) * step + np.uint64((seed * 0xD1342543DE82EF95 + 1) & _MASK)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
