"""The index: the events that a plan needs, decoded once and sorted by (entity, time, version, position).

The order of the data makes questions fast: each of them reads sorted columns from front to back. An index follows
its log by itself: a question first adds the events that came since the last one. It is derived data. Deleting it
changes no answer, only the time that the next question takes. Small logs are decoded in memory, without files.

The files form an LSM tree. *Runs* hold all events by position and time, as they arrived; *parts* hold them sorted,
a range of entities each. Events that are in a run but not yet in their part are *pending*: they are merged when a
question reads the part.

A question takes one `View` of the index, and with it one refresh of the log; see `Index.views`.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from eventsource.decode import Clustered, Members
from eventsource.derived_folders import derived_folder, mark_used, remove_unused
from eventsource.errors import DerivedFileWarning, LogError
from eventsource.event import EventLog
from eventsource.index._attempt import Attempt
from eventsource.index._corrections import NO_CORRECTIONS, DecodedCorrections
from eventsource.index._files import IndexFiles, NotWritableError
from eventsource.index._known_rows import known_rows
from eventsource.index._log import reading, still_contains
from eventsource.index._manifest import Manifest
from eventsource.index._parts import InMemory, Parts, Stored
from eventsource.index._policy import Sizes
from eventsource.index._read import PartCache, pending_events, read_corrections
from eventsource.index._update import is_index_of, update_index
from eventsource.index._view import View
from eventsource.messages import warn
from eventsource.plan import Plan
from eventsource.progress import Progress, no_progress

__all__ = ["Attempt", "Index", "Sizes", "View", "known_rows", "reading", "still_contains"]

_ATTEMPTS: Final = 5
"""How often a question begins again because files were deleted, before it is answered in memory."""


class Index:
    """The decoded events of one plan on one log.

    Args:
        log: the log.
        plan: what to decode.
        sizes: how many rows the files hold; default: what suits most logs.
        progress: called while events are added, with the phase, how much of it is done, and how much there is.
    """

    def __init__(
        self, log: EventLog, plan: Plan, *, sizes: Sizes | None = None, progress: Progress | None = None
    ) -> None:
        self.log, self.members = log, Members(plan)
        self.sizes = (sizes or Sizes()).for_width(self.members.width)
        self._progress = progress or no_progress
        self._memory: tuple[int, InMemory] | None = None  # with the number of erasures that the log had
        self._current: tuple[Manifest, Clustered | None, DecodedCorrections] | None = None
        self._cache = PartCache()
        self._lost: set[str] = set()
        self._is_memory_said = False

    @property
    def folder(self) -> Path:
        """Where the files of this index are: in the log's folder, or in the user's cache for a remote log."""
        layout = json.dumps([self.log.identity, self.members.layout], sort_keys=True)
        return derived_folder(self.log.path, "index", layout, erasures=self.log.erasures)

    @property
    def files(self) -> IndexFiles:
        """The files of this index."""
        return IndexFiles(self.folder, self._lost)

    def views(self, *, upto: int | None = None, known_at: datetime | None = None) -> Iterator[Attempt]:
        """Yield attempts to answer one question, until one of them finds all the files that it reads.

        Usually that is the first. Where files of the index are damaged, or deleted while they are read, the next
        attempt rebuilds them. The last of several attempts decodes the events in memory. So does the first one
        where the index cannot be written. The log is refreshed once, before the first attempt, so that all
        attempts see the same events::

            for attempt in index.views():
                with attempt as view:
                    counts = view.map(lambda events: len(events.clustered))

        Args:
            upto: only events with position < ``upto``; None: all events that the log has now.
            known_at: only events with ``recorded_at`` <= ``known_at``.

        Raises:
            LogError: a file of the log itself is missing.
            IndexFileError: the index cannot be written.
        """
        head = self._head(upto)
        upto = head if upto is None else min(upto, head)
        openers: list[Callable[[int, int], Parts]] = [self._in_memory] * _ATTEMPTS
        if self.log.path and head > self.sizes.in_memory:
            openers = [self._stored] * _ATTEMPTS + [self._decoded]
        missing: FileNotFoundError | None = None
        for open_parts in openers:
            mark = self.log.mark
            try:
                with reading(self.log):
                    attempt = Attempt(View(open_parts(upto, head), upto, known_at))
            except FileNotFoundError as error:
                if isinstance(error, LogError) and self._has_mark(mark):
                    raise
                missing = error  # of the index, or of a version of the log that an erasure has just replaced
                continue
            yield attempt
            if attempt.missing is None:
                return
            missing = attempt.missing
        raise LogError(f"{self.log.path} lacks a file: {missing}", hint="restore it from a backup") from missing

    def update(self) -> bool:
        """Add the events that the files lack, as the next question would.

        Returns:
            Whether there are files: a small log is decoded in memory by each process.

        Raises:
            IndexFileError: see `views`.
            LogError: see `views`.
        """
        if not self.log.path or self.log.head <= self.sizes.in_memory:
            return False
        for attempt in self.views():
            with attempt:
                pass  # to open a view is to bring the files up to date
        return True

    def _head(self, upto: int | None) -> int:
        """Return the head of the log; it is not refreshed for events that the index is known to hold."""
        indexed = self._current[0].head if self._current else 0
        return indexed if upto is not None and upto <= indexed else self.log.head

    def _has_mark(self, mark: str) -> bool:
        """Return whether a mark is still that of the newest version of the log."""
        return self.log.head >= 0 and self.log.mark == mark

    def _stored(self, upto: int, head: int) -> Parts:
        """Open the files of the index; write them first where they lack events, or belong to other ones.

        Where they cannot be written, since log and cache folder are read-only, the events are decoded in memory.
        """
        files = self.files
        manifest = files.manifest()
        mark_used(files.folder)
        if not manifest.head:
            remove_unused(files.folder)
        known, pending, corrections = self._current or (None, None, NO_CORRECTIONS)
        if manifest.head < upto or (manifest != known and not is_index_of(self.log, manifest)):
            try:
                with files.lock():
                    manifest = update_index(
                        files, self.log, self.members, sizes=self.sizes, progress=self._progress
                    )
            except NotWritableError as error:
                self._say_in_memory(error)
                return self._in_memory(upto, head)
        if manifest != known:
            pending, corrections = pending_events(files, manifest), read_corrections(files, manifest)
            self._current = manifest, pending, corrections
            self._cache.retain(manifest)
        return Stored(self.log, self.members, files, manifest, pending, corrections, self._cache)

    def _in_memory(self, upto: int, head: int) -> InMemory:
        """Return the events in memory; decode the rest of the log where some before ``upto`` are missing."""
        erasures, (before, decoded) = self.log.erasures, self._memory or (0, None)
        if decoded is None or before != erasures:
            decoded = InMemory.empty(self.log, self.members)
        if decoded.head < upto:
            decoded = decoded.extended(head)
            self._memory = erasures, decoded
        return decoded  # not `_memory`, which another thread may have replaced

    def _decoded(self, _upto: int, head: int) -> InMemory:
        """Decode all events in memory, and keep none of them for later questions."""
        self._say_in_memory("its files are missing again and again")
        return InMemory.empty(self.log, self.members).extended(head)

    def _say_in_memory(self, reason: object) -> None:
        """Warn, once per index, that it cannot be kept."""
        if not self._is_memory_said:
            self._is_memory_said = True
            cause = getattr(reason, "__cause__", None) or reason
            warn(
                f"no index can be kept in {self.folder}: {cause}. Each question decodes its events in memory, "
                "which takes longer. Make the folder of the log writable, or set XDG_CACHE_HOME to one that is",
                DerivedFileWarning,
            )
