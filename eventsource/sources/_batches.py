"""Chunks of files become the batches that a log commits."""

from collections.abc import Sequence

import polars as pl

from eventsource.event import Batch, no_events, rejected_lines
from eventsource.messages import counted, noun
from eventsource.sources._checkpoint import Chunk
from eventsource.sources._mapping import READ_AGAIN

__all__ = ["batch_of", "payload_bytes"]


def payload_bytes(chunk: Chunk) -> int:
    """Return the bytes of payloads and rejected lines: the same whichever process decoded them."""
    sizes = chunk.events.select(pl.col("data", "metadata").str.len_bytes().sum()).row(0)
    return int(sum(sizes)) + int(chunk.rejected["raw"].bin.size().sum())


def batch_of(chunks: Sequence[Chunk], read: int) -> Batch:
    """Return the batch of some chunks.

    Args:
        chunks: the chunks, in order.
        read: bytes that were read for them.
    """
    notes = [note for chunk in chunks for note in chunk.notes]
    if others := sum(chunk.has_other_mapping for chunk in chunks):
        them = noun(others, "it", "them")
        notes.append(
            f"{counted(others, 'file')} {noun(others, 'was', 'were')} read before with another mapping: only new "
            f"lines are read with this one. To read {them} {READ_AGAIN}"
        )
    return Batch(
        events=pl.concat([no_events(), *(chunk.events for chunk in chunks if chunk.events.height)]),
        rejected=pl.concat([rejected_lines([]), *(chunk.rejected for chunk in chunks if chunk.rejected.height)]),
        checkpoint={key: number for chunk in chunks for key, number in chunk.checkpoint.items()},
        read=read,
        notes=tuple(notes),
        reread_after=dict(chunk.reread_after for chunk in chunks if chunk.reread_after is not None),
    )
