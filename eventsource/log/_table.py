"""The door to Delta Lake: tables, commits, and the translation of its errors.

Two blind appends to a Delta table both succeed, so dense positions need a guard: every commit carries an
application transaction of the log's own, whose version is the head after it. Of two writers that start from the
same head, the second one's commit fails with a conflict that can be retried.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from eventsource.errors import AppendConflictError, LogError

__all__ = ["Pinned", "Table", "holds_other_things"]

_WRITER: Final = WriterProperties(compression="ZSTD", max_row_group_size=262_144)
_SMALL: Final = 8 * 1024 * 1024
_MANY: Final = 100
_COMPACT: Final = 64 * 1024 * 1024
_COMPACTED: Final = "eventsource:compacted"


class Table:
    """One Delta table of a fixed schema.

    Args:
        path: a folder or an object-store URL.
        schema: its columns.
        options: storage options, as delta-rs takes them.
        append_only: whether the table refuses to be changed or deleted from.
    """

    def __init__(
        self, path: str, schema: pl.Schema, options: Mapping[str, str] | None = None, *, append_only: bool
    ) -> None:
        self.path, self._schema, self._options = path, schema, dict(options or {})
        self._append_only = append_only
        self._table: DeltaTable | None = None

    def open(self) -> DeltaTable | None:
        """Return the table as it is now, or None where there is none yet."""
        with _translated(self.path):
            if self._table is not None:
                self._table.update_incremental()
            elif self.exists():
                self._table = DeltaTable(self.path, storage_options=self._options)
                self._check()
        return self._table

    def exists(self) -> bool:
        """Say whether there is a table."""
        return DeltaTable.is_deltatable(self.path, storage_options=self._options)

    def version(self, app: str) -> int | None:
        """Return the version of an application transaction, as of the last `open`."""
        return None if self._table is None else self._table.transaction_version(app)

    def pinned(self, prefix: str) -> "Pinned":
        """Return the application transactions under a prefix as they are now, whatever is committed later."""
        with _translated(self.path):
            here = DeltaTable(self.path, storage_options=self._options) if self.exists() else None
        return Pinned(here, prefix)

    def append(self, rows: pl.DataFrame, transactions: Mapping[str, int]) -> None:
        """Commit rows and application transactions, all or nothing.

        Raises:
            AppendConflictError: another commit came in between; open again and retry.
            LogError: what the storage says, a full disk for one.
        """
        properties = CommitProperties(
            app_transactions=[Transaction(app, version) for app, version in transactions.items()],
        )
        with _translated(self.path):
            write_deltalake(
                self._made(),
                rows.cast(self._schema).select(self._schema.names()),
                mode="append",
                writer_properties=_WRITER,
                commit_properties=properties,
            )

    def overwrite(self, rows: pl.DataFrame) -> None:
        """Replace all rows; not for an append-only table."""
        with _translated(self.path):
            write_deltalake(self._made(), rows.select(self._schema.names()), mode="overwrite")

    def files(self) -> pl.DataFrame:
        """Return the files of the table as last opened: ``path``, ``size``, ``rows`` and the stats of columns."""
        if self._table is None:
            return pl.DataFrame(schema={"path": pl.String, "size_bytes": pl.Int64, "num_records": pl.Int64})
        return pl.DataFrame(self._table.get_add_actions(flatten=True))

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of some files, in the order of the files."""
        if not files:
            return pl.LazyFrame(schema=self._schema)
        base = self.path.rstrip("/")
        options: Any = self._options or None
        found = pl.scan_parquet([f"{base}/{name}" for name in files], storage_options=options, glob=False)
        return found.cast(self._schema).select(self._schema.names())

    def in_order(self, files: pl.DataFrame, column: str) -> pl.LazyFrame:
        """Return the rows of some files in the order of a column, of which each append wrote greater values.

        Only files that were compacted are sorted: all others hold their rows in order.

        Args:
            files: rows of `files`.
            column: the column, of integers.
        """
        first, last = pl.col(f"min.{column}"), pl.col(f"max.{column}")
        mixed_up = self.version(_COMPACTED) or 0
        apart = (first > last.cum_max().shift()).fill_null(value=True)
        groups = files.sort(first).with_columns(apart.cum_sum().alias("group"), (first < mixed_up).alias("mixed"))
        tidy = groups.filter(~pl.col("mixed"))
        parts = [
            self.scan(group["path"].to_list()).sort(column)
            for group in groups.filter("mixed").partition_by("group", maintain_order=True)
        ]
        return pl.concat([*parts, self.scan(tidy["path"].to_list())])

    def compact(self, column: str) -> bool:
        """Put many small files together, if there are many.

        Delta's compaction mixes up the order of rows, and its commit carries no application transaction: so a
        commit before it says up to which value of ``column`` the files may hold rows in any order.
        """
        files = self.files()
        if self._table is None or files.filter(pl.col("size_bytes") < _SMALL).height < _MANY:
            return False
        upto = int(files[f"max.{column}"].max()) + 1  # type: ignore[arg-type]  # integers
        self.append(pl.DataFrame(schema=self._schema), {_COMPACTED: upto})
        with _translated(self.path):
            self._table.optimize.compact(target_size=_COMPACT, writer_properties=_WRITER)
        return True

    def _made(self) -> DeltaTable:
        """Return the table as last opened; make it where there is none."""
        if self._table is None:
            configuration = {"delta.appendOnly": "true"} if self._append_only else {}
            self._table = DeltaTable.create(
                self.path,
                schema=pl.DataFrame(schema=self._schema).to_arrow().schema,
                mode="ignore",
                configuration=configuration,
                storage_options=self._options,
            )
        return self._table

    def _check(self) -> None:
        if self._table is None:
            return
        names = [field.name for field in self._table.schema().fields]
        if names != self._schema.names():
            raise LogError(f"{self.path} holds another table: its columns are {', '.join(names)}")


class Pinned:
    """Numbers of application transactions at one version of a table."""

    def __init__(self, table: DeltaTable | None, prefix: str) -> None:
        self._table, self._prefix = table, prefix

    def get(self, key: str, /) -> int | None:
        """Return the number under ``prefix + key``, or None."""
        return None if self._table is None else self._table.transaction_version(self._prefix + key)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    """Turn the errors of the storage into those of this package."""
    try:
        yield
    except CommitFailedError as error:
        if "oncurrent" in str(error) or "already exists" in str(error):
            raise AppendConflictError(f"another writer appended to {path} at the same moment") from error
        raise LogError(f"{path}: {error}") from error
    except TableNotFoundError as error:
        raise LogError(f"there is no log at {path}", hint="eventsource pull") from error
    except (DeltaError, OSError) as error:
        raise LogError(f"{path}: {error}", hint=_hint(str(error))) from error


def _hint(message: str) -> str | None:
    known = {
        "No space left": "free some space; nothing was lost, do the same again",
        "File too large": "raise the limit on file sizes; nothing was lost, do the same again",
        "Permission denied": "the folder must be writable",
        "Checksum": "the log was damaged outside of this package; restore it",
    }
    return next((hint for text, hint in known.items() if text in message), None)


def holds_other_things(path: str) -> bool:
    """Say whether a local folder exists and holds something that is no log."""
    folder = Path(path)
    return "://" not in path and folder.is_dir() and any(folder.iterdir()) and not (folder / "events").is_dir()
