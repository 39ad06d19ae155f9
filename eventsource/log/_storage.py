"""The files of a table where they are stored: in a local folder, or below an object-store URL."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from eventsource.errors import LogError
from eventsource.log._damage import RESTORE

__all__ = ["SCRUBBED", "TRANSACTION_LOG", "Storage"]

TRANSACTION_LOG: Final = "_delta_log"
"""The folder of Delta's own files, within that of the table."""

SCRUBBED: Final = b'"eventsource.scrubbed":true'
"""Is in a commit file of which values were removed: its digest says nothing any more."""


class Storage(Struct, frozen=True):
    """The folder of a table.

    Args:
        path: an absolute folder or an object-store URL.
        options: storage options, as delta-rs takes them.
    """

    path: str
    options: Mapping[str, str] | None = None

    @property
    def folder(self) -> Path | None:
        """The local folder; None for an object store."""
        return None if "://" in self.path else Path(self.path)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        if self.folder is not None:
            return (self.folder / name).read_bytes()
        with self.open(name) as file:
            return bytes(file.read())

    def open(self, name: str) -> Any:
        """Open a file for reading, as a file object with ``read``, ``seek`` and ``tell``."""
        return (
            (self.folder / name).open("rb") if self.folder is not None else self._handler().open_input_file(name)
        )

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        if self.folder is not None:
            return (self.folder / name).stat().st_size
        return int(self._handler().get_file_info([name])[0].size)

    def commit_digest(self, version: int) -> str | None:
        """Return the digest of the commit file of a version; None if it is gone, or values were removed from it.

        Raises:
            LogError: the file is empty. Delta would take it for a commit without events.
        """
        name = f"{TRANSACTION_LOG}/{version:020}.json"
        try:
            content = self.read(name)
        except FileNotFoundError:
            return None
        if not content.strip():
            raise LogError(f"{self.path}/{name} is damaged: it is empty", hint=RESTORE)
        if SCRUBBED in content:
            return None
        return hashlib.sha256(content).hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.folder is not None:
            (self.folder / name).unlink(missing_ok=True)
            return
        with suppress(OSError):
            self._handler().delete_file(name)

    def _handler(self) -> Any:
        """Return what reads files of an object store.

        Its module imports pyarrow, which is slow; logs in local folders do without it.
        """
        from deltalake.fs import DeltaStorageHandler  # noqa: PLC0415

        return DeltaStorageHandler(self.path, None if self.options is None else dict(self.options))
