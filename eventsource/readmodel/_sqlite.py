"""SQLite: one file, one writer at a time, readers that never wait (write-ahead log)."""

import contextlib
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from eventsource.errors import ReadModelBusyError, ReadModelError
from eventsource.readmodel._columns import Dialect
from eventsource.readmodel._database import LOCK_TIMEOUT, Database

__all__ = ["Sqlite"]


class Sqlite(Database):
    """An SQLite file.

    Args:
        url: ``sqlite:///path``.

    Raises:
        ReadModelError: the URL names no file; a database in memory would end with its connection.
    """

    dialect: ClassVar[Dialect] = "sqlite"
    driver_errors = sqlite3.Error

    def __init__(self, url: sa.URL) -> None:
        if url.database in (None, "", ":memory:"):
            raise ReadModelError(
                f"expected the URL of a file, got {url.render_as_string()}", hint="sqlite:///customers.db"
            )
        super().__init__(url)
        sa.event.listen(self.engine, "connect", _set_up)
        sa.event.listen(self.engine, "begin", _begin)

    @property
    def exists(self) -> bool:
        """Whether the file exists."""
        return self._path is None or self._path.exists()

    @property
    def _path(self) -> Path | None:
        """The file; None for a URI filename, which only SQLite itself can read."""
        (name,), options = self.engine.dialect.create_connect_args(self.url)
        return None if options.get("uri") else Path(name)

    def check_names(self, tables: list[str], columns: list[str]) -> None:
        """Check that no name is empty, and that columns differ in more than upper and lower case."""
        for name in tables:
            if name.lower().startswith("sqlite_"):
                raise ReadModelError(
                    f"{name!r} cannot be a table in SQLite: names that begin with sqlite_ are its own",
                    hint="choose another table name",
                )
        for name in (*tables, *columns):
            if not name or "\0" in name:
                raise ReadModelError(
                    f"{name!r} cannot be a name in SQLite: expected a text that is not empty and has no NUL",
                    hint="rename the field or the table",
                )
        seen: dict[str, str] = {}
        for name in columns:
            if other := seen.get(name.lower()):
                raise ReadModelError(
                    f"SQLite ignores case and cannot tell the columns {other!r} and {name!r} apart",
                    hint="rename one of the fields",
                )
            seen[name.lower()] = name

    def insert(self, table: sa.Table) -> Any:
        """Return SQLite's INSERT."""
        return sqlite.insert(table)

    def stored_text(self, value: str) -> str:
        """Return the text itself."""
        return value

    def prepare(self, connection: sa.Connection) -> None:
        """Switch the file to a write-ahead log: without it, readers fail while a large transaction runs."""
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - the connection is open
        driver.execute("PRAGMA journal_mode=WAL")

    def _opened_for_writing(self) -> sa.Connection:
        """Return a new connection. A new file is readable by its owner only; SQLite's other files follow it."""
        if self._path is not None:
            with contextlib.suppress(OSError):  # it exists; or it cannot be created, and SQLite says why
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return super()._opened_for_writing()

    def forget_dropped_rows(self) -> None:
        """Write the file again without free pages, and empty its write-ahead log."""
        with self._own_errors(), self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - the connection is open
            driver.execute("VACUUM")
            if driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise ReadModelBusyError(
                    f"{self.name}: another process reads the database; its write-ahead log may have erased values",
                    hint="refresh with --rebuild when no other process reads it",
                )

    def _options(self) -> Mapping[str, Any]:
        return {"connect_args": {"timeout": LOCK_TIMEOUT}}

    @contextlib.contextmanager
    def _exclusive(self, connection: sa.Connection, name: str) -> Iterator[sa.Connection]:  # noqa: ARG002 - the file has one lock
        own = connection.execution_options(begin_with="BEGIN IMMEDIATE")
        with own.begin():
            yield own

    @contextlib.contextmanager
    def _consistent(self, connection: sa.Connection) -> Iterator[sa.Connection]:
        with connection.begin():
            yield connection

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
        quote = connection.dialect.identifier_preparer
        names = ", ".join(quote.quote_identifier(name) for name in rows.columns)
        marks = ", ".join("?" for _ in rows.columns)
        columns = [_cells(column) for column in rows]
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - the connection is open
        statement = f"INSERT INTO {quote.format_table(table)} ({names}) VALUES ({marks})"  # noqa: S608 - quoted
        driver.executemany(statement, zip(*columns, strict=True))

    def _is_outage(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.OperationalError) and _code(error) != sqlite3.SQLITE_ERROR

    def _obstacle(self, error: BaseException) -> tuple[str, str | None]:
        """Return why SQLite cannot open or write its file, or the files that it writes next to it."""
        if self._path is None or _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            return "", None
        folder = self._path.parent
        if not folder.is_dir():
            return f"the folder {folder} does not exist", f"mkdir -p {folder}"
        locked = [path for path in (folder, self._path) if path.exists() and not _is_writable(path)]
        return (f"{locked[0]} is not writable" if locked else ""), None

    def _is_busy(self, error: BaseException) -> bool:
        return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _set_up(driver: Any, _record: Any) -> None:
    """Set up a connection: no automatic commits, and views that survive when their table is replaced.

    With a write-ahead log a commit need not wait for the disk. A power cut may lose the last commits, but rows and
    position together, and the next refresh writes them again.
    """
    driver.isolation_level = None
    driver.execute("PRAGMA legacy_alter_table=ON")
    driver.execute("PRAGMA temp_store=MEMORY")
    driver.execute("PRAGMA cache_size=-65536")  # KiB; a refresh then reads no page twice
    if driver.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        driver.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin_with", "BEGIN"))


def _code(error: BaseException) -> int:
    """Return the primary result code of an error of the driver; 0, which no error has, if it has none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _cells(column: pl.Series) -> list[Any]:
    """Return values for the driver; NaN becomes a text, since SQLite stores NaN as NULL."""
    values = column.to_list()
    if not column.dtype.is_float() or not column.is_nan().any():
        return values
    return ["NaN" if value is not None and math.isnan(value) else value for value in values]
