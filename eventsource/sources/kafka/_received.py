"""A message as a consumer gives it, and why a part of it cannot be decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

__all__ = ["SCHEMA_BYTES", "Received", "Undecodable"]

SCHEMA_BYTES: Final = 5
"""Bytes of the magic byte and of the number of the schema, with which an encoded key or value begins."""


class Received(Protocol):
    """A message that has a place in a partition, or an error of one."""

    def __len__(self) -> int: ...

    def error(self) -> Any:
        """Return its error, or None."""

    def partition(self) -> int:
        """Return the number of its partition."""

    def offset(self) -> int:
        """Return its offset; of the end of a partition, the offset that the next message will have."""

    def key(self) -> bytes | str | None:
        """Return its key."""

    def value(self) -> bytes | None:
        """Return its value; None: it is a tombstone."""

    def headers(self) -> Sequence[tuple[str, bytes | None]] | None:
        """Return its headers."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its time, and the time in milliseconds."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Why some bytes cannot be decoded.

    Args:
        reason: a text for the rejected line.
        is_unknown: whether the registry does not know their schema.
    """

    reason: str
    is_unknown: bool = False
