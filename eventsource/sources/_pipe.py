"""What this process and a worker process send each other: blocks of lines, and their events.

::

    a block      pickle: its numbers, its header and file, its length │ the bytes of its lines
    its events   pickle: rejected lines, a count, the length          │ Arrow's IPC stream

The name of the file, which is the same for all events of a block, is not sent back. The bytes follow the pickle as
they are: a pickle of them would be copied once more on each side, and Arrow's stream costs a fifth of a pickled
frame.
"""

import io
import pickle
from dataclasses import replace
from typing import IO, Any, Final

import polars as pl

from eventsource.event import PLACED
from eventsource.sources._blocks import Block
from eventsource.sources._csv_header import Header

__all__ = ["Decoded", "read_block", "read_decoded", "write_block", "write_decoded"]

_PLAIN: Final = pl.CompatLevel.oldest()
"""Texts as offsets and one text: a tenth fewer bytes than views, and faster to read."""

Decoded = tuple[pl.DataFrame, pl.DataFrame, int]
"""Events, rejected lines, and how many times named no zone."""


def write_block(pipe: IO[bytes], block: Block, header: Header | None, file: str) -> None:
    """Send a block, the header of CSV, and the name of the file."""
    about = replace(block, data=b""), header, file, len(block.data)
    pickle.dump(about, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.write(block.data)
    pipe.flush()


def read_block(pipe: IO[bytes]) -> tuple[Block, Header | None, str]:
    """Return what `write_block` sent.

    Raises:
        EOFError: the other process sends no more.
    """
    block, header, file, size = pickle.load(pipe)  # noqa: S301 - a pipe between processes of one pull
    return replace(block, data=_read(pipe, size)), header, file


def write_decoded(pipe: IO[bytes], decoded: Decoded | None) -> None:
    """Send what a block became; None: it could not be decoded."""
    stream, rest = io.BytesIO(), None
    if decoded is not None:
        events, *rest = decoded
        events.drop("file").write_ipc_stream(stream, compat_level=_PLAIN)
    pickle.dump((rest, stream.tell()), pipe, pickle.HIGHEST_PROTOCOL)
    pipe.write(stream.getbuffer())
    pipe.flush()


def read_decoded(pipe: IO[bytes], file: str) -> Decoded | None:
    """Return what `write_decoded` sent for a block of a file.

    Raises:
        OSError, EOFError, pickle.UnpicklingError: the other process has ended.
    """
    rest: tuple[Any, ...] | None
    rest, size = pickle.load(pipe)  # noqa: S301 - likewise
    stream = _read(pipe, size)
    if rest is None:
        return None
    rejected, without_zone = rest
    events = pl.read_ipc_stream(stream).with_columns(pl.lit(file, pl.String).alias("file"))
    return events.select(PLACED.names()), rejected, without_zone


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
