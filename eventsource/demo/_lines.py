"""Arrivals as an envelope frame, and as the bytes of JSON Lines."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from eventsource.demo._arrivals import FAULTS
from eventsource.demo._block import ORIGINS, TYPES, pooled, text
from eventsource.demo._draws import Ints, mixed
from eventsource.event import ENVELOPE, TIMESTAMP

__all__ = ["envelope", "lines"]

_HEX: Final = np.array([f"{byte:02x}".encode() for byte in range(256)]).view(np.uint16)
_DASHED: Final = [position for position in range(36) if position not in (8, 13, 18, 23)]
_VERSIONS = 1 << 20
"""More versions than a stream can have."""


def _truncated(line: bytes) -> bytes:
    return line[: line.index(b'"data"') + 9]


def _no_type(line: bytes) -> bytes:
    return re.sub(rb'"type":"\w+",', b"", line)


def _impossible_date(line: bytes) -> bytes:
    return re.sub(rb'("occurred_at":")[0-9-]{10}', rb"\g<1>2024-02-30", line)


def _not_utf8(line: bytes) -> bytes:
    return line.replace(b'"data":{', b'"data":{"\xff\xfe":0,', 1)


def _an_array(line: bytes) -> bytes:
    return b"[" + line + b"]"


_SPOIL: Final[dict[str, Callable[[bytes], bytes]]] = {
    "truncated": _truncated,
    "no type": _no_type,
    "impossible date": _impossible_date,
    "not UTF-8": _not_utf8,
    "an array": _an_array,
}


def envelope(arrivals: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return arrivals as a frame of `ENVELOPE`, in the same order."""
    keys = _keys(arrivals)
    return arrivals.select(
        _ids(keys, seed).alias("event_id"),
        pl.format("customer-{}", "customer").alias("stream"),
        "version",
        pooled(TYPES, arrivals["kind"].to_numpy()).alias("type"),
        _instants("occurred").alias("occurred_at"),
        _instants("recorded").alias("recorded_at"),
        "data",
        _metadata(arrivals, keys, seed).alias("metadata"),
    ).cast(ENVELOPE)


def lines(arrivals: pl.DataFrame, seed: int) -> list[bytes]:
    """Return arrivals as lines of JSON without their ends, in the same order; broken ones are broken."""
    keys = _keys(arrivals)
    metadata = _metadata(arrivals, keys, seed)
    texts = text(
        '{"event_id":"',
        _ids(keys, seed),
        '","stream":"customer-',
        arrivals["customer"],
        '","version":',
        arrivals["version"],
        ',"type":"',
        pooled(TYPES, arrivals["kind"].to_numpy()),
        '","occurred_at":"',
        _stamps(arrivals["occurred"]),
        'Z","recorded_at":"',
        _stamps(arrivals["recorded"]),
        'Z","data":',
        arrivals["data"],
        (',"metadata":' + metadata).fill_null(""),
        "}",
    )
    found: list[bytes] = texts.cast(pl.Binary).to_list()
    faults = arrivals["fault"].to_numpy()
    for row in np.flatnonzero(arrivals["copy"].to_numpy() < 0):
        found[row] = _SPOIL[FAULTS[faults[row]]](found[row])
    return found


def _keys(arrivals: pl.DataFrame) -> Ints:
    return (arrivals["customer"] * _VERSIONS + arrivals["version"]).to_numpy()


def _instants(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("ms", "UTC")).cast(TIMESTAMP)


def _stamps(times: pl.Series) -> pl.Series:
    return times.cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3f")


def _ids(keys: Ints, seed: int) -> pl.Series:
    """Return one UUID per event (version 8: made by a rule of our own)."""
    bits = np.stack([mixed(keys, seed), mixed(keys, ~seed)], axis=1).astype(">u8")
    octets = bits.view(np.uint8).reshape(len(keys), 16)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x80
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    letters = np.full((len(keys), 36), ord("-"), np.uint8)
    letters[:, _DASHED] = _HEX[octets].view(np.uint8)
    return _fixed_width(letters)


def _metadata(arrivals: pl.DataFrame, keys: Ints, seed: int) -> pl.Series:
    """Return where each event came from, as JSON; null for events that do not say."""
    bits = mixed(keys, seed + 1).astype(">u8").view(np.uint8).reshape(len(keys), 8)
    correlation = _fixed_width(_HEX[bits].view(np.uint8))
    origin = arrivals["origin"]
    told = text('{"source":"', pooled(ORIGINS, origin.to_numpy()), '","correlation_id":"', correlation, '"}')
    return told.set(origin == 0, None)


def _fixed_width(letters: np.typing.NDArray[np.uint8]) -> pl.Series:
    """Return rows of ASCII letters as texts, without a Python object for each."""
    count, width = letters.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))]
    return pl.Series(pa.Array.from_buffers(pa.large_string(), count, buffers))
