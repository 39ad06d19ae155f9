"""Files whose events are rows that a function yields, such as XES and OCEL, chunk by chunk."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint
from eventsource.sources._decoder import Decoder, Line

__all__ = ["row_chunks"]

_CHUNK_ROWS: Final = 10_000


def row_chunks(file: FileCheckpoint, decoder: Decoder, rows: Iterator[Mapping[str, Any]]) -> Iterator[Chunk]:
    """Yield the rows of a file that were not taken yet.

    Like Parquet, such a file is not expected to grow: one that changed is read again from its start.

    Args:
        file: the file, and where the last pull stopped.
        decoder: decodes the rows.
        rows: all rows of the file, as members.

    Raises:
        UnreadableError: the file is damaged.
    """
    row, notes = file.first_row()
    yield file.first_chunk(Consumed(row, None, file.content), notes)
    new = islice(rows, row, None)
    while some := list(islice(new, _CHUNK_ROWS)):
        lines = [(Line(str(file.path), number), members) for number, members in enumerate(some, row + 1)]
        events, rejected = decoder.rows(lines)
        row += len(some)
        yield Chunk(events, rejected, 0, Consumed(row, None, file.content))
