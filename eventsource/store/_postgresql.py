"""The store in PostgreSQL: an append is one statement, and readers never see an event before an earlier one.

A transaction that began earlier may commit later. So the order of all is (transaction, position), and only events
of transactions below the *horizon* are read: the oldest transaction that still runs (``pg_snapshot_xmin``)::

    transaction  position  committed      horizon 1226: read 1224:3 and 1225:4
    1224         3         yes            1226 is still open; 1227 waits for it, although it is visible
    1225         4         yes
    1226         5         no
    1227         6         yes
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import psycopg
import sqlalchemy as sa

from eventsource.errors import StoreError
from eventsource.store._database import Database, Expected, Position, condition_of
from eventsource.store._events import NewEvent
from eventsource.store._schema import POSTGRESQL, statements

__all__ = ["Postgresql"]

_INSERT: Final = """
INSERT INTO {table} (stream, version, event_id, type, occurred_at, data, metadata)
SELECT %(stream)s, base.version + new.number, new.event_id, new.type, new.occurred_at, new.data::json,
       new.metadata::json
FROM (SELECT coalesce(max(version), 0) AS version FROM {table} WHERE stream = %(stream)s) AS base,
     unnest(%(ids)s::text[], %(types)s::text[], %(times)s::timestamptz[], %(data)s::text[], %(metadata)s::text[])
         WITH ORDINALITY AS new(event_id, type, occurred_at, data, metadata, number)
WHERE {condition}
ORDER BY new.number
RETURNING version
"""
_ONCE: Final = int.from_bytes(b"eventsrc", "big")
"""The key of the advisory lock under which the schema is created."""


class Postgresql(Database):
    """A PostgreSQL database."""

    schema: ClassVar[str] = POSTGRESQL
    columns: ClassVar[str] = (
        "stream, version, event_id, type, occurred_at, recorded_at, position, data::text, metadata::text"
    )

    def _create_engine(self, url: sa.URL) -> sa.Engine:
        return sa.create_engine(url, pool_pre_ping=False, pool_recycle=3600)

    def exists(self, connection: sa.Connection) -> bool:
        """Return whether the table exists in the search path."""
        found: bool = connection.exec_driver_sql("SELECT to_regclass(%s) IS NOT NULL", (self.about,)).scalar_one()
        return found

    def create(self, connection: sa.Connection) -> None:
        """Create what does not exist, one process at a time; adopt a table that another cluster has written."""
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_ONCE,))
        for statement in statements(self.schema, self.table):
            connection.exec_driver_sql(statement)
        if not self._is_at_home(connection):
            self._adopt(connection)

    def identity(self, connection: sa.Connection) -> str:
        """Return the id of the store and that of its cluster."""
        if not self._is_at_home(connection):
            raise StoreError(
                f"{self.name}: the table {self.table} was restored from another server, whose transaction numbers "
                "mean nothing here",
                hint=f"while no program writes to it: eventsource store init {self.name}",
            )
        return str(connection.exec_driver_sql(f"SELECT id || '@' || cluster FROM {self.about}").scalar_one())  # noqa: S608 - an identifier

    def _is_at_home(self, connection: sa.Connection) -> bool:
        is_here = f"SELECT cluster = (SELECT system_identifier::text FROM pg_control_system()) FROM {self.about}"  # noqa: S608 - likewise
        return bool(connection.exec_driver_sql(is_here).scalar_one())

    def _adopt(self, connection: sa.Connection) -> None:
        """Give all events of another cluster the transaction 0: they are older than everything from now on."""
        for statement in (
            "LOCK TABLE {table} IN EXCLUSIVE MODE",
            "ALTER TABLE {table} DISABLE TRIGGER {table}_append_only",
            "UPDATE {table} SET transaction = '0'",
            "ALTER TABLE {table} ENABLE TRIGGER {table}_append_only",
            "UPDATE {about} SET cluster = (SELECT system_identifier::text FROM pg_control_system())",
        ):
            connection.exec_driver_sql(statement.format(table=self.table, about=self.about))

    @contextmanager
    def writing(self, *, is_single: bool) -> Iterator[sa.Connection]:
        """Open a transaction; one statement commits by itself, in one round trip."""
        with self.own_errors(), self.engine.connect() as connection:
            if is_single:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
                return
            with connection.begin():
                yield connection

    def insert(
        self, connection: sa.Connection, stream: str, events: Sequence[NewEvent], expected: Expected
    ) -> int | None:
        """Insert events with one statement."""
        condition = condition_of(expected, "%(expected)s")
        found = connection.exec_driver_sql(
            _INSERT.format(table=self.table, condition=condition),
            {
                "stream": stream,
                "expected": expected if isinstance(expected, int) else None,
                "ids": [each.event_id for each in events],
                "types": [each.type for each in events],
                "times": [each.occurred_at for each in events],
                "data": [each.data for each in events],
                "metadata": [each.metadata for each in events],
            },
        )
        versions = found.scalars().all()
        return max(versions) if versions else None

    def horizon(self, connection: sa.Connection) -> int:
        """Return the oldest transaction that still runs; no event of it or of a later one may be read yet."""
        return int(connection.exec_driver_sql("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").scalar_one())

    def page(self, connection: sa.Connection, after: Position, horizon: int, limit: int) -> Sequence[Any]:
        """Return rows after a position, below the horizon."""
        rows = (
            f"SELECT {self.columns}, transaction::text FROM {self.table} "  # noqa: S608 - an identifier
            "WHERE (transaction, position) > (%(transaction)s::xid8, %(position)s) "
            "AND transaction < %(end)s::xid8 ORDER BY transaction, position LIMIT %(limit)s"
        )
        given = {"transaction": str(after[0]), "position": after[1], "end": str(horizon), "limit": limit}
        return connection.exec_driver_sql(rows, given).all()

    def instant(self, value: Any) -> datetime:
        """Return a stored time in UTC; psycopg gives it in the zone of the session."""
        at: datetime = value.astimezone(UTC)
        return at

    def is_taken(self, error: sa.exc.DBAPIError) -> bool:
        """Return whether a unique constraint is violated, or another transaction was faster."""
        return isinstance(
            error.orig,
            psycopg.errors.UniqueViolation | psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure,
        )
