"""How far a log is behind files: the lines after the checkpoint, and since when they are there.

```text
file      bytes   checkpoint   lag
a.jsonl   900     900, stamp   nothing: it did not change since it was read to its end
b.jsonl   700     500          the lines that end after byte 500
c.csv     400                  how many events is not known: a row may span lines
```
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from eventsource.event import SourceLag
from eventsource.sources._checkpoint import FileCheckpoint

__all__ = ["file_lag"]

_BLOCK: Final = 1024 * 1024


def file_lag(files: Sequence[tuple[FileCheckpoint, bool]]) -> SourceLag:
    """Return how far a reader is behind some files.

    Args:
        files: each with whether a line of it is an event. The lines of others, and of compressed files, are not
            counted: then the number of events is not known.
    """
    unread = [(file, is_counted) for file, is_counted in files if not file.is_read]
    if not unread:
        return SourceLag(0, 0.0)
    oldest = min(file.path.stat().st_mtime for file, _ in unread)
    counts = [_lines_after(file) if is_counted else None for file, is_counted in unread]
    known = [count for count in counts if count is not None]
    return SourceLag(sum(known) if len(known) == len(counts) else None, max(0.0, time.time() - oldest))


def _lines_after(file: FileCheckpoint) -> int:
    """Return how many lines come after the checkpoint; all of them if the file is shorter than it was."""
    offset = file.consumed.offset or 0
    count, last = 0, b"\n"
    for block in _blocks(file.path, offset if offset <= file.size else 0):
        count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")


def _blocks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(_BLOCK):
            yield block
