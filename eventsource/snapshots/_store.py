"""Snapshot files: what they hold, where they are, and how they are written, read, listed and removed.

On disk
-------
Each snapshot is one Parquet file. All snapshots of one plan on one log are in one folder, below the log's
``snapshots/``, or below the user's cache folder for a log that is remote or read-only::

    <log>/snapshots/<digest of format version, log identity and plan fingerprint>/
        1200-20240131T225959-1a2b3c4d.snapshot      <position>-<moment, UTC>-<random>
        1800-20240229T225959-9c8b7a6f.snapshot

* The rows are partial states, one per entity; `eventsource.snapshots._partial` lists their columns.
* The Parquet metadata hold, under the key ``eventsource``, the members of `Snapshot` as JSON.
* A file is written under a temporary name and then renamed: it is complete, or not there.

Every part of the digest decides what the states mean. A changed model, another log at the same path or another
version of the format therefore looks into another folder, and never finds a snapshot that is not its own. Folders
that no question used for a month are removed. After an upgrade that raises the version, the old snapshots are not
read any more, and new ones are taken as policies ask for them.

Deleting files or the whole folder changes no answer. Files that are damaged count as absent.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from eventsource.atomic_write import TEMPORARY, atomic_write
from eventsource.derived_folders import derived_folder, mark_used, remove_unused
from eventsource.errors import IndexFileError
from eventsource.event import EventLog
from eventsource.plan import Plan

__all__ = ["Snapshot", "SnapshotStore"]

_VERSION: Final = 6
"""The version of the format; raise it when the columns or the metadata change their meaning."""

_METADATA: Final = "eventsource"
_SUFFIX: Final = ".snapshot"
_ABANDONED: Final = 3600
"""Seconds after which a temporary file is treated as left by a dead process."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot holds: the states after all events with position < ``position`` and at <= ``moment``.

    Args:
        position: events from this position on are not in it.
        moment: events after this instant are not in it.
        is_complete: whether all events before the position are in it, none of them being after ``moment``.
        last_recorded_at: the latest ``recorded_at`` of its events; None: it has no events.
        columns: the payload columns that the log had then, sorted.
        entities: the number of states.
        last_event_id: the id of the event before ``position``.
        log_mark: the log's `mark` then; a log that was restored from a backup does not know it.
        file: the name of its file.
    """

    position: int
    moment: datetime
    is_complete: bool
    last_recorded_at: datetime | None
    columns: tuple[str, ...]
    entities: int
    last_event_id: str
    log_mark: str
    file: str


class SnapshotStore:
    """The snapshot files of one plan on one log.

    Args:
        log: the log.
        plan: the plan whose states they hold.
        cached_bytes: the states read last stay in memory if their file is not larger.
    """

    def __init__(self, log: EventLog, plan: Plan, *, cached_bytes: int = 0) -> None:
        self.log, self.plan = log, plan
        self._cached_bytes = cached_bytes
        self._last_read: tuple[Path, int, pl.DataFrame] | None = None

    @property
    def folder(self) -> Path:
        """Where the files are: in the log's folder, or in the user's cache for a remote or read-only log."""
        return derived_folder(self.log.path, "snapshots", f"{_VERSION} {self.log.identity} {self._fingerprint}")

    @cached_property
    def _fingerprint(self) -> str:
        return self.plan.fingerprint()

    def all(self) -> list[Snapshot]:
        """Return the snapshots by moment and position, without damaged files."""
        return sorted(self._readable(), key=lambda snapshot: (snapshot.moment, snapshot.position))

    def write(self, states: pl.DataFrame, snapshot: Snapshot) -> Snapshot:
        """Write a snapshot, and remove others of the same position and moment.

        Args:
            states: partial states.
            snapshot: what they are; its file gets a new name.

        Raises:
            IndexFileError: the file cannot be written.
        """
        folder = self.folder
        name = f"{snapshot.position}-{snapshot.moment:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        plain = _to_plain(snapshot) | {"file": name}
        try:
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                remove_unused(folder)
            with atomic_write(folder / name) as draft:
                states.write_parquet(draft, compression="lz4", metadata={_METADATA: json.dumps(plain)})
        except (OSError, pl.exceptions.PolarsError) as error:
            raise IndexFileError(
                f"the snapshot cannot be written to {folder}: {error}",
                hint="free some space, or check who may write there; snapshots may be deleted at any time",
            ) from error
        written = _from_plain(plain)
        for twin in self.all():
            if (twin.position, twin.moment) == (written.position, written.moment) and twin.file != name:
                (folder / twin.file).unlink(missing_ok=True)
        return written

    def states(self, snapshot: Snapshot, entities: pl.Series | None = None) -> pl.DataFrame | None:
        """Return the partial states of a snapshot, of all entities or some; None: its file cannot be read."""
        mark_used(self.folder)
        with contextlib.suppress(OSError, pl.exceptions.PolarsError):
            states = self._all_states(self.folder / snapshot.file)
            return (
                states if entities is None else states.filter(pl.col("entity").is_in(entities.implode()))
            ).collect()
        return None

    def _all_states(self, path: Path) -> pl.LazyFrame:
        """Return the states in a file, from memory if it is the one read last and did not change since."""
        file = path.stat()
        if self._last_read is not None and self._last_read[:2] == (path, file.st_mtime_ns):
            return self._last_read[2].lazy()
        states = pl.scan_parquet(path, glob=False)
        if file.st_size > self._cached_bytes:
            return states
        self._last_read = path, file.st_mtime_ns, states.collect()
        return self._last_read[2].lazy()

    def prune(self, keep: int, columns: tuple[str, ...] | None = None, new: Collection[Snapshot] = ()) -> int:
        """Remove all snapshots but the newest, and files that were never finished; return how many snapshots.

        Args:
            keep: how many snapshots stay.
            columns: the payload columns of today: snapshots with others are removed first, since they are of no
                use any more. None: all snapshots are of use.
            new: snapshots that were taken just now: they stay before all others.
        """
        snapshots = self.all()
        useful = [snapshot for snapshot in snapshots if columns in (None, snapshot.columns)]
        useful.sort(key=lambda snapshot: snapshot in new)  # stable: the others stay sorted by moment
        staying = {snapshot.file for snapshot in (useful[-keep:] if keep else [])}
        for path in self.folder.glob("*"):
            is_abandoned = path.suffix == TEMPORARY and time.time() - path.stat().st_mtime > _ABANDONED
            if is_abandoned or (path.suffix == _SUFFIX and path.name not in staying):
                path.unlink(missing_ok=True)
        return len(snapshots) - len(staying)

    def _readable(self) -> Iterator[Snapshot]:
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
                yield _from_plain(json.loads(pl.read_parquet_metadata(path)[_METADATA]))


def _to_plain(snapshot: Snapshot) -> dict[str, Any]:
    last = snapshot.last_recorded_at
    times = {"moment": snapshot.moment.isoformat(), "last_recorded_at": None if last is None else last.isoformat()}
    return asdict(snapshot) | times


def _from_plain(plain: dict[str, Any]) -> Snapshot:
    last = plain["last_recorded_at"]
    return Snapshot(
        position=int(plain["position"]),
        moment=datetime.fromisoformat(plain["moment"]),
        is_complete=bool(plain["is_complete"]),
        last_recorded_at=None if last is None else datetime.fromisoformat(last),
        columns=tuple(plain["columns"]),
        entities=int(plain["entities"]),
        last_event_id=str(plain["last_event_id"]),
        log_mark=str(plain["log_mark"]),
        file=str(plain["file"]),
    )
