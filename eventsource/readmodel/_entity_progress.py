"""Progress in entities: rows come into the database slice by slice, people count entities."""

from dataclasses import dataclass

from eventsource.progress import Progress
from eventsource.readmodel._rows import Slice

__all__ = ["EntityProgress"]


@dataclass(slots=True)
class EntityProgress:
    """Reports how many entities are written or compared, from how many of their rows are.

    Args:
        progress: called with the phase, how many entities are done, and how many there are.
        phase: what is done to them.
    """

    progress: Progress
    phase: str
    _earlier: int = 0
    _entities: int = 0
    _total: int = 0
    _rows: int = 1
    _rows_done: int = 0

    def begin(self, part: Slice) -> None:
        """Begin with the rows of some entities; those of the slice before are done."""
        self._earlier, self._entities, self._total = self._earlier + self._entities, part.count, part.total
        self._rows, self._rows_done = max(sum(frame.height for frame in part.frames.values()), 1), 0
        self.progress(self.phase, self._earlier, self._total)

    def add(self, rows: int) -> None:
        """Count rows that are done."""
        self._rows_done += rows
        done = self._earlier + self._entities * self._rows_done // self._rows
        self.progress(self.phase, done, self._total)
