"""The store in SQLite: one file with a write-ahead log; one writer at a time, readers that never wait."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from eventsource.errors import StoreError
from eventsource.store._database import Database, Expected, Position, Presence, condition_of
from eventsource.store._events import NewEvent
from eventsource.store._schema import SQLITE, statements

__all__ = ["Sqlite"]

_LOCK_TIMEOUT: Final = 60
_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_COLUMNS: Final = "(stream, version, event_id, type, occurred_at, recorded_at, data, metadata)"
_INSERT_ONE: Final = """
INSERT INTO {table} {columns}
SELECT ?, version + 1, ?, ?, ?, ?, ?, ?
FROM (SELECT coalesce(max(version), 0) AS version FROM {table} WHERE stream = ?)
WHERE {condition}
RETURNING version
"""


class Sqlite(Database):
    """An SQLite file.

    Raises:
        StoreError: the URL names no file.
    """

    schema: ClassVar[str] = SQLITE
    appends_at_once: ClassVar[int | None] = 1

    def __init__(self, url: sa.URL, table: str) -> None:
        if url.database in (None, "", ":memory:"):
            raise StoreError(f"expected the URL of a file, got {url.render_as_string()}", hint="sqlite:///shop.db")
        self._path = Path(str(url.database))
        super().__init__(url, table)
        self._insert_many = f"INSERT INTO {table} {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - `table` is an identifier

    def _create_engine(self, url: sa.URL) -> sa.Engine:
        engine = sa.create_engine(url, connect_args={"timeout": _LOCK_TIMEOUT})
        sa.event.listen(engine, "connect", _set_up)
        return engine

    def exists(self, connection: sa.Connection) -> bool:
        """Return whether the table exists."""
        found = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return connection.exec_driver_sql(found, (self.about,)).first() is not None

    def create(self, connection: sa.Connection) -> None:
        """Create what does not exist."""
        for statement in statements(self.schema, self.table):
            connection.exec_driver_sql(statement)

    def identity(self, connection: sa.Connection) -> str:
        """Return the id of the store."""
        return str(connection.exec_driver_sql(f"SELECT id FROM {self.about}").scalar_one())  # noqa: S608 - likewise

    @contextlib.contextmanager
    def writing(self, *, is_single: bool) -> Iterator[sa.Connection]:
        """Open a write transaction; one statement commits by itself. A new file is readable by its owner only."""
        if not self._path.exists():
            with contextlib.suppress(OSError):  # it exists by now; or it cannot be created, and SQLite says why
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with self.own_errors(), self.engine.connect() as connection:
            if is_single:
                yield connection
                return
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that only reads; a file that does not exist is not created."""
        if not self._path.exists():
            raise FileNotFoundError(self._path)
        with super().reading() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def insert(
        self, connection: sa.Connection, stream: str, events: Sequence[NewEvent], expected: Expected
    ) -> int | None:
        """Insert events: one with one statement, several in the exclusive transaction of the connection."""
        now = _text(datetime.now(UTC))
        if len(events) == 1:
            return self._append_one(connection, stream, events[0], expected, now)
        last = f"SELECT coalesce(max(version), 0) FROM {self.table} WHERE stream = ?"  # noqa: S608 - likewise
        version = int(connection.exec_driver_sql(last, (stream,)).scalar_one())
        if not _is_met(expected, version):
            return None
        connection.exec_driver_sql(
            self._insert_many,
            [
                (stream, number, each.event_id, each.type, _text(each.occurred_at), now, each.data, each.metadata)
                for number, each in enumerate(events, version + 1)
            ],
        )
        return version + len(events)

    def _append_one(
        self, connection: sa.Connection, stream: str, event: NewEvent, expected: Expected, now: str
    ) -> int | None:
        own = (event.event_id, event.type, _text(event.occurred_at), now, event.data, event.metadata)
        given = (stream, *own, stream, *([expected] if isinstance(expected, int) else []))
        query = _INSERT_ONE.format(table=self.table, columns=_COLUMNS, condition=condition_of(expected, "?"))
        versions = connection.exec_driver_sql(query, given).scalars().all()
        return versions[0] if versions else None

    def horizon(self, connection: sa.Connection) -> int:  # noqa: ARG002 - one writer: nothing is ever in flight
        """Return 1: all events have transaction 0."""
        return 1

    def page(self, connection: sa.Connection, after: Position, horizon: int, limit: int) -> Sequence[Any]:  # noqa: ARG002 - see `horizon`
        """Return rows after a position."""
        rows = f"SELECT {self.columns}, 0 FROM {self.table} WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608 - likewise
        return connection.exec_driver_sql(rows, (after[1], limit)).all()

    def instant(self, value: Any) -> datetime:
        """Return a stored time."""
        return datetime.strptime(value, _FORMAT).replace(tzinfo=UTC)

    def is_taken(self, error: sa.exc.DBAPIError) -> bool:
        """Return whether a unique constraint is violated."""
        return "UNIQUE constraint failed" in str(error.orig)


def _is_met(expected: Expected, version: int) -> bool:
    if isinstance(expected, Presence):
        return (version == 0) is (expected is Presence.NO_STREAM)
    return expected in (None, version)


def _text(at: datetime) -> str:
    """Return a time with a year of four digits, which `strftime` does not write for years before 1000."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _set_up(connection: Any, _record: object) -> None:
    """Leave transactions to this module, and wait for the disk at every commit."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
