"""The checkpoint of a source: values in the commits of the log that hold the source's events.

A number is the version of an application transaction of Delta, which is part of the commit. Other values are JSON
texts. Such a text is compressed, and cut into pieces of seven bytes that are numbers, so that it too is part of
the very commit that holds the rows::

    {"position": 8}                          the value of ``place``
    eventsource:source:shop:place@     27    how many bytes the compressed text has
    eventsource:source:shop:place@0    …     its first seven bytes
    eventsource:source:shop:place@1    …     the next seven
"""

import json
import zlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from eventsource.errors import AppendConflictError
from eventsource.log._version import TableVersion

__all__ = ["LogCheckpoint"]

_FILES: Final = "eventsource:files"
"""The application transaction that says whether any file was ever pulled, and the prefix of those of files."""

_PIECE: Final = 7
"""Bytes of a piece: a number of Delta has eight, and a sign."""


class LogCheckpoint:
    """The values of a source's last commit, as they were when this object was made.

    The numbers of files, of which there may be thousands, are read at once. Any other value is looked up when it
    is asked for, which takes some milliseconds for a number and for each piece of another value. A source that was
    never pulled costs nothing. A pull hands the same object to the source, which reads it, and to the writer,
    which advances it.

    Args:
        events: the version of the events that the pull begins with.
        source: the name of the source.
        of_files: whether the values belong to files, which all sources of files share.
    """

    def __init__(self, events: TableVersion, source: str, *, of_files: bool = False) -> None:
        name = source.replace("%", "%25").replace(":", "%3A")  # so that two sources never share a transaction
        self._events, self._source = events, source
        self._prefix = f"{_FILES}:" if of_files else f"eventsource:source:{name}:"
        self._counter = f"eventsource:pulls:{name}"
        self._is_of_files, self._read = of_files, dict[str, int | None]()
        self._committed: dict[str, int] = {}
        self._pulls = events.transaction_version(self._counter)
        self._first_pull = {_FILES: 1} if of_files and events.transaction_version(_FILES) is None else {}
        self._never_pulled = bool(self._first_pull) if of_files else self._pulls is None

    def get(self, key: str, /) -> Any:
        """Return the value of that name, or None; later commits do not change it."""
        size = None if self._is_of_files else self._number(_size_of(key))
        if size is None:
            return self._number(key)
        pieces = [self._number(_piece_of(key, number)) or 0 for number in range(-(-size // _PIECE))]
        return json.loads(zlib.decompress(b"".join(piece.to_bytes(_PIECE, "big") for piece in pieces)[:size]))

    def transactions(self, checkpoint: Mapping[str, Any], events: TableVersion) -> dict[str, int]:
        """Return the application transactions that advance the log to a batch's checkpoint.

        Args:
            checkpoint: the values of the batch; those that the log has already need no transaction.
            events: the version that the commit is based on.

        Raises:
            AppendConflictError: another pull of this source has committed in the meantime.
        """
        if not checkpoint:
            return {}
        if events.transaction_version(self._counter) != self._pulls:
            raise AppendConflictError(
                f"another pull of {self._source} is running; nothing was lost",
                hint="wait until it is done, then pull again",
            )
        changed = {
            self._prefix + key: number
            for key, number in _numbers(checkpoint).items()
            if self._committed.get(key, self._number(key)) != number
        }
        return {**changed, **self._first_pull, self._counter: (self._pulls or 0) + 1} if changed else {}

    def advance(self, checkpoint: Mapping[str, Any], transactions: Mapping[str, int]) -> None:
        """Remember that a batch's checkpoint was committed with these transactions."""
        self._committed.update(_numbers(checkpoint))
        self._first_pull = {name: n for name, n in self._first_pull.items() if name not in transactions}
        self._pulls = transactions.get(self._counter, self._pulls)

    def _number(self, key: str) -> int | None:
        if self._never_pulled:
            return None
        if self._numbers_of_files is not None:
            return self._numbers_of_files.get(self._prefix + key)
        if key not in self._read:
            self._read[key] = self._events.transaction_version(self._prefix + key)
        return self._read[key]

    @cached_property
    def _numbers_of_files(self) -> Mapping[str, int] | None:
        return self._events.transaction_versions() if self._is_of_files else None


def _numbers(checkpoint: Mapping[str, Any]) -> dict[str, int]:
    """Return a checkpoint as numbers: integers as they are, the pieces of other values."""
    numbers: dict[str, int] = {}
    for key, value in checkpoint.items():
        if isinstance(value, int):
            numbers[key] = value
            continue
        text = zlib.compress(json.dumps(value, separators=(",", ":")).encode())
        numbers[_size_of(key)] = len(text)
        for number, start in enumerate(range(0, len(text), _PIECE)):
            piece = text[start : start + _PIECE].ljust(_PIECE, b"\0")
            numbers[_piece_of(key, number)] = int.from_bytes(piece, "big")
    return numbers


def _size_of(key: str) -> str:
    return f"{key}@"


def _piece_of(key: str, number: int) -> str:
    return f"{key}@{number}"
