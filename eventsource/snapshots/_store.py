"""Snapshot files: what they hold, where they are, and how they are written, read, listed and removed.

On disk
-------
Each snapshot is one Parquet file. All snapshots of one plan on one log are in one folder, below the log's
``snapshots/``, or below the user's cache folder for a log that is remote or read-only::

    <log>/snapshots/<digest of format version, log identity and plan fingerprint>/
        1200-20240131T225959-1a2b3c4d-5e6f7a8b.snapshot      <position>-<moment, UTC>-<checksums>
        1800-20240229T225959-9c8b7a6f-00112233.snapshot

* The rows are partial states, one per entity; `eventsource.snapshots._partial` lists their columns.
* The Parquet metadata hold, under the key ``eventsource``, the members of `Snapshot` as JSON.
* The checksums are those of the metadata, which are read first, and of the whole file, which is read when its
  states are used. The folder gives the name of a file; its metadata do not hold it.
* A file is written under a temporary name and then renamed: it is complete, or not there.

Every part of the digest decides what the states mean. A changed model, another log at the same path and another
version of the format have another folder, so no question finds a snapshot of something else. Folders that no
question used for a month are removed. After an upgrade that raises the version, the old snapshots are not read any
more, and new ones are taken as policies ask for them.

Deleting files or the whole folder changes no answer. Files that are damaged count as absent; pruning removes those
whose metadata cannot be read.
"""

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct
from msgspec.structs import asdict, replace

from eventsource.atomic_write import TEMPORARY, draft_beside
from eventsource.checksums import DamagedFileError, check_content, checksum, name_by_content
from eventsource.derived_folders import derived_folder, mark_used, remove_unused
from eventsource.errors import DerivedFileWarning, IndexFileError
from eventsource.event import EventLog
from eventsource.messages import counted, warn
from eventsource.moment import readable_time
from eventsource.plan import Plan

__all__ = ["Snapshot", "SnapshotStore"]

_VERSION: Final = 10
"""The version of the format; raise it when the columns or the metadata change their meaning."""

_METADATA: Final = "eventsource"
_SUFFIX: Final = ".snapshot"
_ABANDONED: Final = 3600
"""Seconds after which a temporary file is treated as left by a dead process."""
_TAIL: Final = 8  # the last bytes of a Parquet file: the length of its metadata, and PAR1
_LISTED: Final = 1024  # snapshots whose metadata are remembered


class Snapshot(Struct, frozen=True):
    """What a snapshot holds: the states after all events with position < ``position`` and at <= ``moment``.

    Args:
        position: events from this position on are not in it.
        moment: events after this instant are not in it.
        is_complete: whether all events before the position are in it, none of them being after ``moment``.
        last_recorded_at: the latest ``recorded_at`` of its events, and of all corrections before its position;
            None: it has none.
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

    def __repr__(self) -> str:
        states = counted(self.entities, "state")
        return f"<Snapshot of {states} at {readable_time(self.moment)}, of events before position {self.position}>"


class SnapshotStore:
    """The snapshot files of one plan on one log.

    Args:
        log: the log.
        plan: the plan whose states they hold.
        cached_bytes: the states read last stay in memory if their file is not larger.
        warns: whether damaged files are a warning.
    """

    def __init__(self, log: EventLog, plan: Plan, *, cached_bytes: int = 0, warns: bool = True) -> None:
        self.log, self.plan, self._warns = log, plan, warns
        self._cached_bytes = cached_bytes
        self._last_read: tuple[Path, int, pl.DataFrame] | None = None
        self._damaged: set[Path] = set()

    @property
    def folder(self) -> Path:
        """Where the files are: in the log's folder, or in the user's cache for a remote or read-only log."""
        key = f"{_VERSION} {self.log.identity} {self._fingerprint}"
        return derived_folder(self.log.path, "snapshots", key, erasures=self.log.erasures)

    @cached_property
    def _fingerprint(self) -> str:
        return self.plan.fingerprint()

    def all(self) -> list[Snapshot]:
        """Return the snapshots by moment and position, without damaged files."""
        return sorted(self._readable(), key=lambda snapshot: (snapshot.moment, snapshot.position))

    @property
    def has_damage(self) -> bool:
        """Whether a damaged file was found."""
        return bool(self._damaged)

    def sound(self) -> list[Snapshot]:
        """Return what `all` returns, without the snapshots whose states were found to be damaged."""
        return [snapshot for snapshot in self.all() if self.folder / snapshot.file not in self._damaged]

    def write(self, states: pl.DataFrame, snapshot: Snapshot) -> Snapshot:
        """Write a snapshot, and remove others of the same position and moment.

        Args:
            states: partial states.
            snapshot: what they are; its file gets a new name.

        Raises:
            IndexFileError: the file cannot be written.
        """
        folder = self.folder
        path = folder / f"{snapshot.position}-{snapshot.moment:%Y%m%dT%H%M%S}{_SUFFIX}"
        try:
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                remove_unused(folder)
            with draft_beside(path) as draft:
                metadata = {_METADATA: json.dumps(_to_plain(snapshot))}
                states.write_parquet(draft, compression="lz4", metadata=metadata)
                path = name_by_content(draft, path.with_stem(f"{path.stem}-{checksum(footer_of(draft))}"))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise IndexFileError(
                f"the snapshot cannot be written to {folder}: {error}",
                hint="free some space, or check who may write there; snapshots may be deleted at any time",
            ) from error
        self._damaged.discard(path)
        if self.log.head and folder != self.folder:  # events were erased meanwhile: the states may hold them
            path.unlink(missing_ok=True)
        written = replace(snapshot, file=path.name)
        for twin in self.all():
            if (twin.position, twin.moment) == (written.position, written.moment) and twin.file != written.file:
                (folder / twin.file).unlink(missing_ok=True)
        return written

    def states(self, snapshot: Snapshot, entities: pl.Series | None = None) -> pl.DataFrame | None:
        """Return the partial states of a snapshot, of all entities or some; None: its file cannot be read."""
        mark_used(self.folder)
        path = self.folder / snapshot.file
        try:
            states = self._all_states(path)
            wanted = states if entities is None else states.filter(pl.col("entity").is_in(entities.implode()))
            return wanted.collect()
        except (DamagedFileError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            self._note_damage(path)
        except OSError:
            pass
        return None

    def _note_damage(self, path: Path) -> None:
        """Remember that a file is damaged, and say so once."""
        if path in self._damaged:
            return
        self._damaged.add(path)
        if self._warns:
            warn(
                f"the snapshot {path} is damaged. It is derived from the log, and was not used. A policy takes it "
                "again; pruning removes the file",
                DerivedFileWarning,
            )

    def _all_states(self, path: Path) -> pl.LazyFrame:
        """Return the states in a file, from memory if it is the one read last and did not change since.

        Raises:
            DamagedFileError: the file does not have the content of its name.
        """
        check_content(path)
        file, last = path.stat(), self._last_read  # other threads replace it
        if last is not None and last[:2] == (path, file.st_mtime_ns):
            return last[2].lazy()
        states = pl.scan_parquet(path, glob=False)
        if file.st_size > self._cached_bytes:
            return states
        frame = states.collect()
        self._last_read = path, file.st_mtime_ns, frame
        return frame.lazy()

    def prune(self, keep: int, useful: Collection[Snapshot] | None = None, new: Collection[Snapshot] = ()) -> int:
        """Remove all snapshots but the newest, and files that were never finished; return how many snapshots.

        Args:
            keep: how many snapshots stay.
            useful: snapshots whose payload columns are those that events up to their moment have today, and of
                events that the log has: all others are removed. None: all snapshots are of use.
            new: snapshots that were taken just now: they stay before all others.
        """
        snapshots = self.all()
        best = [snapshot for snapshot in snapshots if useful is None or snapshot in useful or snapshot in new]
        best.sort(key=lambda snapshot: snapshot in new)  # stable: the others stay sorted by moment
        staying = {snapshot.file for snapshot in (best[-keep:] if keep else [])}
        for path in self.folder.glob("*"):
            is_abandoned = path.suffix == TEMPORARY and time.time() - path.stat().st_mtime > _ABANDONED
            if is_abandoned or (path.suffix == _SUFFIX and path.name not in staying):
                path.unlink(missing_ok=True)
        return len(snapshots) - len(staying)

    def _readable(self) -> Iterator[Snapshot]:
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                file = path.stat()
                snapshot = _snapshot_in(path, file.st_size, file.st_mtime_ns, file.st_ctime_ns)
                if snapshot is None:
                    self._note_damage(path)
                else:
                    yield snapshot


@lru_cache(_LISTED)
def _snapshot_in(path: Path, *_stamp: int) -> Snapshot | None:
    """Return what the metadata of a file say; None: they are damaged."""
    if not path.stem.rpartition("-")[0].endswith(f"-{checksum(footer_of(path))}"):
        return None
    try:
        return _from_plain(json.loads(pl.read_parquet_metadata(path)[_METADATA]), path.name)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ):
        return None


def footer_of(path: Path) -> bytes:
    """Return the metadata at the end of a Parquet file, which begin where the last bytes say."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - _TAIL, 0))
        length = int.from_bytes(file.read(_TAIL)[:4], "little")
        file.seek(max(end - _TAIL - length, 0))
        return file.read()


def _to_plain(snapshot: Snapshot) -> dict[str, Any]:
    last = snapshot.last_recorded_at
    times = {"moment": snapshot.moment.isoformat(), "last_recorded_at": None if last is None else last.isoformat()}
    return {name: value for name, value in asdict(snapshot).items() if name != "file"} | times


def _from_plain(plain: dict[str, Any], file: str) -> Snapshot:
    """Return a snapshot from its metadata; the name of its file is what the folder lists."""
    last = plain["last_recorded_at"]
    return Snapshot(
        position=int(plain["position"]),
        moment=_instant(plain["moment"]),
        is_complete=bool(plain["is_complete"]),
        last_recorded_at=None if last is None else _instant(last),
        columns=tuple(map(str, plain["columns"])),
        entities=int(plain["entities"]),
        last_event_id=str(plain["last_event_id"]),
        log_mark=str(plain["log_mark"]),
        file=file,
    )


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found
