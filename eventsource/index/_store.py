"""The folder of an index: files that never change, and a manifest that says which of them count.

Every change writes new files and then, by one rename, a new manifest: a crash leaves files that no manifest
names, and the next writer removes them. Files of the manifest before stay too, for questions that still read them.
"""

import contextlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from filelock import FileLock

from eventsource.atomic_write import atomic_write
from eventsource.errors import IndexFileError

__all__ = ["Manifest", "Part", "Run", "Store"]

_MANIFEST: Final = "manifest.json"
_LOCK: Final = "lock"
_POLL: Final = 0.01  # seconds between attempts to get the lock
_ROW_GROUP: Final = 50_000
_VERSION: Final = 4


@dataclass(frozen=True, slots=True)
class Run:
    """Events of neighbouring positions, sorted by (at, position).

    Args:
        file: its name.
        start: the first position that it may hold.
        stop: the position after the last that it may hold.
        rows: how many events it holds.
        earliest: the earliest ``at`` in it, in microseconds since 1970; None: it is empty.
        latest: the latest.
    """

    file: str
    start: int
    stop: int
    rows: int
    earliest: int | None
    latest: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """The events of neighbouring entities, in fold order.

    Args:
        file: its name; the entities and where they start stand in ``file`` + ``.entities``.
        first: the lowest entity id that belongs here; the next part's ends it.
        rows: how many events it holds.
        head: it holds the events of all runs before this position, and none behind it.
    """

    file: str
    first: str
    rows: int
    head: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index consists of.

    Args:
        head: it knows all events before this position.
        last: the id of the event before that position.
        mark: the log's, when they were taken in.
        runs: in order of position, without gaps, all events.
        parts: in order of entities, without gaps; they may lack the newest events.
        columns: the columns of payload members that any file has.
        types: the event types that any file has.
        clocks: the file of the streams' clocks; None for plans that need none.
    """

    head: int = 0
    last: str = ""
    mark: str = ""
    runs: tuple[Run, ...] = ()
    parts: tuple[Part, ...] = ()
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    clocks: str | None = None

    @property
    def files(self) -> set[str]:
        """All files that it names."""
        named = {run.file for run in self.runs} | ({self.clocks} if self.clocks else set())
        return named.union(*({part.file, entities_of(part.file)} for part in self.parts))

    @property
    def clustered(self) -> int:
        """Events before this position are in the parts; those behind it may only be in the runs."""
        return min((part.head for part in self.parts), default=0)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Manifest":
        """Return the manifest that plain data describes."""
        return cls(
            head=plain["head"],
            last=plain["last"],
            mark=plain["mark"],
            runs=tuple(Run(**run) for run in plain["runs"]),
            parts=tuple(Part(**part) for part in plain["parts"]),
            columns=tuple(plain["columns"]),
            types=tuple(plain["types"]),
            clocks=plain["clocks"],
        )


@dataclass(frozen=True)
class Store:
    """Reads and writes the files of one index."""

    folder: Path

    def path(self, file: str) -> Path:
        """Return where a file is."""
        return self.folder / file

    def manifest(self) -> Manifest:
        """Return what the index consists of; an empty one, where it is absent, damaged or of another version."""
        try:
            plain = json.loads(self.path(_MANIFEST).read_bytes())
            sizes = plain["sizes"]
            whole = all(self.path(file).stat().st_size == size for file, size in sizes.items())
            return Manifest.from_dict(plain) if whole and plain["version"] == _VERSION else Manifest()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Manifest()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock: one process writes at a time. The lock of a process that dies is released.

        The lock is the operating system's (``flock``, or what Windows has). Where a file system has none,
        filelock warns and uses a file that names the process which holds the lock.
        """
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path(_LOCK), poll_interval=_POLL).acquire()
        with lock:
            yield

    def write(self, frame: pl.DataFrame, kind: str) -> str:
        """Write a frame to a new file; return its name."""
        name = f"{kind}-{uuid.uuid4().hex[:16]}.parquet"
        with self._writing(self.path(name)):
            frame.write_parquet(self.path(name), row_group_size=_ROW_GROUP, compression="lz4")
        return name

    def write_part(self, frame: pl.DataFrame, entities: pl.DataFrame) -> str:
        """Write clustered events, and their ``entity`` and ``start``; return the name of the events' file."""
        name = self.write(frame, "part")
        self.path(self.write(entities, "entities")).rename(self.path(entities_of(name)))
        return name

    def entities(self, part: Part) -> pl.DataFrame:
        """Return the entities of a part: ``entity``, ``start``."""
        return pl.read_parquet(self.path(entities_of(part.file)))

    def publish(self, manifest: Manifest) -> None:
        """Make a manifest the one that counts; remove files that neither it nor the one before names."""
        before = self._named()
        sizes = {file: self.path(file).stat().st_size for file in sorted(manifest.files)}
        plain = asdict(manifest) | {"version": _VERSION, "sizes": sizes}
        with self._writing(), atomic_write(self.path(_MANIFEST)) as draft:
            draft.write_text(json.dumps(plain), encoding="utf-8")
        self._sweep(manifest.files | before | {_MANIFEST, _LOCK})

    @contextlib.contextmanager
    def _writing(self, path: Path | None = None) -> Iterator[None]:
        """Leave no half of a file, and say why it cannot be written.

        Raises:
            FileNotFoundError: somebody deleted the folder: a question then begins anew.
            IndexFileError: all other reasons.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, pl.exceptions.PolarsError) as error:
            if path is not None:
                path.unlink(missing_ok=True)
            raise IndexFileError(
                f"the index cannot be written to {self.folder}: {error}",
                hint="free some space, or see who may write there; the index may be deleted at any time",
            ) from error

    def _named(self) -> set[str]:
        try:
            return set(json.loads(self.path(_MANIFEST).read_bytes())["sizes"])
        except (OSError, ValueError, KeyError, TypeError):
            return set()

    def _sweep(self, kept: set[str]) -> None:
        for path in self.folder.iterdir():
            if path.name not in kept and path.is_file():
                path.unlink(missing_ok=True)


def entities_of(file: str) -> str:
    """Return the name of the file with the entities of a part."""
    return f"{file}.entities"


def scanned(store: Store, files: Sequence[str]) -> pl.LazyFrame:
    """Return the rows of several files as one lazy frame; a column that one lacks is null there."""
    return pl.concat([pl.scan_parquet(store.path(file)) for file in files], how="diagonal")
