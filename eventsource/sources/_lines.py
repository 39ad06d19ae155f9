r"""The lines of a block, by their numbers.

Example: a block of three lines, the second of which ends with ``\r\n``::

    data      {"id": 1} \n {"id": 2} \r \n {"id": 3}
    begins    0            10              21           30      where each line begins, and one more would
    some([1]) {"id": 2}
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Lines", "Mask", "Rows"]

Rows = npt.NDArray[np.int64]
"""Numbers of lines, from 0."""

Mask = npt.NDArray[np.bool_]
"""One boolean per line."""

_NEWLINE: Final = ord("\n")
_FEW: Final = 8
"""Lines are cut out one by one if they are less than this part of the block; otherwise all are split at once."""


class Lines:
    """Some lines of a file.

    Args:
        data: their bytes.
        first: the number of the first line.
        file: the name of the file in the ids of events.
    """

    def __init__(self, data: bytes, first: int = 0, file: str = "") -> None:
        self.data, self.first, self.file = data, first, file

    def __len__(self) -> int:
        return len(self.begins) - 1

    @cached_property
    def begins(self) -> Rows:
        """Where each line begins, and where one behind the last would begin."""
        ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == _NEWLINE) + 1
        if self.data and not self.data.endswith(b"\n"):
            ends = np.append(ends, len(self.data) + 1)
        return np.append(0, ends)

    @cached_property
    def each(self) -> list[bytes]:
        """The lines without their ends of line."""
        lines = self.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        return self._without_returns(lines)

    def some(self, rows: Sequence[int]) -> list[bytes]:
        """Return the lines with these numbers, counted from 0, without their ends of line."""
        if len(rows) * _FEW > len(self):
            return [self.each[row] for row in rows]
        chosen = np.asarray(rows, np.int64)
        spans = zip(self.begins[chosen].tolist(), self.begins[chosen + 1].tolist(), strict=True)
        return self._without_returns([self.data[begin : end - 1] for begin, end in spans])

    def _without_returns(self, lines: list[bytes]) -> list[bytes]:
        return [line.removesuffix(b"\r") for line in lines] if self._has_returns else lines

    @cached_property
    def _has_returns(self) -> bool:
        return b"\r" in self.data and b"\r\n" in self.data  # a single byte is found much faster
