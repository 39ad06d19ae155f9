"""The only access to Delta Lake: tables and commits with optimistic concurrency.

Two blind appends to a Delta table both succeed. So every commit of this package carries an application transaction
that all writers of the table use. Of two writers that started from the same version, the second one's commit fails
with a conflict. It refreshes the table and tries again.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.transaction import AddAction, RemoveAction

from eventsource.errors import AppendConflictError, LogError
from eventsource.log._storage_errors import CommitConflictError, translate_errors
from eventsource.retry import retry

__all__ = ["Table", "retry_conflicts"]

T = TypeVar("T")

_ROW_GROUP: Final = 262_144  # rows that a scan skips or reads together
_WRITER: Final = WriterProperties(compression="ZSTD", max_row_group_size=_ROW_GROUP)
_ATTEMPTS: Final = 20
_CLEANED_UP: Final = "-"
"""Replaces the digest in a mark if Delta has cleaned up the commit file."""


class Table:
    """One Delta table of a fixed schema. It shows one version until `refresh`.

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
        self._delta: DeltaTable | None = None
        self._newest: tuple[int, str | None] | None = None  # the version last seen, and the digest of its commit
        self._files: tuple[int, pl.DataFrame] | None = None
        self._transactions: dict[tuple[int, str], int | None] = {}

    def refresh(self) -> bool:
        """Go to the newest version; return whether the table exists.

        Raises:
            LogError: the storage fails; or the table was restored from a backup and has diverged.
        """
        with translate_errors(self.path):
            if self._delta is not None:
                self._check_still_contains()
                self._delta.update_incremental()
            elif DeltaTable.is_deltatable(self.path, storage_options=self.options):
                delta = DeltaTable(self.path, storage_options=self.options)
                _check_schema(self.path, delta, self.schema)
                self._delta = delta
            self._remember_newest()
        return self._delta is not None

    def transaction_version(self, app: str) -> int | None:
        """Return the version of an application transaction; None if no commit carried it."""
        if self._delta is None:
            return None
        key = self._delta.version(), app
        if key not in self._transactions:
            with translate_errors(self.path):
                self._transactions = {key: self._delta.transaction_version(app)}
        return self._transactions[key]

    def identity(self) -> str:
        """Return the unique id of this table; empty if it does not exist."""
        return "" if self._delta is None else str(self._delta.metadata().id)

    def mark(self) -> str:
        """Return identity, number and digest of the commit last seen; empty if there are no commits."""
        if self._newest is None:
            return ""
        return f"{self.identity()} {self._newest[0]} {self._newest[1] or _CLEANED_UP}"

    def contains(self, mark: str) -> bool | None:
        """Return whether the table, as last seen, contains the commit of a mark; None if it cannot be decided."""
        if mark == self.mark() or not mark:
            return True if mark else None
        identity, version, digest = mark.split(" ")
        if identity != self.identity() or self._newest is None or int(version) > self._newest[0]:
            return False
        now = self._commit_digest(int(version))
        return None if _CLEANED_UP in (now or _CLEANED_UP, digest) else now == digest

    def files(self) -> pl.DataFrame:
        """Return the files: ``path``, ``size_bytes``, ``num_records``, and ``min.*``, ``max.*`` of columns."""
        if self._delta is None:
            return pl.DataFrame(schema={"path": pl.String, "size_bytes": pl.Int64, "num_records": pl.Int64})
        version = self._delta.version()
        if self._files is None or self._files[0] != version:
            with translate_errors(self.path):
                self._files = version, pl.DataFrame(self._delta.get_add_actions(flatten=True))
        return self._files[1]

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of some files, in the order of the files."""
        if not files:
            return pl.LazyFrame(schema=self.schema)
        paths = [f"{self.path}/{name}" for name in files]
        return pl.scan_parquet(paths, schema=self.schema, storage_options=self.options, glob=False)

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
            return self._file_size(name)

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
        if self._newest is not None and self._commit_digest(self._newest[0]) not in (None, self._newest[1]):
            raise LogError(
                f"{self.path} was restored from a backup and has diverged since it was opened",
                hint="open it again: es.Log(path)",
            )

    def _remember_newest(self) -> None:
        if self._delta is not None and (self._newest is None or self._newest[0] != self._delta.version()):
            self._newest = self._delta.version(), self._commit_digest(self._delta.version())

    def _commit_digest(self, version: int) -> str | None:
        """Return the digest of the commit file of a version; None if it does not exist (any more)."""
        with translate_errors(self.path):
            try:
                return hashlib.sha256(self._read_file(f"_delta_log/{version:020}.json")).hexdigest()
            except FileNotFoundError:
                return None

    def _read_file(self, name: str) -> bytes:
        """Return the content of a file in the table's folder."""
        if "://" not in self.path:
            return Path(self.path, name).read_bytes()
        with _storage(self.path, self.options).open_input_file(name) as file:
            return bytes(file.read())

    def _file_size(self, name: str) -> int:
        """Return the size in bytes of a file in the table's folder."""
        if "://" not in self.path:
            return Path(self.path, name).stat().st_size
        return int(_storage(self.path, self.options).get_file_info([name])[0].size)

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


def _storage(path: str, options: dict[str, str] | None) -> Any:
    """Return a handler of the files below an object-store URL.

    Its module imports pyarrow, which is slow; logs in local folders do without it.
    """
    from deltalake.fs import DeltaStorageHandler  # noqa: PLC0415

    return DeltaStorageHandler(path, options)


def _properties(transactions: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, number) for app, number in transactions.items()])


def _check_schema(path: str, delta: DeltaTable, schema: pl.Schema) -> None:
    found = pl.Schema(delta.schema().to_arrow())
    if found != schema:
        columns = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
        expected = ", ".join(schema)
        raise LogError(f"{path}: expected a table of {expected}, got {columns}", hint="name another folder")
