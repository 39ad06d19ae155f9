"""The door to Delta Lake: tables, commits, and the translation of what the storage complains about.

Two blind appends to a Delta table both succeed. So every commit of this package carries an application
transaction, the table's *guard*: of two writers that started from the same version the second one's commit fails
with a conflict, and it starts again from the newer version.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from eventsource.errors import AppendConflictError, LogError
from eventsource.retry import retry

__all__ = ["OvertakenError", "Table", "retried", "translated"]

T = TypeVar("T")

_ROW_GROUP: Final = 262_144  # what a scan skips or reads as one
_WRITER: Final = WriterProperties(compression="ZSTD", max_row_group_size=_ROW_GROUP)
_ATTEMPTS: Final = 20
_CLEANED: Final = "-"

_OVERTAKEN: Final = (
    "Concurrent transaction failed",
    "already exists",
    "Protocol changed since last commit",  # both made the table
    "Metadata changed since last commit",
)

_HINTS: Final = {
    "No space left": "free some space and do the same again: nothing was lost",
    "File too large": "raise the limit on the size of files and do the same again: nothing was lost",
    "Permission denied": "the folder must be writable",
    "Read-only file system": "the folder must be writable",
    "append-only": "a log only grows",
    "NoSuchBucket": "make the bucket first",
    "Access Denied": "check the keys in storage_options",
    "InvalidAccessKeyId": "check the keys in storage_options",
}


class OvertakenError(AppendConflictError):
    """Another commit came in between: what this one was based on is no longer so."""


class Table:
    """One Delta table of a fixed schema, seen at one version until it is refreshed.

    Args:
        path: an absolute folder or an object-store URL.
        schema: its columns.
        options: storage options, as delta-rs takes them.
        properties: Delta table properties, for when it is made.
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
        self._seen: tuple[int, str | None] | None = None
        self._files: tuple[int, pl.DataFrame] | None = None
        self._numbers: dict[tuple[int, str], int | None] = {}

    def refresh(self) -> bool:
        """Look at the newest version; return whether there is a table at all.

        Raises:
            LogError: what the storage says; or the table was put back since, and has gone another way.
        """
        with translated(self.path):
            if self._delta is not None:
                self._check_same()
                self._delta.update_incremental()
            elif DeltaTable.is_deltatable(self.path, storage_options=self.options):
                delta = DeltaTable(self.path, storage_options=self.options)
                _check(self.path, delta, self.schema)
                self._delta = delta
            self._see()
        return self._delta is not None

    def number(self, app: str) -> int | None:
        """Return the version of an application transaction."""
        if self._delta is None:
            return None
        asked = self._delta.version(), app
        if asked not in self._numbers:
            with translated(self.path):
                self._numbers = {asked: self._delta.transaction_version(app)}
        return self._numbers[asked]

    def identity(self) -> str:
        """Return what tells this table from any other that ever stood at its path; empty where there is none."""
        return "" if self._delta is None else str(self._delta.metadata().id)

    def mark(self) -> str:
        """Return the version last seen and what tells it from any other of that number; empty: there is none."""
        return "" if self._seen is None else f"{self.identity()} {self._seen[0]} {self._seen[1] or _CLEANED}"

    def knows(self, mark: str) -> bool | None:
        """Say whether the table, as last seen, goes on from one that had a mark; None: nothing tells any more."""
        if mark == self.mark() or not mark:
            return True if mark else None
        identity, version, digest = mark.split(" ")
        if identity != self.identity() or self._seen is None or int(version) > self._seen[0]:
            return False
        there = self._digest(int(version))
        return None if _CLEANED in (there or _CLEANED, digest) else there == digest

    def files(self) -> pl.DataFrame:
        """Return the files: ``path``, ``size_bytes``, ``num_records``, and ``min.*``, ``max.*`` of columns."""
        if self._delta is None:
            return pl.DataFrame(schema={"path": pl.String, "size_bytes": pl.Int64, "num_records": pl.Int64})
        version = self._delta.version()
        if self._files is None or self._files[0] != version:
            with translated(self.path):
                self._files = version, pl.DataFrame(self._delta.get_add_actions(flatten=True))
        return self._files[1]

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of some files, in the order of the files."""
        if not files:
            return pl.LazyFrame(schema=self.schema)
        paths = [f"{self.path}/{name}" for name in files]
        return pl.scan_parquet(paths, schema=self.schema, storage_options=self.options, glob=False)

    def store(self, name: str, rows: pl.LazyFrame) -> int:
        """Write rows into a file of the table's folder; it is no part of the table before a `swap` says so.

        Returns:
            Its size in bytes.
        """
        with translated(self.path):
            rows.sink_parquet(
                f"{self.path}/{name}",
                compression="zstd",
                row_group_size=_ROW_GROUP,
                maintain_order=True,
                storage_options=self.options,
            )
            return int(DeltaStorageHandler(self.path, self.options).get_file_info([name])[0].size)

    def append(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows and application transactions, all or nothing; no rows are fine.

        Raises:
            OvertakenError: another commit carried one of these transactions since the last refresh.
            LogError: what the storage says, such as a full disk.
        """
        self._write(rows, "append", transactions)

    def replace(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows in place of all there were; errors as of `append`."""
        self._write(rows, "overwrite", transactions)

    def swap(self, removed: pl.DataFrame, added: Sequence[AddAction], transactions: Mapping[str, int]) -> None:
        """Commit other files with the same rows; errors as of `append`.

        Args:
            removed: some rows of `files`.
            added: files that stand in the table's folder already.
            transactions: as of `append`.
        """
        now = int(time.time() * 1000)
        gone = [
            RemoveAction(path, data_change=False, deletion_timestamp=now, size=size, partition_values={})
            for path, size in removed.select("path", "size_bytes").iter_rows()
        ]
        delta = self._made()
        with translated(self.path):
            delta.create_write_transaction(
                [*added, *gone], "append", delta.schema(), commit_properties=_properties(transactions)
            )

    def _write(self, rows: pl.DataFrame, mode: Any, transactions: Mapping[str, int]) -> None:
        delta = self._made()
        with translated(self.path):
            write_deltalake(
                delta,
                rows.match_to_schema(self.schema),
                mode=mode,
                writer_properties=_WRITER,
                commit_properties=_properties(transactions),
            )

    def _check_same(self) -> None:
        """See that the version last seen is the one that has its number now."""
        if self._seen is not None and self._digest(self._seen[0]) not in (None, self._seen[1]):
            raise LogError(
                f"{self.path} was put back and has gone another way since it was opened", hint="open it again"
            )

    def _see(self) -> None:
        """Keep in mind which version is looked at."""
        if self._delta is not None and (self._seen is None or self._seen[0] != self._delta.version()):
            self._seen = self._delta.version(), self._digest(self._delta.version())

    def _digest(self, version: int) -> str | None:
        """Return the digest of the commit that made a version; None: Delta cleaned it up, or there is none."""
        with translated(self.path):
            handler = DeltaStorageHandler(self.path, self.options)
            try:
                with handler.open_input_file(f"_delta_log/{version:020}.json") as commit:
                    return hashlib.sha256(commit.read()).hexdigest()
            except FileNotFoundError:
                return None

    def _made(self) -> DeltaTable:
        """Return the table at the version last seen; make it where there is none.

        Raises:
            OvertakenError: another writer made it just now, and may have committed what was not seen yet.
        """
        if self._delta is None:
            with translated(self.path):
                self._delta = DeltaTable.create(
                    self.path,
                    schema=pl.DataFrame(schema=self.schema).to_arrow().schema,
                    mode="ignore",
                    configuration=self._properties,
                    storage_options=self.options,
                )
            if self._delta.version() > 0:
                raise OvertakenError(f"another writer made {self.path} at the same moment")
        return self._delta


def retried(attempt: Callable[[], T], path: str) -> T:
    """Call ``attempt`` until no other writer overtakes it; it must begin by refreshing what it is based on.

    Raises:
        AppendConflictError: others were faster every time; safe to try again.
    """
    try:
        return retry(attempt, on=OvertakenError, attempts=_ATTEMPTS, first=0.01, longest=0.64)
    except OvertakenError as error:
        raise AppendConflictError(
            f"{path}: other writers were faster {_ATTEMPTS} times in a row; nothing was lost",
            hint="do the same again",
        ) from error


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the errors of the storage into those of this package."""
    try:
        yield
    except TableNotFoundError as error:
        raise LogError(f"there is no log at {path}", hint="eventsource init, then eventsource pull") from error
    except (DeltaError, OSError, pl.exceptions.ComputeError) as error:
        if isinstance(error, LogError):
            raise
        text = str(error)
        if any(words in text for words in _OVERTAKEN):
            raise OvertakenError(f"another writer appended to {path} at the same moment") from error
        hint = next((hint for words, hint in _HINTS.items() if words.lower() in text.lower()), None)
        raise LogError(f"{path}: {text}", hint=hint) from error


def _properties(transactions: Mapping[str, int]) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(app, number) for app, number in transactions.items()])


def _check(path: str, delta: DeltaTable, schema: pl.Schema) -> None:
    found = pl.Schema(delta.schema().to_arrow())
    if found != schema:
        columns = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
        raise LogError(f"{path} is a table of something else: {columns}", hint="name another folder")
