"""Payloads that zlib or gzip has compressed: a few kilobytes may hold gigabytes, so their size has a limit."""

import zlib
from typing import Final

from eventsource.sources._blocks import MAX_LINE
from eventsource.sources._values import LineError

__all__ = ["inflated"]

_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32
_PIECE: Final = 1024
"""Bytes given to a member at once; what it leaves over is copied, so thousands of members need a small one."""


def inflated(raw: bytes, *, limit: int = MAX_LINE) -> bytes:
    """Return the uncompressed bytes of one member of zlib or gzip, or of several after each other.

    Args:
        raw: compressed bytes.
        limit: how many bytes they may have uncompressed, as many as a line of a file.

    Raises:
        LineError: they have more; no more than these were made.
        zlib.error: they are damaged or cut off.
    """
    found, begin = bytearray(), 0
    while begin < len(raw):
        member = zlib.decompressobj(_ZLIB_OR_GZIP)
        while not member.eof:
            piece = raw[begin : begin + _PIECE]
            if not piece:
                raise zlib.error("the compressed bytes are cut off")
            found += member.decompress(piece, limit + 1 - len(found))
            if len(found) > limit:
                raise LineError(f"expected at most {limit:,} bytes in a compressed payload, got more")
            begin += len(piece) - len(member.unused_data)
    return bytes(found)
