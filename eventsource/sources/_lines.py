"""Files of JSON lines, part by part."""

from collections.abc import Iterator

import polars as pl

from eventsource.sources._decode import Decoder
from eventsource.sources._place import Part, Place
from eventsource.sources._streams import Block, blocks

__all__ = ["half_written", "json_parts"]


def json_parts(place: Place, decoder: Decoder, *, size: int, limit: int) -> Iterator[Part]:
    """Yield what is new in a file of JSON lines.

    A last line without an end is taken if it is a whole object. Else it may be half-written: it is left for the
    next pull, rejected if nothing came by then, and never consumed: it is read again when it has grown.

    Args:
        place: the file, and where the last pull stood in it.
        decoder: takes the lines.
        size: about how many bytes are read at once.
        limit: the most bytes of a line.
    """
    reader, digest, line, notes = place.opened()
    with reader:
        yield place.begin(line, place.at(digest, line), notes)
        for block in blocks(reader, line=line + 1, size=size, limit=limit):
            events, rejected = decoder.block(block, str(place.path))
            half = not block.whole and _ends_with(rejected, block)
            left = half and place.may_grow
            block.add_to(digest, last=not half)
            line += block.lines - half
            told = (half_written(place),) if left else ()
            rejected = rejected.head(-1) if left else rejected
            yield Part(events, rejected, reader.tell(), place.at(digest, line), told, left)


def half_written(place: Place) -> str:
    """Return the note about a last line that is left for the next pull."""
    return (
        f"the last line of {place.path.name} has no end and cannot be taken: it may be half-written, "
        "and is left for the next pull"
    )


def _ends_with(rejected: pl.DataFrame, block: Block) -> bool:
    return rejected.height > 0 and rejected["line"][-1] == block.first + block.lines - 1
