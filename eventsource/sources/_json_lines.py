"""JSON Lines, chunk by chunk."""

from collections.abc import Callable, Iterator
from functools import partial

import polars as pl

from eventsource.sources._blocks import Block, blocks
from eventsource.sources._checkpoint import Chunk, Consumed, FileCheckpoint
from eventsource.sources._values import is_json
from eventsource.sources._workers import Workers

__all__ = ["decoded_chunk", "json_chunks"]


def json_chunks(file: FileCheckpoint, workers: Workers, *, size: int, limit: int) -> Iterator[Callable[[], Chunk]]:
    """Yield what is new in a file of JSON Lines, block by block: what returns a chunk, once it is decoded.

    A last line without an end of line is decoded if it is a whole object. Otherwise it may be half-written. It is
    left for the next pull, and rejected if the file has not changed by then. It does not count as consumed: it is
    read again when the file has grown.

    Args:
        file: the file, and where the last pull stopped.
        workers: decode the lines.
        size: about how many bytes are read at once.
        limit: the most bytes of a line.
    """
    reader, digest, line, notes = file.open()
    with reader:
        yield partial(file.first_chunk, Consumed(line, digest.length, digest.number()), notes)
        for block in blocks(reader, line=line + 1, size=size, limit=limit):
            read = reader.tell()
            decoded = workers.decode(block, str(file.path), left=file.bytes_after(read))
            is_half = False
            if not block.is_complete:
                result = decoded()
                decoded, is_half = partial(_same, result), _is_half_written(result[1], block)
            block.add_to(digest, last=not is_half)
            line += block.lines - is_half
            consumed = Consumed(line, digest.length, digest.number())
            yield partial(decoded_chunk, file, decoded, read, consumed, is_unfinished=is_half and file.may_grow)


def decoded_chunk(
    file: FileCheckpoint,
    decoded: Callable[[], tuple[pl.DataFrame, pl.DataFrame]],
    read: int,
    consumed: Consumed,
    *,
    is_unfinished: bool = False,
) -> Chunk:
    """Return the chunk of a block that is being decoded; see `FileCheckpoint.chunk`."""
    events, rejected = decoded()
    return file.chunk(events, rejected, read=read, consumed=consumed, is_unfinished=is_unfinished)


def _same(result: tuple[pl.DataFrame, pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return result


def _is_half_written(rejected: pl.DataFrame, block: Block) -> bool:
    """Return whether the last line was rejected and may be half-written: it is not a whole value of JSON."""
    is_rejected = rejected.height > 0 and rejected["line"][-1] == block.first + block.lines - 1
    return is_rejected and not is_json(rejected["raw"][-1])
