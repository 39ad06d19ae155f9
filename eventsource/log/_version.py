"""One version of a Delta table, which never changes: threads share it while other versions are committed.

A handle of delta-rs moves: another thread that refreshes the table takes it to a later version in the middle of a
question. So what a question needs is read from a `TableVersion`, which notices that, and opens the version again::

    thread 1   refresh → version 7                     files of 7      head of 7
    thread 2                        refresh → version 8
    handle              7                      8        7 is opened again
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

import polars as pl
from deltalake import DeltaTable

from eventsource.errors import LogError
from eventsource.log._damage import check_names, check_sizes, damaged_commit, undecodable_file
from eventsource.log._data_files import name_of
from eventsource.log._storage import Storage
from eventsource.log._storage_errors import translate_errors
from eventsource.log._transactions import all_transactions

__all__ = ["TableVersion"]

_CLEANED_UP: Final = "-"
"""Replaces the digest in a mark if Delta has cleaned up the commit file."""
_NO_FILES: Final = {"path": pl.String, "size_bytes": pl.Int64, "num_records": pl.Int64}


class TableVersion:
    """A version of a table.

    Args:
        storage: where the table is.
        schema: its columns.
        delta: a handle at this version, which may move on later; None: the table does not exist.
        lock: held while the handle is used.
    """

    def __init__(self, storage: Storage, schema: pl.Schema, delta: DeltaTable | None, lock: RLock) -> None:
        self._storage, self._schema, self._delta, self._lock = storage, schema, delta, lock
        self._files: pl.DataFrame | None = None
        self._transactions: dict[str, int | None] = {}
        self._all_transactions: dict[str, int] | None = None
        self.number = -1 if delta is None else delta.version()
        self.identity = "" if delta is None else str(delta.metadata().id)
        """The unique id of the table; empty if it does not exist."""
        self.digest = None if delta is None else storage.commit_digest(self.number)
        """The digest of the commit; None if Delta has cleaned it up."""

    def __bool__(self) -> bool:
        """Whether the table exists."""
        return self._delta is not None

    @property
    def mark(self) -> str:
        """Identity, number and digest of the commit; empty if there are no commits."""
        return f"{self.identity} {self.number} {self.digest or _CLEANED_UP}" if self else ""

    def contains(self, mark: str) -> bool | None:
        """Return whether this version contains the commit of a mark; None if it cannot be decided."""
        if mark == self.mark or not mark:
            return True if mark else None
        identity, number, digest = _parsed(mark)
        if identity != self.identity or not 0 <= number <= self.number:
            return False
        with translate_errors(self.path):
            now = self._storage.commit_digest(number)
        return None if _CLEANED_UP in (now or _CLEANED_UP, digest) else now == digest

    def transaction_version(self, app: str) -> int | None:
        """Return the version of an application transaction; None if no commit carried it."""
        with self._lock, translate_errors(self.path):
            if app not in self._transactions and self._delta is not None:
                self._transactions[app] = self._handle().transaction_version(app)
            return self._transactions.get(app)

    def transaction_versions(self) -> Mapping[str, int] | None:
        """Return all application transactions at once, by name; None if they can be looked up one by one only."""
        with self._lock, translate_errors(self.path):
            if self._all_transactions is None and self._delta is not None:
                self._all_transactions = all_transactions(self._storage, self.number)
            return self._all_transactions

    def files(self) -> pl.DataFrame:
        """Return the files: ``path``, ``size_bytes``, ``num_records``, and ``min.*``, ``max.*`` of columns."""
        with self._lock, translate_errors(self.path):
            if self._files is None:
                is_empty = self._delta is None
                actions: Any = [] if is_empty else self._handle().get_add_actions(flatten=True)
                self._files = pl.DataFrame(actions, schema=_NO_FILES if is_empty else None)
            return self._files

    def names(self) -> set[str]:
        """Return the names of its files."""
        return {name_of(path) for path in self.files()["path"]}

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of some files, in the order of the files.

        Raises:
            LogError: a file is missing, or has another size than its commit says.
        """
        if not files:
            return pl.LazyFrame(schema=self._schema)
        check_names(self.path, files)
        if self._storage.folder is not None:
            check_sizes(self._storage.folder, self.files().filter(pl.col("path").is_in(list(files))))
        paths, options = [f"{self.path}/{name}" for name in files], self._storage.options
        return pl.scan_parquet(paths, schema=self._schema, storage_options=_dict(options), glob=False)

    @property
    def path(self) -> str:
        """The folder or URL of the table."""
        return self._storage.path

    def fault(self) -> str | None:
        """Return what is wrong with the commits of a local table; None: nothing is found."""
        return None if self._storage.folder is None else damaged_commit(self._storage.folder)

    def open(self, name: str) -> Any:
        """Open a file of the table for reading."""
        return self._storage.open(name)

    def first_damage(self) -> LogError | None:
        """Return the error for the first file that cannot be decoded, after reading all; None: there is none.

        Files of object stores are not read: their stores have checksums.
        """
        folder = self._storage.folder
        return None if folder is None else undecodable_file(folder, self.files()["path"].to_list(), self._schema)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raise an error of Polars as that of the damaged file which caused it.

        Polars panics on some flipped bits, with an error that is not an `Exception`.

        Raises:
            LogError: a file of the table is damaged.
        """
        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            if (damage := self.first_damage()) is not None:
                raise damage from error
            raise

    def _handle(self) -> DeltaTable:
        """Return a handle at this version; the caller holds the lock."""
        assert self._delta is not None  # noqa: S101 - the callers ask for it first
        if self._delta.version() != self.number:
            options = _dict(self._storage.options)
            self._delta = DeltaTable(self.path, version=self.number, storage_options=options)
        return self._delta


def _parsed(mark: str) -> tuple[str, int, str]:
    """Return the parts of a mark; a text of another form belongs to no table."""
    parts = mark.split(" ")
    is_mark = len(parts) in (3, 4) and parts[1].isdecimal()  # the fourth part is that of `Log.mark`
    return (parts[0], int(parts[1]), parts[2]) if is_mark else ("", -1, "")


def _dict(options: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if options is None else dict(options)
