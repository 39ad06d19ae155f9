"""JSON Lines, chunk by chunk."""

from collections.abc import Iterator

import polars as pl

from eventsource.sources._blocks import Block, blocks
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint
from eventsource.sources._decoder import Decoder

__all__ = ["json_chunks"]


def json_chunks(file: FileCheckpoint, decoder: Decoder, *, size: int, limit: int) -> Iterator[Chunk]:
    """Yield what is new in a file of JSON Lines, block by block.

    A last line without an end of line is decoded if it is a whole object. Otherwise it may be half-written. It is
    left for the next pull, and rejected if the file has not changed by then. It does not count as consumed: it is
    read again when the file has grown.

    Args:
        file: the file, and where the last pull stopped.
        decoder: decodes the lines.
        size: about how many bytes are read at once.
        limit: the most bytes of a line.
    """
    reader, digest, line, notes = file.open()
    with reader:
        yield file.first_chunk(Consumed(line, digest.length, digest.number()), notes)
        for block in blocks(reader, line=line + 1, size=size, limit=limit):
            events, rejected = decoder.block(block, str(file.path))
            is_half = not block.is_complete and _rejects_last_line(rejected, block)
            is_left = is_half and file.may_grow
            block.add_to(digest, last=not is_half)
            line += block.lines - is_half
            consumed = Consumed(line, digest.length, digest.number())
            yield file.chunk(events, rejected, read=reader.tell(), consumed=consumed, is_unfinished=is_left)


def _rejects_last_line(rejected: pl.DataFrame, block: Block) -> bool:
    return rejected.height > 0 and rejected["line"][-1] == block.first + block.lines - 1
