"""A worker process: decodes blocks of lines for `eventsource.sources._workers`, one after the other.

It reads a pickle of a `Decoder`; then for each block a pickle of what is known of it, and its bytes. It writes the
events as Arrow's IPC stream, behind a pickle of the rest: rejected lines, how many times named no zone.
"""

import pickle
from typing import BinaryIO

from eventsource.allocation import keep_freed_memory
from eventsource.sources._decoder import Decoder
from eventsource.sources._pipe import read_block, write_decoded

__all__ = ["serve"]


def serve(blocks: BinaryIO, results: BinaryIO) -> None:
    """Decode blocks until there are no more."""
    keep_freed_memory()
    decoder: Decoder = pickle.load(blocks)  # noqa: S301 - a pipe from the process that started this one
    while True:
        block = read_block(blocks)
        decoder.times.without_zone = 0
        try:
            found = *decoder.decode(*block), decoder.times.without_zone
        except Exception:  # noqa: BLE001 - the other process decodes the block, and meets the same error there
            found = None
        write_decoded(results, found)
