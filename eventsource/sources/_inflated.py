"""Payloads that zlib or gzip has compressed: a few kilobytes may hold gigabytes, so their size has a limit."""

import zlib
from typing import Final

from eventsource.sources._blocks import MAX_LINE
from eventsource.sources._values import LineError

__all__ = ["inflated"]

_ZLIB_OR_GZIP: Final = zlib.MAX_WBITS | 32


def inflated(raw: bytes, *, limit: int = MAX_LINE) -> bytes:
    """Return the uncompressed bytes of one member of zlib or gzip, or of several after each other.

    Args:
        raw: compressed bytes.
        limit: how many bytes they may have uncompressed, as many as a line of a file.

    Raises:
        LineError: they have more; no more than these were made.
        zlib.error: they are damaged or cut off.
    """
    found = b""
    while raw:
        member = zlib.decompressobj(_ZLIB_OR_GZIP)
        found += member.decompress(raw, limit + 1 - len(found))
        if len(found) > limit:
            raise LineError(f"expected at most {limit:,} bytes in a compressed payload, got more")
        if not member.eof:
            raise zlib.error("the compressed bytes are cut off")
        raw = member.unused_data
    return found
