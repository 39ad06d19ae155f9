"""All arrivals in the order of the file, in bounded memory.

A customer's life spans the whole period, a file is ordered by time: so every block is cut into slices
of time that wait on disk, and then one slice after the other is read and sorted.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from eventsource.demo._arrivals import ORDER, arrivals
from eventsource.demo._block import BLOCK, Block, Period
from eventsource.demo._draws import Ints

__all__ = ["blocks", "in_order"]


def blocks(customers: int, seed: int, period: Period) -> Iterator[Block]:
    """Yield the blocks, in the order of sign-up."""
    for first in range(1, customers + 1, BLOCK):
        yield Block(seed, first, min(BLOCK, customers + 1 - first), customers, period)


def in_order(
    customers: int, seed: int, period: Period, spill: Path, progress: Callable[[float], None]
) -> Iterator[pl.DataFrame]:
    """Yield all arrivals, slice of time by slice of time, each sorted and not empty.

    Args:
        customers: how many there are.
        seed: of the whole log.
        period: what is told about.
        spill: an empty folder for what waits.
        progress: called with the share that is done, from 0 to 1.
    """
    slices = 1 + 2 * customers // BLOCK
    edges = np.linspace(period.since, period.until, slices + 1).astype(np.int64)[1:-1]
    for block in blocks(customers, seed, period):
        _cut(arrivals(block), edges, spill, block.first)
        progress((block.first + block.size - 1) / customers / 2)
    for number in range(slices):
        parts = sorted(spill.glob(f"{number:06}-*.arrow"))
        if parts:
            yield pl.concat([pl.read_ipc(part) for part in parts]).sort(ORDER)
        for part in parts:
            part.unlink()
        progress(0.5 + (number + 1) / slices / 2)


def _cut(frame: pl.DataFrame, edges: Ints, spill: Path, first: int) -> None:
    ordered = frame.sort("arrived")
    cuts = [0, *np.searchsorted(ordered["arrived"].to_numpy(), edges).tolist(), ordered.height]
    for number, (start, end) in enumerate(pairwise(cuts)):
        if end > start:
            ordered[start:end].write_ipc(spill / f"{number:06}-{first:012}.arrow", compression="lz4")
