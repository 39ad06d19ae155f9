"""What the store asks of a database; SQLite and PostgreSQL each answer in their own way."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Final, TypeAlias

import sqlalchemy as sa

from eventsource.database_urls import CONNECTION_HINTS, database_url, shown_url
from eventsource.errors import FrameError, StoreError
from eventsource.redaction import harmless_cause
from eventsource.store._events import NewEvent, StoredEvent

__all__ = [
    "Database",
    "DisconnectedError",
    "Expected",
    "Position",
    "Presence",
    "TakenError",
    "check_expected",
    "condition_of",
    "database_at",
]


class Presence(Enum):
    """What an append expects of a stream whose version it does not know."""

    NO_STREAM = "no event"
    EXISTS = "at least one event"


Expected: TypeAlias = int | Presence | None
"""The version that a stream must have, whether it must have events, or None: any."""

Position: TypeAlias = tuple[int, int]
"""Where an event is in the order of all: its transaction (0 on SQLite), and its position."""


_CONDITIONS: Final = {
    None: "true",
    Presence.NO_STREAM: "version = 0",
    Presence.EXISTS: "version > 0",
}


def check_expected(expected: Any) -> None:
    """Raise a `FrameError` if a value is not an expected version; a text of digits or a boolean is not."""
    if isinstance(expected, bool) or not isinstance(expected, int | Presence | None):
        raise FrameError(
            f"expected_version: expected an integer, NO_STREAM, EXISTS or None, got {expected!r}",
            hint="the version of the last event that was read",
        )


def condition_of(expected: Expected, parameter: str) -> str:
    """Return the condition of SQL that the version of a stream meets an expectation.

    Args:
        expected: the expectation.
        parameter: how the statement names the parameter that holds an expected version.
    """
    return f"version = {parameter}" if isinstance(expected, int) else _CONDITIONS[expected]


class TakenError(Exception):
    """A version or an event_id that an append would insert is there already."""


class DisconnectedError(StoreError):
    """The connection was lost: whether a commit was done is unknown."""


class Database(ABC):
    """The database of a store.

    Args:
        url: its URL.
        table: the name of the table.
    """

    schema: ClassVar[str]
    columns: ClassVar[str] = "stream, version, event_id, type, occurred_at, recorded_at, position, data, metadata"
    appends_at_once: ClassVar[int | None] = None
    """How many events of a stream one statement can append; None: any number."""

    def __init__(self, url: sa.URL, table: str) -> None:
        self.table, self.about = table, f"{table}_store"
        self.name = shown_url(url)
        self.engine = self._create_engine(url)

    @abstractmethod
    def _create_engine(self, url: sa.URL) -> sa.Engine:
        """Return the engine, whose connections are pooled."""

    @abstractmethod
    def exists(self, connection: sa.Connection) -> bool:
        """Return whether the table exists."""

    @abstractmethod
    def create(self, connection: sa.Connection) -> None:
        """Create what does not exist, in the transaction of a connection."""

    @abstractmethod
    def identity(self, connection: sa.Connection) -> str:
        """Return which store this is; a restored copy in another cluster is another one."""

    @abstractmethod
    def writing(self, *, is_single: bool) -> Any:
        """Return a context with a connection that commits at its end.

        Args:
            is_single: whether one statement will be executed, which then needs no transaction of its own.
        """

    @abstractmethod
    def insert(
        self, connection: sa.Connection, stream: str, events: Sequence[NewEvent], expected: Expected
    ) -> int | None:
        """Insert events; return the version of the last one, or None if the expectation is not met.

        Raises:
            TakenError: another writer was faster, or an event_id is there already.
        """

    @abstractmethod
    def horizon(self, connection: sa.Connection) -> int:
        """Return the transaction below which no event can become visible any more."""

    @abstractmethod
    def page(self, connection: sa.Connection, after: Position, horizon: int, limit: int) -> Sequence[Any]:
        """Return rows of `columns` and the transaction, after a position, in the order of all."""

    @abstractmethod
    def instant(self, value: Any) -> datetime:
        """Return a stored time in UTC."""

    @abstractmethod
    def is_taken(self, error: sa.exc.DBAPIError) -> bool:
        """Return whether an error means that another attempt may find other versions."""

    def event(self, row: Any, checkpoint: str | None = None) -> StoredEvent:
        """Return a row of `columns` as an event."""
        stream, version, event_id, kind, occurred_at, recorded_at, position, data, metadata, *_ = row
        times = self.instant(occurred_at), self.instant(recorded_at)
        return StoredEvent(stream, version, event_id, kind, *times, position, data, metadata, checkpoint)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that only reads."""
        with self.own_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def own_errors(self) -> Iterator[None]:
        """Raise the errors of SQLAlchemy as errors of this package."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            if self.is_taken(error):
                raise TakenError from error
            kind = DisconnectedError if error.connection_invalidated else StoreError
            raise self._translate(error.orig or error, kind) from harmless_cause(error)
        except sa.exc.SQLAlchemyError as error:
            raise self._translate(error) from harmless_cause(error)

    def _translate(self, error: BaseException, kind: type[StoreError] = StoreError) -> StoreError:
        text = str(error).strip()
        return kind(f"{self.name}: {text}", hint=_hint(text))


def _hint(text: str) -> str:
    """Return what helps against an error of a database."""
    found = next((hint for words, hint in (*_HINTS, *CONNECTION_HINTS) if words in text), None)
    return found or "check the URL and that the server is running, then try again"


_HINTS: Final = (
    ("does not exist", "check the name in the URL; a database is created with createdb NAME"),
    ("permission denied", "grant the user SELECT (and INSERT, to append) on the tables of the store"),
    ("events are only appended", "append an event that says what has changed"),
    ("unable to open database file", "check the path; a folder must exist"),
    ("readonly", "append with a user who may write to the database"),
)


def database_at(url: str, table: str) -> Database:
    """Return the database that a URL names.

    Raises:
        StoreError: the text is not a URL, or not one of SQLite or PostgreSQL, or its driver cannot be imported.
    """
    from eventsource.store._sqlite import Sqlite  # noqa: PLC0415 - the dialects import this module

    if not table.isidentifier() or not table.isascii() or table.lower() != table:
        raise StoreError(
            f"expected the name of a table in lower case letters, digits and _, got {table!r}",
            hint='table="events"',
        )
    found = database_url(url, error=StoreError)
    if found.drivername == "sqlite":
        return Sqlite(found, table)
    if found.drivername != "postgresql+psycopg":
        raise StoreError(
            f"expected a URL of SQLite or PostgreSQL, got one of {found.drivername}",
            hint="sqlite:///shop.db or postgresql://user@host/database",
        )
    try:
        from eventsource.store._postgresql import Postgresql  # noqa: PLC0415 - psycopg is an extra
    except ImportError as error:
        raise StoreError(
            f"psycopg cannot be imported: {error}", hint='pip install "eventsource-workbench[postgresql]"'
        ) from error
    return Postgresql(found, table)
