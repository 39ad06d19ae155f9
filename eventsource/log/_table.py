"""The only access to Delta Lake: tables and commits with optimistic concurrency.

Two blind appends to a Delta table both succeed. So every commit of this package carries an application transaction
that all writers of the table use. Of two writers that started from the same version, the second one's commit fails
with a conflict. It refreshes the table and tries again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any, Final, TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.transaction import AddAction, RemoveAction

from eventsource.errors import AppendConflictError, LogError
from eventsource.log._storage import Storage
from eventsource.log._storage_errors import CommitConflictError, translate_errors
from eventsource.log._version import TableVersion
from eventsource.retry import retry

__all__ = ["Table", "retry_conflicts"]

T = TypeVar("T")

_ROW_GROUP: Final = 262_144  # rows that a scan skips or reads together
_WRITER: Final = WriterProperties(compression="ZSTD", max_row_group_size=_ROW_GROUP)
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
        self._delta: DeltaTable | None = None
        self.version = TableVersion(self._storage, schema, None, self._lock)
        """The version that was read last."""

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

    def write_file(self, name: str, rows: pl.LazyFrame) -> int:
        """Write rows into a file of the table's folder. It belongs to the table only after `replace_files`.

        Returns:
            Its size in bytes.
        """
        with translate_errors(self.path):
            rows.sink_parquet(
                f"{self.path}/{name}",
                compression="zstd",
                row_group_size=_ROW_GROUP,
                maintain_order=True,
                storage_options=self.options,
            )
            return self._storage.size(name)

    def append(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows and application transactions, all or nothing; ``rows`` may be empty.

        Raises:
            CommitConflictError: another commit carried one of these transactions since the last refresh.
            LogError: the storage fails, for example because the disk is full.
        """
        self._write(rows, "append", transactions)

    def overwrite(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows in place of all rows; for errors see `append`."""
        self._write(rows, "overwrite", transactions)

    def replace_files(
        self, removed: pl.DataFrame, added: Sequence[AddAction], transactions: Mapping[str, int]
    ) -> None:
        """Commit other files with the same rows; for errors see `append`.

        Args:
            removed: some rows of `files`.
            added: files that `write_file` wrote.
            transactions: see `append`.
        """
        now = int(time.time() * 1000)
        removals = [
            RemoveAction(path, data_change=False, deletion_timestamp=now, size=size, partition_values={})
            for path, size in removed.select("path", "size_bytes").iter_rows()
        ]
        delta = self._open_or_create()
        with translate_errors(self.path):
            delta.create_write_transaction(
                [*added, *removals], "append", delta.schema(), commit_properties=_properties(transactions)
            )

    def _write(self, rows: pl.DataFrame, mode: Any, transactions: Mapping[str, int]) -> None:
        delta = self._open_or_create()
        with translate_errors(self.path):
            write_deltalake(
                delta,
                rows.match_to_schema(self.schema),
                mode=mode,
                writer_properties=_WRITER,
                commit_properties=_properties(transactions),
            )

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


def retry_conflicts(attempt: Callable[[], T], path: str) -> T:
    """Call ``attempt`` until it meets no conflict. It must begin by refreshing what it is based on.

    Raises:
        AppendConflictError: every attempt met a conflict; it is safe to try again.
    """
    try:
        return retry(attempt, on=CommitConflictError, attempts=_ATTEMPTS, first=0.01, longest=0.64)
    except CommitConflictError as error:
        raise AppendConflictError(
            f"{path}: other writers committed first, {_ATTEMPTS} times in a row; nothing was lost",
            hint="do the same again",
        ) from error


def _properties(transactions: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, number) for app, number in transactions.items()])


def _check_schema(path: str, delta: DeltaTable, schema: pl.Schema) -> None:
    found = pl.Schema(delta.schema().to_arrow())
    if found != schema:
        columns = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
        expected = ", ".join(schema)
        raise LogError(f"{path}: expected a table of {expected}, got {columns}", hint="name another folder")
