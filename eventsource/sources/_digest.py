"""A digest of the consumed bytes of a file: did the file only grow, or was it rewritten?"""

import hashlib
from typing import Final

__all__ = ["HEAD_BYTES", "TAIL_BYTES", "Digest"]

HEAD_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 4 * 1024
_BITS_OF_FIRST_LINES: Final = 24
_OTHER_BITS: Final = 39


class Digest:
    """A digest of the first 64 KiB and the last 4 KiB of what was consumed, as a number of 63 bits.

    A file that was rewritten, at its head or where the last pull stopped, has another digest. The number has two
    parts, since "rewritten" can mean two things::

        bits   |  24: first lines only  |  39: first 64 KiB and last 4 KiB  |

        all equal                 nothing consumed has changed: continue after it
        only the first 24 equal   the same file, corrected: read it again, earlier rejections are outdated
        all differ                another file under the same name (a rotated log): read it too

    Args:
        lines: how many first lines tell one file from another.
    """

    def __init__(self, lines: int = 1) -> None:
        self.length, self._lines = 0, lines
        self._head, self._tail = b"", b""

    def add(self, data: bytes) -> None:
        """Add the next bytes that were consumed."""
        self._head += data[: max(0, HEAD_BYTES - len(self._head))]
        self._tail = (self._tail + data)[-TAIL_BYTES:] if len(data) < TAIL_BYTES else data[-TAIL_BYTES:]
        self.length += len(data)

    @property
    def is_inside_line(self) -> bool:
        """Whether the bytes end inside a line."""
        return self.length > 0 and not self._tail.endswith(b"\n")

    def number(self) -> int:
        """Return the digest as a number of 63 bits."""
        first_lines = b"\n".join(self._head.split(b"\n", self._lines)[: self._lines])
        everything = self._head + b"|" + self._tail
        return _bits(first_lines, _BITS_OF_FIRST_LINES) << _OTHER_BITS | _bits(everything, _OTHER_BITS)

    def has_same_first_lines(self, number: int) -> bool:
        """Return whether a number is the digest of bytes with the same first lines."""
        return self.number() >> _OTHER_BITS == number >> _OTHER_BITS


def _bits(data: bytes, count: int) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> (64 - count)
