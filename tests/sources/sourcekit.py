"""Helpers for tests of sources: lines, and reading a whole source as one batch."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import zstandard

import eventsource as es
from eventsource.event import Batch, Source

AT = "2024-01-01T00:00:00Z"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


def line(number: int, **more: Any) -> bytes:
    """Return a line with the members of the envelope, without an end of line."""
    event = {"event_id": f"e{number}", "stream": "s", "type": "T", "occurred_at": AT, "data": {"n": number}}
    return json.dumps(event | more).encode()


def write(path: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    """Write lines, compressed as the name of the file says."""
    path.write_bytes(COMPRESS.get(path.suffix, bytes)(end.join([*lines, b""])))
    return path


def all_of(source: Source, checkpoint: dict[str, int] | None = None) -> Batch:
    """Read everything that is new, as one batch."""
    found = list(source.batches(checkpoint or {}))
    return Batch(
        pl.concat([batch.events for batch in found]),
        {key: number for batch in found for key, number in batch.checkpoint.items()},
        pl.concat([batch.rejected for batch in found]),
        sum(batch.read for batch in found),
        tuple(note for batch in found for note in batch.notes),
    )


def read(path: Path, checkpoint: dict[str, int] | None = None, **options: Any) -> Batch:
    """Read everything that is new in a file, as one batch."""
    return all_of(es.source(str(path), **options), checkpoint)


def ids(batch: Batch) -> list[str]:
    """Return the ids of the events, in order."""
    return batch.events["event_id"].to_list()
