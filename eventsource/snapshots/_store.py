"""Snapshots: folded states at a position and a moment, for questions near it to go on from.

A snapshot is a cache, keyed by the plan's fingerprint and the log's identity: a changed model or another log never
finds it, and deleting it changes no answer. One file each, whole or not there.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.atomic_write import TEMPORARY, atomic_write
from eventsource.derived_folders import derived_folder, mark_used, remove_unused
from eventsource.errors import IndexFileError, ModelError
from eventsource.moment import is_calendar_step
from eventsource.plan import Plan

__all__ = ["Shelf", "Snapshot", "SnapshotPolicy"]

_ABOUT: Final = "eventsource"
_ABANDONED: Final = 3600  # seconds
_HELD: Final = 32 * 1024 * 1024
"""Bytes of a file whose states are kept in memory, at most."""
_SUFFIX: Final = ".snapshot"
_VERSION: Final = 4  # of what the files hold


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPolicy:
    """When snapshots are taken by themselves, and how many are kept.

    Args:
        events: take one of all events when so many came since the newest such; None: never for that reason.
        every: take one at each end of such a step of valid time, a Polars duration such as ``"1mo"``; None: none.
        keep: how many are kept, the newest moments first; at least one.

    Raises:
        ModelError: none would be taken, or kept, or one at each question; what is no number, or no step of the
            calendar.
    """

    events: int | None = None
    every: str | None = None
    keep: int = 24

    def __post_init__(self) -> None:
        if self.events is None and self.every is None:
            raise ModelError("a policy without events and every takes no snapshots", hint='every="1mo"')
        for name in ("events", "keep"):
            if not isinstance(number := getattr(self, name), int | None):
                raise ModelError(f"{name}={number!r} is no number of {name}", hint=f"{name}=24")
        if self.keep < 1:
            raise ModelError(f"a policy that keeps {self.keep} snapshots takes them in vain", hint="keep=12")
        if self.events is not None and self.events < 1:
            raise ModelError(f"events={self.events} would take a snapshot at each question", hint="events=100_000")
        if self.every is not None and not (isinstance(self.every, str) and is_calendar_step(self.every)):
            raise ModelError(f"every={self.every!r} is no step of the calendar", hint='such as "1mo" or "1w"')


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot holds: the states after all events with position < ``position`` and at <= ``moment``.

    Args:
        position: events from here on are not in it.
        moment: events after this instant are not in it.
        whole: whether all events before the position are in it: none of them is after ``moment``.
        known: the latest ``recorded_at`` of the events in it; None: it has none.
        columns: the payload columns that the log had then.
        entities: how many states it has.
        last: the id of the event before ``position``.
        mark: the log's: one that was put back and went another way does not know it.
        file: its file's name.
    """

    position: int
    moment: datetime
    whole: bool
    known: datetime | None
    columns: tuple[str, ...]
    entities: int
    last: str
    mark: str
    file: str


@dataclass(frozen=True)
class Shelf:
    """The snapshots of one plan on one log.

    Args:
        path: the log's.
        identity: the log's.
        plan: whose states they are.
        held: the states read last, by file and time of its change, for the next question; no large ones.
    """

    path: str
    identity: str
    plan: Plan
    held: dict[tuple[Path, int], pl.DataFrame] = field(default_factory=dict, compare=False, repr=False)

    @property
    def folder(self) -> Path:
        """Where they are: in the log's folder, or in the user's cache for a log that is remote or read-only."""
        return derived_folder(self.path, "snapshots", f"{_VERSION} {self.identity} {self.plan.fingerprint()}")

    def all(self) -> list[Snapshot]:
        """Return the snapshots that are there, by moment and position; a damaged file is none."""
        return sorted(self._read(), key=lambda snapshot: (snapshot.moment, snapshot.position))

    def keep(self, states: pl.DataFrame, about: Snapshot) -> Snapshot:
        """Write a snapshot, in place of those of the same position and moment.

        Raises:
            IndexFileError: it cannot be written.
        """
        if not self.folder.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_unused(self.folder)
        name = f"{about.position}-{about.moment:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        plain = asdict(about) | {"file": name, "moment": about.moment.isoformat()}
        plain["known"] = about.known.isoformat() if about.known else None
        try:
            with atomic_write(self.folder / name) as draft:
                states.write_parquet(draft, compression="lz4", metadata={_ABOUT: json.dumps(plain)})
        except (OSError, pl.exceptions.PolarsError) as error:
            raise IndexFileError(
                f"the snapshot cannot be written to {self.folder}: {error}",
                hint="free some space, or see who may write there; snapshots may be deleted at any time",
            ) from error
        kept = _from_plain(plain)
        for twin in self.all():
            if (twin.position, twin.moment) == (kept.position, kept.moment) and twin.file != kept.file:
                (self.folder / twin.file).unlink(missing_ok=True)
        return kept

    def states(self, snapshot: Snapshot, entities: pl.Series | None = None) -> pl.DataFrame | None:
        """Return the partial states of a snapshot, of some entities or of all; None: it is gone."""
        mark_used(self.folder)
        with contextlib.suppress(OSError, pl.exceptions.PolarsError):
            states = self._states(snapshot)
            mine = states if entities is None else states.filter(pl.col("entity").is_in(entities.implode()))
            return mine.collect()
        return None

    def _states(self, snapshot: Snapshot) -> pl.LazyFrame:
        """Return all states of a snapshot: from memory, if they were read last and are not too large for it."""
        path = self.folder / snapshot.file
        there = path.stat()
        whole = self.held.get((path, there.st_mtime_ns))
        if whole is None:
            states = pl.scan_parquet(path, glob=False)
            if there.st_size > _HELD:
                return states
            whole = states.collect()
            self.held.clear()
            self.held[path, there.st_mtime_ns] = whole
        return whole.lazy()

    def prune(self, keep: int, columns: tuple[str, ...] | None = None, new: Collection[Snapshot] = ()) -> int:
        """Remove all but the newest, and what a process that died left; return how many snapshots went.

        Args:
            keep: how many stay.
            columns: the payload columns of today; snapshots of others help no more. None: whatever they have.
            new: those that were taken just now: they stay before all others.
        """
        usable = [snapshot for snapshot in self.all() if columns in (None, snapshot.columns)]
        usable.sort(key=lambda snapshot: snapshot in new)
        kept_now = usable[-keep:] if keep else []
        gone = [snapshot for snapshot in self.all() if snapshot not in kept_now]
        for snapshot in gone:
            (self.folder / snapshot.file).unlink(missing_ok=True)
        kept = {snapshot.file for snapshot in self.all()}
        for path in self.folder.glob("*"):
            left = path.suffix == TEMPORARY and time.time() - path.stat().st_mtime > _ABANDONED
            if left or (path.suffix == _SUFFIX and path.name not in kept):
                path.unlink(missing_ok=True)
        return len(gone)

    def _read(self) -> Iterator[Snapshot]:
        for path in self.folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
                yield _from_plain(json.loads(pl.read_parquet_metadata(path)[_ABOUT]))


def _from_plain(plain: dict[str, object]) -> Snapshot:
    known = plain["known"]
    return Snapshot(
        position=int(str(plain["position"])),
        moment=datetime.fromisoformat(str(plain["moment"])),
        whole=bool(plain["whole"]),
        known=datetime.fromisoformat(str(known)) if known else None,
        columns=tuple(plain["columns"]),  # type: ignore[arg-type]  # a list of texts
        entities=int(str(plain["entities"])),
        last=str(plain["last"]),
        mark=str(plain["mark"]),
        file=str(plain["file"]),
    )
