"""An SQL database: its transactions, bulk loads and errors. SQLite and PostgreSQL each fill in their own way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from eventsource.database_urls import database_url, shown_url
from eventsource.errors import DatabaseError, ReadModelBusyError, ReadModelError
from eventsource.readmodel._columns import Dialect, encode
from eventsource.redaction import harmless_cause

__all__ = ["LOCK_TIMEOUT", "Database", "database_at"]

LOCK_TIMEOUT: Final = 60
"""Seconds to wait for another process that writes the same tables."""

_ROWS_PER_LOAD: Final = 50_000
_URLS: Final = "sqlite:///customers.db or postgresql+psycopg://user@host/database"


class Database(ABC):
    """One SQL database.

    Every transaction opens a connection of its own, so that the restart of a server only fails the transactions
    that run at that moment.

    Args:
        url: the database's URL.
    """

    dialect: ClassVar[Dialect]
    driver_errors: ClassVar[type[Exception]]

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=NullPool, **self._options())

    @property
    def name(self) -> str:
        """The URL, without passwords."""
        return shown_url(self.url)

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; False for a file that the first write will create."""
        return True

    @contextmanager
    def write_transaction(self, name: str) -> Iterator[sa.Connection]:
        """Open an exclusive write transaction: one at a time per ``name``.

        Raises:
            ReadModelBusyError: another process held the lock for longer than `LOCK_TIMEOUT`.
            DatabaseError: the database does not answer.
            ReadModelError: the database refuses a statement.
        """
        with (
            self._own_errors(),
            self._opened_for_writing() as connection,
            self._exclusive(connection, name) as own,
        ):
            yield own

    @contextmanager
    def read_transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees one state of the database; for errors see `write_transaction`."""
        with self._own_errors(), self.engine.connect() as connection, self._consistent(connection) as own:
            yield own

    def load(
        self,
        connection: sa.Connection,
        table: sa.Table,
        frame: pl.DataFrame,
        on_rows: Callable[[int], object] | None = None,
    ) -> None:
        """Insert the rows of a frame in bulk, in slices; ``on_rows`` is called with the size of each."""
        for part in frame.iter_slices(_ROWS_PER_LOAD):
            self._insert(connection, table, encode(part, self.dialect))
            if on_rows is not None:
                on_rows(part.height)

    @abstractmethod
    def check_names(self, tables: list[str], columns: list[str]) -> None:
        """Check that tables and columns can have these names.

        Raises:
            ReadModelError: one of them cannot.
        """

    @abstractmethod
    def insert(self, table: sa.Table) -> Any:
        """Return the dialect's INSERT, which has ON CONFLICT."""

    @abstractmethod
    def stored_text(self, value: str) -> str:
        """Return a text as the database stores it."""

    def stored_ids(self, entities: pl.Series) -> pl.Series:
        """Return the ids of entities as the database stores them."""
        return entities

    def original_text(self, stored: str) -> str:
        """Return the text that `stored_text` turned into a stored one."""
        return stored

    def escaped_ids(self, connection: sa.Connection, table: sa.Table) -> list[str]:  # noqa: ARG002 - a dialect may have none
        """Return the ids in a table that are stored in an escaped form."""
        return []

    def index_escaped_ids(self, connection: sa.Connection, table: sa.Table, name: str) -> None:  # noqa: B027 - likewise
        """Create an index of the ids that `escaped_ids` looks for."""

    def prepare(self, connection: sa.Connection) -> None:  # noqa: B027 - a dialect may have nothing to do
        """Set up the database, outside of a transaction, before the first table is created."""

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:  # noqa: B027 - likewise
        """Collect the statistics of a table for the query planner."""

    def copy_privileges(self, connection: sa.Connection, new: sa.Table, old: str) -> None:  # noqa: B027 - likewise
        """Grant on a new table what is granted on the table that it replaces."""

    def _opened_for_writing(self) -> sa.Connection:
        """Return a new connection; where the database is a file, create it first."""
        return self.engine.connect()

    def forget_dropped_rows(self) -> None:  # noqa: B027 - likewise
        """Remove what dropped tables and deleted rows have left in the files of the database.

        Raises:
            ReadModelBusyError: another process reads the database.
        """

    @abstractmethod
    def _options(self) -> Mapping[str, Any]:
        """Return arguments of `sqlalchemy.create_engine`."""

    @abstractmethod
    def _exclusive(self, connection: sa.Connection, name: str) -> AbstractContextManager[sa.Connection]:
        """Return the context of `write_transaction`."""

    @abstractmethod
    def _consistent(self, connection: sa.Connection) -> AbstractContextManager[sa.Connection]:
        """Return the context of `read_transaction`."""

    @abstractmethod
    def _insert(self, connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
        """Insert encoded rows."""

    @abstractmethod
    def _is_busy(self, error: BaseException) -> bool:
        """Return whether an error means that another process holds a lock."""

    @abstractmethod
    def _is_outage(self, error: BaseException) -> bool:
        """Return whether an error is temporary, such as a server that is down: a retry may succeed."""

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Raise the errors of SQLAlchemy and of the driver as errors of this package."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, self.driver_errors) as error:
            raise self._translate(error) from harmless_cause(error)

    def _translate(self, error: Exception) -> ReadModelError:
        cause = getattr(error, "orig", None) or error
        reason = f"{self.name}: {str(cause).strip()}"
        if self._is_busy(cause):
            return ReadModelBusyError(reason, hint="another process is writing these tables: try again")
        kind = DatabaseError if self._is_outage(cause) else ReadModelError
        obstacle, hint = self._obstacle(cause)
        return kind(f"{reason}: {obstacle}" if obstacle else reason, hint=hint)

    def _obstacle(self, error: BaseException) -> tuple[str, str | None]:  # noqa: ARG002 - a dialect may know
        """Return what an error of the driver leaves out, and a hint; an empty text if it says everything."""
        return "", None


def database_at(url: str) -> Database:
    """Return the database that a URL names.

    Raises:
        ReadModelError: the text is not a URL, or not one of SQLite or PostgreSQL.
    """
    from eventsource.readmodel._sqlite import Sqlite  # noqa: PLC0415 - the dialects import this module

    found = database_url(url, error=ReadModelError, examples=_URLS)
    if found.drivername == "sqlite":
        return Sqlite(found)
    if found.drivername == "postgresql+psycopg":
        return _postgresql(found)
    raise ReadModelError(f"expected a URL of SQLite or PostgreSQL, got one of {found.drivername}", hint=_URLS)


def _postgresql(url: sa.URL) -> Database:
    try:
        from eventsource.readmodel._postgresql import Postgresql  # noqa: PLC0415 - psycopg is an extra
    except ImportError as error:
        raise ReadModelError(
            f"psycopg cannot be imported: {error}", hint='pip install "eventsource-workbench[postgresql]"'
        ) from error
    return Postgresql(url)
