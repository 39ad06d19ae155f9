"""The folder of an index: files that never change, and a manifest that names those that count.

Every update writes new files and then replaces the manifest in one step. A crash before that step leaves files
that no manifest names, and the next update removes them. Files of the manifest before are kept for one update
longer, for questions that still read them.
"""

import contextlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.atomic_write import atomic_write
from eventsource.errors import IndexFileError
from eventsource.index._manifest import Manifest, Part, entities_file

__all__ = ["FORMAT_VERSION", "IndexFiles"]

FORMAT_VERSION: Final = 5
"""The version of the files. An index of another version is ignored, and replaced by the next update."""

_MANIFEST: Final = "manifest.json"
_LOCK: Final = "lock"
_POLL: Final = 0.01  # seconds between attempts to get the lock
_ROW_GROUP: Final = 50_000  # rows that a reader of some entities reads or skips together


@dataclass(frozen=True)
class IndexFiles:
    """Reads and writes the files of one index.

    Args:
        folder: where they are; it is created when the first file is written.
    """

    folder: Path

    def path(self, file: str) -> Path:
        """Return where a file is."""
        return self.folder / file

    def manifest(self) -> Manifest:
        """Return the manifest. It is empty if the file is missing, or files are damaged or of another version."""
        try:
            plain = json.loads(self.path(_MANIFEST).read_bytes())
            if plain["version"] != FORMAT_VERSION:
                return Manifest()
            # A file that was cut short or is missing is noticed here, for the price of a stat.
            is_complete = all(self.path(file).stat().st_size == size for file, size in plain["sizes"].items())
            return Manifest.from_dict(plain) if is_complete else Manifest()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Manifest()

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of several files as one lazy frame; a column that a file lacks is null there."""
        return pl.concat([pl.scan_parquet(self.path(file)) for file in files], how="diagonal")

    def entities(self, part: Part) -> pl.DataFrame:
        """Return the entities of a part: their ids, ``entity``, and the first row of each, ``start``."""
        return pl.read_parquet(self.path(entities_file(part.file)))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder's lock: one process writes at a time. The lock of a process that dies is released.

        The lock is the operating system's (``flock``, or what Windows has). A file system without such locks is an
        error: a file that only names its holder would look like a lock that is held forever after a copy.

        Raises:
            IndexFileError: the folder or its lock cannot be written, or the file system has no locks.
        """
        from filelock import FileLock  # noqa: PLC0415 - slow to import, and questions about small logs take no lock

        with self._translated_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path(_LOCK), poll_interval=_POLL, fallback_to_soft=False).acquire()
        with lock:
            yield

    def write(self, frame: pl.DataFrame, kind: str) -> str:
        """Write a frame to a new file, and return the file's name."""
        name = f"{kind}-{uuid.uuid4().hex[:16]}.parquet"
        self._write_parquet(frame, name)
        return name

    def write_part(self, events: pl.DataFrame, entities: pl.DataFrame) -> str:
        """Write events in fold order, and their ``entity`` and ``start``; return the name of the events' file."""
        name = self.write(events, "part")
        self._write_parquet(entities, entities_file(name))
        return name

    def publish(self, manifest: Manifest) -> None:
        """Make a manifest the one that counts; remove files that neither it nor the one before names."""
        names_before = self._published_names()
        sizes = {file: self.path(file).stat().st_size for file in sorted(manifest.file_names)}
        plain = manifest.to_dict() | {"version": FORMAT_VERSION, "sizes": sizes}
        with self._translated_errors(), atomic_write(self.path(_MANIFEST)) as draft:
            draft.write_text(json.dumps(plain), encoding="utf-8")
        self._remove_others(manifest.file_names | names_before | {_MANIFEST, _LOCK})

    def _write_parquet(self, frame: pl.DataFrame, name: str) -> None:
        path = self.path(name)
        with self._translated_errors():
            try:
                frame.write_parquet(path, row_group_size=_ROW_GROUP, compression="lz4")
            except (OSError, pl.exceptions.PolarsError):
                path.unlink(missing_ok=True)
                raise

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Say that the index cannot be written, and why.

        Raises:
            FileNotFoundError: another process deleted the folder; the question then starts again.
            IndexFileError: all other reasons.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, pl.exceptions.PolarsError) as error:
            raise IndexFileError(
                f"the index cannot be written to {self.folder}: {error}",
                hint="free some space, see who may write there, or keep it on a disk that has file locks; "
                "the index may be deleted at any time",
            ) from error

    def _published_names(self) -> set[str]:
        try:
            return set(json.loads(self.path(_MANIFEST).read_bytes())["sizes"])
        except (OSError, ValueError, KeyError, TypeError):
            return set()

    def _remove_others(self, names: set[str]) -> None:
        for path in self.folder.iterdir():
            if path.name not in names and path.is_file():
                path.unlink(missing_ok=True)
