"""SQLite: one file, one writer at a time, readers that never wait (write-ahead log)."""

import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from eventsource.errors import ReadModelError
from eventsource.readmodel._columns import Dialect
from eventsource.readmodel._database import PATIENCE, Database

__all__ = ["Sqlite"]


class Sqlite(Database):
    """An SQLite file.

    Args:
        url: ``sqlite:///path``.

    Raises:
        ReadModelError: no file is named: what is in memory is gone with its connection.
    """

    dialect: ClassVar[Dialect] = "sqlite"
    failures = sqlite3.Error

    def __init__(self, url: sa.URL) -> None:
        if url.database in (None, "", ":memory:"):
            raise ReadModelError(f"{url} names no file", hint="sqlite:///customers.db")
        super().__init__(url)
        sa.event.listen(self.engine, "connect", _set_up)
        sa.event.listen(self.engine, "begin", _begin)

    @property
    def is_there(self) -> bool:
        """Whether there is a file."""
        return self._path is None or self._path.exists()

    @property
    def _path(self) -> Path | None:
        """The file; None where it is named by a URI of SQLite's own."""
        (name,), options = self.engine.dialect.create_connect_args(self.url)
        return None if options.get("uri") else Path(name)

    def check(self, names: list[str], columns: list[str]) -> None:
        """See that names are not empty, and that columns differ in more than upper and lower case."""
        for name in (*names, *columns):
            if not name or "\0" in name:
                raise ReadModelError(f"{name!r} cannot be a name in SQLite", hint="rename the field or the table")
        taken: dict[str, str] = {}
        for name in columns:
            if other := taken.get(name.lower()):
                raise ReadModelError(f"SQLite cannot tell the columns {other!r} and {name!r} apart")
            taken[name.lower()] = name

    def check_entities(self, entities: pl.Series) -> None:
        """Take any id."""

    def insert(self, table: sa.Table) -> Any:
        """Return SQLite's INSERT."""
        return sqlite.insert(table)

    def text(self, value: str | None) -> str | None:
        """Return the text itself."""
        return value

    def prepare(self, connection: sa.Connection) -> None:
        """Switch the file to a write-ahead log: without one, readers fail while a large transaction runs."""
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - the connection is open
        driver.execute("PRAGMA journal_mode=WAL")

    def _options(self) -> Mapping[str, Any]:
        return {"connect_args": {"timeout": PATIENCE}}

    @contextmanager
    def _alone(self, connection: sa.Connection, name: str) -> Iterator[sa.Connection]:  # noqa: ARG002 - the file has one lock
        alone = connection.execution_options(begin_with="BEGIN IMMEDIATE")
        with alone.begin():
            yield alone

    def _at_rest(self, connection: sa.Connection) -> AbstractContextManager[Any]:
        return _begun(connection)

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
        """Return what keeps SQLite from its file, and from those that it writes beside it."""
        if self._path is None or _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            return "", None
        folder = self._path.parent
        if not folder.is_dir():
            return f"there is no folder {folder}", f"mkdir -p {folder}"
        locked = [path for path in (folder, self._path) if path.exists() and not _is_writable(path)]
        return (f"{locked[0]} is not writable" if locked else ""), None

    def _is_busy(self, error: BaseException) -> bool:
        return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def _begun(connection: sa.Connection) -> Iterator[sa.Connection]:
    with connection.begin():
        yield connection


def _set_up(driver: Any, _record: Any) -> None:
    """Leave transactions to us, and views to their texts: a view goes on when its table is replaced.

    Beside a write-ahead log a commit need not wait for the disk: what a power cut takes back, rows and position
    together, the next refresh does again.
    """
    driver.isolation_level = None
    driver.execute("PRAGMA legacy_alter_table=ON")
    driver.execute("PRAGMA temp_store=MEMORY")
    driver.execute("PRAGMA cache_size=-65536")  # KiB: the pages of a refresh need not be read twice
    if driver.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        driver.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin_with", "BEGIN"))


def _code(error: BaseException) -> int:
    """Return the primary result code of an error of the driver; 0, which is none: it has no code."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _cells(column: pl.Series) -> list[Any]:
    """Return values for the driver, which would store NaN as NULL."""
    values = column.to_list()
    if not column.dtype.is_float() or not column.is_nan().any():
        return values
    return ["NaN" if value is not None and math.isnan(value) else value for value in values]
