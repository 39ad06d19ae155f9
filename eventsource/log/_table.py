"""The only access to Delta Lake: tables and commits with optimistic concurrency.

Two blind appends to a Delta table both succeed. So every commit of this package carries an application transaction
that all writers of the table use. Of two writers that started from the same version, the second one's commit fails
with a conflict. It refreshes the table and tries again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Final, TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from eventsource.errors import AppendConflictError, LogError
from eventsource.log._damage import is_inside
from eventsource.log._data_files import DataFiles, name_of
from eventsource.log._storage import Storage
from eventsource.log._storage_errors import CommitConflictError, translate_errors
from eventsource.log._turns import turn
from eventsource.log._version import TableVersion
from eventsource.retry import retry

__all__ = ["Table", "retry_conflicts"]

T = TypeVar("T")

_FILE_BYTES: Final = 512 * 1024 * 1024  # in memory; a larger frame becomes several files
_STATISTICS: Final = "delta.dataSkippingStatsColumns"
_ATTEMPTS: Final = 20


class Table:
    """One Delta table of a fixed schema, and the version of it that was read last.

    Several threads may refresh one object. Only one at a time may write: see `eventsource.log._writer`.

    Args:
        path: an absolute folder or an object-store URL.
        schema: its columns.
        options: storage options, as delta-rs takes them.
        properties: Delta table properties, for when the table is created.
    """

    def __init__(
        self,
        path: str,
        schema: pl.Schema,
        options: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self.schema, self.options = path, schema, dict(options) if options else None
        self._properties = dict(properties or {})
        self._storage, self._lock = Storage(path, self.options), RLock()
        self.data = DataFiles(self._storage, self.statistics)
        self._delta: DeltaTable | None = None
        self.version = TableVersion(self._storage, schema, None, self._lock)
        """The version that was read last."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """The columns whose least and greatest values Delta's files have; others could be personal."""
        return tuple(name for name in self._properties.get(_STATISTICS, "").split(",") if name)

    def refresh(self) -> TableVersion:
        """Return the newest version; it is false if the table does not exist.

        Raises:
            LogError: the storage fails; or the table was restored from a backup and has diverged.
        """
        with self._lock, translate_errors(self.path):
            if self._delta is not None:
                self._check_still_contains()
                self._delta.update_incremental()
            elif DeltaTable.is_deltatable(self.path, storage_options=self.options):
                delta = DeltaTable(self.path, storage_options=self.options)
                _check_schema(self.path, delta, self.schema)
                self._delta = delta
            if self._delta is not None and self._delta.version() != self.version.number:
                self.version = TableVersion(self._storage, self.schema, self._delta, self._lock)
            return self.version

    def append(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows and application transactions, all or nothing; ``rows`` may be empty.

        Raises:
            CommitConflictError: another commit carried one of these transactions since the last refresh.
            LogError: the storage fails, for example because the disk is full.
        """
        size = max(rows.height * _FILE_BYTES // max(int(rows.estimated_size()), 1), 1)
        self._open_or_create()
        added = [
            self.data.write("part", part, data_change=True)
            for part in rows.match_to_schema(self.schema).iter_slices(size)
            if part.height
        ]
        self._commit([], added, transactions)

    def overwrite(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows in place of all rows; for errors see `append`."""
        self._open_or_create()
        written = rows.match_to_schema(self.schema)
        added = [self.data.write("part", written, data_change=True)] if rows.height else []
        self._commit(_removals(self.version.files(), data_change=True), added, transactions)

    def replace_files(
        self,
        removed: pl.DataFrame,
        added: Sequence[AddAction],
        transactions: Mapping[str, int],
        *,
        keep: bool = False,
    ) -> None:
        """Commit other files with the same rows; for errors see `append`.

        Args:
            removed: some rows of `TableVersion.files`.
            added: files that `DataFiles.write` wrote.
            transactions: see `append`.
            keep: whether the added files stay after a conflict, for another attempt.
        """
        self._commit(_removals(removed, data_change=False), added, transactions, keep=keep)

    def fence(self, transactions: Mapping[str, int]) -> None:
        """Commit nothing but application transactions, so that every commit that has begun conflicts with it."""
        self._commit([], [], transactions)

    def unneeded_for(self, hours: int) -> set[str]:
        """Return the Parquet files that no version has needed for some hours, as far as it is known.

        Those that a commit removed count from then on; those that no commit names from when they were written. A
        commit may name files elsewhere, and Delta follows links: only files of the table's own folder count.
        """
        with self._lock, translate_errors(self.path):
            found = self._open_or_create().vacuum(hours, enforce_retention_duration=False, full=True)
        named = {name for path in found if path.endswith(".parquet") and is_inside(name := name_of(path))}
        return named if self._storage.folder is None else named & set(self.data.names())

    def create_checkpoint(self) -> None:
        """Write Delta's checkpoint of the version last seen, so that no reader needs an older one."""
        with translate_errors(self.path):
            self._open_or_create().create_checkpoint()

    def turn(self) -> AbstractContextManager[None]:
        """Wait for the turn to write this table, among the writers of the same file system."""
        return turn(self._storage.folder)

    def _commit(
        self,
        removed: Sequence[RemoveAction],
        added: Sequence[AddAction],
        transactions: Mapping[str, int],
        *,
        keep: bool = False,
    ) -> None:
        """Commit. After a conflict the files that were to be added are removed, unless they are to be kept.

        On an object store they stay in any case. A store may report a conflict with the very commit that it has
        taken.
        """
        delta = self._open_or_create()
        try:
            with translate_errors(self.path):
                delta.create_write_transaction(
                    [*added, *removed], "append", delta.schema(), commit_properties=_properties(transactions)
                )
        except CommitConflictError:
            for action in added if self._storage.folder is not None and not keep else ():
                self._storage.remove(action.path)
            raise

    def _check_still_contains(self) -> None:
        """Check that the version last seen is still the version of that number."""
        seen = self.version
        if seen and self._storage.commit_digest(seen.number) not in (None, seen.digest):
            raise LogError(
                f"{self.path} was restored from a backup and has diverged since it was opened",
                hint="open it again: es.Log(path)",
            )

    def _open_or_create(self) -> DeltaTable:
        """Return the table at the version last seen; create it if it does not exist.

        Raises:
            CommitConflictError: another writer created it just now, and may have committed since.
        """
        if self._delta is None:
            with translate_errors(self.path):
                self._delta = DeltaTable.create(
                    self.path,
                    schema=pl.DataFrame(schema=self.schema).to_arrow().schema,
                    mode="ignore",
                    configuration=self._properties,
                    storage_options=self.options,
                )
            if self._delta.version() > 0:
                raise CommitConflictError(f"another writer created {self.path} at the same moment")
        return self._delta


def retry_conflicts(attempt: Callable[[], T], table: Table) -> T:
    """Call ``attempt``, which writes a table, until it meets no conflict, in a turn of its own.

    It must begin by refreshing what it is based on.

    Raises:
        AppendConflictError: every attempt met a conflict; it is safe to try again.
    """
    try:
        with table.turn():
            return retry(attempt, on=CommitConflictError, attempts=_ATTEMPTS, first=0.01, longest=0.64)
    except CommitConflictError as error:
        raise AppendConflictError(
            f"{table.path}: other writers committed first, {_ATTEMPTS} times in a row; nothing was lost",
            hint="do the same again",
        ) from error


def _removals(files: pl.DataFrame, *, data_change: bool) -> list[RemoveAction]:
    now = int(time.time() * 1000)
    return [
        RemoveAction(path, data_change=data_change, deletion_timestamp=now, size=size, partition_values={})
        for path, size in files.select("path", "size_bytes").iter_rows()
    ]


def _properties(transactions: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, number) for app, number in transactions.items()])


def _check_schema(path: str, delta: DeltaTable, schema: pl.Schema) -> None:
    found = pl.Schema(delta.schema().to_arrow())
    if found != schema:
        columns = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
        expected = ", ".join(schema)
        raise LogError(f"{path}: expected a table of {expected}, got {columns}", hint="name another folder")
