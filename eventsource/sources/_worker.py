"""A worker process: decodes blocks of lines for `eventsource.sources._workers`, one after the other.

It reads from its standard input and writes to its standard output: at first a pickle of a `Decoder`; then for each
block a pickle of what is known of it, and its bytes; and back the events as Arrow's IPC stream, behind a pickle of
the rest: rejected lines, how many times named no zone. It ends when its input ends, so also when the process that
started it is killed.
"""

import os
import pickle
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

from eventsource.sources._decoder import Decoder
from eventsource.sources._pipe import read_block, write_decoded

__all__ = ["serve"]


def serve() -> None:
    """Decode blocks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints does not get among the results
    with suppress(EOFError, BrokenPipeError):
        _decode_blocks(sys.stdin.buffer, results)


def _decode_blocks(blocks: BinaryIO, results: BinaryIO) -> None:
    decoder: Decoder = pickle.load(blocks)  # noqa: S301 - a pipe from the process that started this one
    while True:
        block = read_block(blocks)
        decoder.times.without_zone = 0
        try:
            found = *decoder.decode(*block), decoder.times.without_zone
        except Exception:  # noqa: BLE001 - the other process decodes the block, and meets the same error there
            found = None
        write_decoded(results, found)
