"""The checkpoint of a source: numbers in the commits of the log that hold the source's events."""

from collections.abc import Mapping
from typing import Final

from eventsource.errors import AppendConflictError
from eventsource.log._version import TableVersion

__all__ = ["LogCheckpoint"]

_FILES: Final = "eventsource:files"
"""The application transaction that says whether any file was ever pulled, and the prefix of those of files."""


class LogCheckpoint:
    """The numbers of a source's last commit, as they were when this object was made.

    Each number is the version of an application transaction of the events' table. It is looked up when it is asked
    for, which takes some milliseconds. A source that was never pulled costs nothing. A pull hands the same object
    to the source, which reads it, and to the writer, which advances it.

    Args:
        events: the version of the events that the pull begins with.
        source: the name of the source.
        of_files: whether the numbers belong to files, which all sources of files share.
    """

    def __init__(self, events: TableVersion, source: str, *, of_files: bool = False) -> None:
        name = source.replace("%", "%25").replace(":", "%3A")  # so that two sources never share a transaction
        self._events, self._source = events, source
        self._prefix = f"{_FILES}:" if of_files else f"eventsource:source:{name}:"
        self._counter = f"eventsource:pulls:{name}"
        self._read: dict[str, int | None] = {}
        self._committed: dict[str, int] = {}
        self._pulls = events.transaction_version(self._counter)
        self._first_pull = {_FILES: 1} if of_files and events.transaction_version(_FILES) is None else {}
        self._never_pulled = bool(self._first_pull) if of_files else self._pulls is None

    def get(self, key: str, /) -> int | None:
        """Return the number of that name, or None; later commits do not change it."""
        if self._never_pulled:
            return None
        if key not in self._read:
            self._read[key] = self._events.transaction_version(self._prefix + key)
        return self._read[key]

    def transactions(self, checkpoint: Mapping[str, int], events: TableVersion) -> dict[str, int]:
        """Return the application transactions that advance the log to a batch's checkpoint.

        Args:
            checkpoint: the numbers of the batch; those that the log has already need no transaction.
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
            for key, number in checkpoint.items()
            if self._committed.get(key, self.get(key)) != number
        }
        return {**changed, **self._first_pull, self._counter: (self._pulls or 0) + 1} if changed else {}

    def advance(self, checkpoint: Mapping[str, int], transactions: Mapping[str, int]) -> None:
        """Remember that a batch's checkpoint was committed with these transactions."""
        self._committed.update(checkpoint)
        self._first_pull = {name: n for name, n in self._first_pull.items() if name not in transactions}
        self._pulls = transactions.get(self._counter, self._pulls)
