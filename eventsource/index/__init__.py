"""The index: a plan's events decoded once, clustered by (entity, at, position).

The order of the data is the speed: on clustered columns every question is a sequential pass. An index follows its
log by itself: a question first takes in the tail that it lacks. It is derived and disposable; deleting it changes
no answer, only the time it takes. Small logs are decoded in memory.

`runs` hold all events by position and time, as they came; `parts` hold them clustered, a range of entities each.
Events that are in a run but not yet in their part are merged into it when a question reads it.
"""

import contextlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from eventsource.decode import Clustered, Members
from eventsource.derived_folders import derived_folder, mark_used, remove_unused
from eventsource.errors import LogError
from eventsource.event import EventLog
from eventsource.index._cluster import Directories, Sizes, followed, is_of, pending_events
from eventsource.index._log import still_contains
from eventsource.index._parts import InMemory, Stored
from eventsource.index._store import Manifest, Store
from eventsource.index._view import View
from eventsource.plan import Plan
from eventsource.progress import Progress, no_progress

__all__ = ["Index", "Sizes", "View", "still_contains"]

_ATTEMPTS: Final = 5

T = TypeVar("T")


class Index:
    """The decoded, clustered events of one plan on one log, following the log by itself.

    Args:
        log: the log.
        plan: what to decode.
        sizes: how many rows go where.
        progress: called, while the index takes in events, with what is done, how much of it, and of how much.
    """

    def __init__(
        self, log: EventLog, plan: Plan, *, sizes: Sizes | None = None, progress: Progress | None = None
    ) -> None:
        self.log, self.members = log, Members(plan)
        self.sizes = (sizes or Sizes()).of_width(self.members.width)
        self._progress = progress or no_progress
        self._memory: InMemory | None = None
        self._current: tuple[Manifest, Clustered | None] | None = None
        self._directories = Directories()

    @property
    def folder(self) -> Path:
        """Where the files of this index are: in the log's folder, or in the user's cache for a remote log."""
        layout = json.dumps([self.log.identity, self.members.layout], sort_keys=True)
        return derived_folder(self.log.path, "index", layout)

    @property
    def store(self) -> Store:
        """The files of this index."""
        return Store(self.folder)

    def ask(
        self, question: Callable[["View"], T], *, upto: int | None = None, known_at: datetime | None = None
    ) -> T:
        """Return what a question finds in the events that it may see.

        Files that go away while they are read, since somebody deleted the index, are made anew; if they do again
        and again, this question is answered in memory.

        Args:
            question: asks a view; it may be called again.
            upto: only events with position < ``upto``; None: all there are now.
            known_at: only events with ``recorded_at`` <= ``known_at``.

        Raises:
            LogError: a file of the log itself is gone.
            IndexFileError: the index cannot be written.
        """
        known = self._current[0].head if self._current else 0
        head = known if upto is not None and upto <= known else self.log.head
        limit = head if upto is None else min(upto, head)
        stored = bool(self.log.path) and head > self.sizes.memory
        for _ in range(_ATTEMPTS if stored else 0):
            with contextlib.suppress(FileNotFoundError):
                return question(View(self._stored(limit), limit, known_at))
        try:
            parts = InMemory.empty(self.log, self.members).followed() if stored else self._in_memory(limit)
            return question(View(parts, limit, known_at))
        except FileNotFoundError as error:
            raise LogError(f"{self.log.path} lacks a file: {error}", hint="put it back from a backup") from error

    def _stored(self, limit: int) -> "Stored":
        store = self.store
        manifest = store.manifest()
        mark_used(store.folder)
        if not manifest.head:
            remove_unused(store.folder)
        known, pending = self._current or (None, None)
        if manifest.head < limit or (manifest != known and not is_of(self.log, manifest)):
            with store.locked():
                manifest = followed(store, self.log, self.members, self.sizes, self._progress)
        if manifest != known:
            pending = pending_events(store, manifest)
            self._current = manifest, pending
            self._directories.keep(manifest)
        return Stored(self.log, self.members, store, manifest, pending, self._directories)

    def _in_memory(self, limit: int) -> "InMemory":
        kept = self._memory or InMemory.empty(self.log, self.members)
        self._memory = kept if kept.head >= limit else kept.followed()
        return self._memory
