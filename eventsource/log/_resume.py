"""Where a pull goes on: numbers that stand in the very commits that hold the rows."""

from collections.abc import Mapping
from typing import Final

from eventsource.errors import AppendConflictError
from eventsource.log._table import Table

__all__ = ["Place"]

_FILES: Final = "eventsource:files"
"""The application transaction that says whether any file was ever pulled, and what those of files begin with."""


class Place:
    """The numbers of a source's last commit, as they were when this was made.

    Each is an application transaction of the events' table, looked up when it is asked for: ``get`` costs some
    milliseconds. A source that was never pulled costs nothing.

    Args:
        table: the events, refreshed, for this object alone.
        source: the name of the source.
        of_files: whether the numbers are those of files, which all sources of files share.
    """

    def __init__(self, table: Table, source: str, *, of_files: bool = False) -> None:
        name = source.replace("%", "%25").replace(":", "%3A")  # so that no two sources share a name
        self._table, self._source = table, source
        self._prefix = f"{_FILES}:" if of_files else f"eventsource:source:{name}:"
        self._counter = f"eventsource:pulls:{name}"
        self._known: dict[str, int | None] = {}
        self._committed: dict[str, int] = {}
        self._pulls = table.number(self._counter)
        self._first = {_FILES: 1} if of_files and table.number(_FILES) is None else {}
        self._never_pulled = bool(self._first) if of_files else self._pulls is None

    def get(self, key: str, /) -> int | None:
        """Return the number under a name, or None; what is committed later does not change it."""
        if self._never_pulled:
            return None
        if key not in self._known:
            self._known[key] = self._table.number(self._prefix + key)
        return self._known[key]

    def moved(self, checkpoint: Mapping[str, int], events: Table) -> dict[str, int]:
        """Return the application transactions that a batch's numbers ask for.

        Raises:
            AppendConflictError: another pull of this source committed since.
        """
        if not checkpoint:
            return {}
        if events.number(self._counter) != self._pulls:
            raise AppendConflictError(
                f"another pull of {self._source} is running; nothing was lost", hint="try again when it is done"
            )
        moved = {
            self._prefix + key: number
            for key, number in checkpoint.items()
            if self._committed.get(key, self.get(key)) != number
        }
        return {**moved, **self._first, self._counter: (self._pulls or 0) + 1} if moved else {}

    def committed(self, checkpoint: Mapping[str, int], moved: Mapping[str, int]) -> None:
        """Take note that a batch's numbers stand in the log."""
        self._committed.update(checkpoint)
        self._first = {name: number for name, number in self._first.items() if name not in moved}
        self._pulls = moved.get(self._counter, self._pulls)
