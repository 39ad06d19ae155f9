"""Progress: how many of so many entities are written or compared, told as their rows come into the database."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from eventsource.progress import Progress

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Counts entities by their rows: several parts of entities one after another, each of several tables.

    Args:
        progress: called with the phase, the entities that are done, and how many there are.
        phase: what is done to them.
    """

    progress: Progress
    phase: str
    before: int = 0
    part: int = 0
    total: int = 0
    rows: int = 0
    done: int = 0

    def begin(self, part: int, total: int, frames: Mapping[str, pl.DataFrame]) -> None:
        """Begin with so many entities, of so many in all, and their rows."""
        self.before, self.part, self.total = self.before + self.part, part, total
        self.rows, self.done = max(sum(frame.height for frame in frames.values()), 1), 0
        self.progress(self.phase, self.before, total)

    def add(self, rows: int) -> None:
        """Count rows."""
        self.done += rows
        self.progress(self.phase, self.before + self.part * self.done // self.rows, self.total)
