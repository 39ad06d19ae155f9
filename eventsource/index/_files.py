"""The folder of an index: files that never change, and a manifest that names those that count.

Every update writes new files and then replaces the manifest in one step. A crash before that step leaves files
that no manifest names, and the next update removes them. Files of the manifest before are kept for one update
longer, for questions that still read them.

Each name ends with the checksum of the file, and the manifest has one of its own. A file with other content counts
as absent. What the manifest names counts only if the folder lists it, so that no name leads to another folder.
"""

import contextlib
import errno
import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct, field

from eventsource.atomic_write import atomic_write, draft_beside
from eventsource.checksums import DamagedFileError, check_content, checksum, forget_checksums, name_by_content
from eventsource.derived_folders import LOCK, hold_lock
from eventsource.errors import DerivedFileWarning, IndexFileError
from eventsource.index._manifest import Manifest
from eventsource.messages import warn

__all__ = ["FORMAT_VERSION", "IndexFiles", "NotWritableError"]

FORMAT_VERSION: Final = 11
"""The version of the files. An index of another version is ignored, and replaced by the next update."""

_MANIFEST: Final = "manifest.json"
_ROW_GROUP: Final = 50_000  # rows that a reader of some entities reads or skips together
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


class NotWritableError(IndexFileError):
    """This process may not write into the folder of the index, or none can exist: trying again does not help."""


class IndexFiles(Struct, frozen=True):
    """Reads and writes the files of one index.

    Args:
        folder: where they are; it is created when the first file is written.
        lost: the names of files that were found to be damaged or missing. They count as absent from then on.
    """

    folder: Path
    lost: set[str] = field(default_factory=set)

    def path(self, file: str) -> Path:
        """Return where a file is."""
        return self.folder / file

    def manifest(self) -> Manifest:
        """Return the manifest; empty if it or a file of it is missing or damaged, or if it has another version."""
        try:
            manifest = self._published()
            listed = {path.name for path in self.folder.iterdir()}
        except OSError:
            return Manifest()
        return manifest if manifest.file_names <= listed - self.lost else Manifest()

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of several files as one lazy frame; a column that a file lacks is null there.

        Raises:
            FileNotFoundError: a file is missing or damaged.
        """
        return pl.concat([pl.scan_parquet(self._checked(file), glob=False) for file in files], how="diagonal")

    def read(self, file: str) -> pl.DataFrame:
        """Return the rows of a file in memory; for errors see `scan`."""
        return pl.read_parquet(self._checked(file), glob=False)

    def first_damaged(self, manifest: Manifest) -> FileNotFoundError | None:
        """Return the error of the first file of a manifest that is missing or damaged; None: all are sound."""
        forget_checksums()
        for file in sorted(manifest.file_names):
            try:
                self._checked(file)
            except FileNotFoundError as error:
                return error
        return None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder's lock, see `eventsource.derived_folders.hold_lock`.

        Raises:
            NotWritableError: this process may not write there.
            IndexFileError: the folder or its lock cannot be written, or the file system has no locks.
        """
        with contextlib.ExitStack() as stack:
            with self._translated_errors():
                stack.enter_context(hold_lock(self.folder))
            yield

    def write(self, frame: pl.DataFrame, kind: str, *, suffix: str = ".parquet", statistics: bool = True) -> str:
        """Write a frame to a new file, and return the file's name: kind, a random number, the checksum.

        Args:
            frame: the rows.
            kind: what they are, such as ``run``.
            suffix: the end of the name.
            statistics: whether the least and greatest values of each row group are kept, so that a reader skips
                groups; a fifth of the time that writing takes.
        """
        path = self.path(f"{kind}-{uuid.uuid4().hex[:16]}{suffix}")
        with self._translated_errors(), draft_beside(path) as draft:
            frame.write_parquet(draft, row_group_size=_ROW_GROUP, compression="lz4", statistics=statistics)
            return name_by_content(draft, path).name

    def publish(self, manifest: Manifest) -> None:
        """Make a manifest the one that counts; remove files that neither it nor the one before names."""
        before = self._published().file_names
        plain = manifest.to_dict() | {"version": FORMAT_VERSION}
        with self._translated_errors(), atomic_write(self.path(_MANIFEST)) as draft:
            draft.write_text(json.dumps(plain | {"checksum": _checksum_of(plain)}), encoding="utf-8")
        self._remove_others(manifest.file_names | before | {_MANIFEST, LOCK})

    def _published(self) -> Manifest:
        """Return the manifest as the file says; empty if there is none, or it is damaged or of another version."""
        try:
            plain = json.loads(self.path(_MANIFEST).read_bytes())
            if plain.get("version") not in (None, FORMAT_VERSION):
                return Manifest()
            if plain.pop("checksum") == _checksum_of(plain):
                return Manifest.from_dict(plain)
        except OSError:
            return Manifest()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.ValidationError):
            pass
        self._lose(_MANIFEST)
        return Manifest()

    def _checked(self, file: str) -> Path:
        """Return the path of a file that has the content of its name."""
        path = self.path(file)
        try:
            check_content(path)
        except DamagedFileError:
            self._lose(file)
            raise
        except FileNotFoundError:
            self.lost.add(file)
            raise
        return path

    def _lose(self, file: str) -> None:
        """Remember that a file is damaged, and say it once."""
        if file not in self.lost:
            self.lost.add(file)
            warn(
                f"{self.path(file)} is damaged: its content differs from its checksum. "
                "It is derived from the log; the index is built again",
                DerivedFileWarning,
            )

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raise errors of the file system as errors that say why the index cannot be written.

        Raises:
            FileNotFoundError: another process deleted the folder; the question then starts again.
            NotWritableError: this process may not write there.
            IndexFileError: all other reasons.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, NotImplementedError, pl.exceptions.PolarsError) as error:
            kind = NotWritableError if getattr(error, "errno", None) in _FORBIDDEN else IndexFileError
            raise kind(
                f"the index cannot be written to {self.folder}: {error}",
                hint="free some space, see who may write there, or keep it on a disk that has file locks; "
                "the index may be deleted at any time",
            ) from error

    def _remove_others(self, names: set[str]) -> None:
        for path in self.folder.iterdir():
            if path.name not in names and path.is_file():
                path.unlink(missing_ok=True)


def _checksum_of(plain: dict[str, Any]) -> str:
    return checksum(json.dumps(plain, sort_keys=True).encode())
