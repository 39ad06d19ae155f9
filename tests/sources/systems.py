"""Systems for the suites: our own store and a plain table, in SQLite and PostgreSQL."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import sqlalchemy as sa

from eventsource.store import EventStore
from eventsource.testing import Facts
from tests.services.postgresql import Server

ALL = ("event_id", "stream", "version", "type", "occurred_at", "data")


class OwnStore:
    """A store of `EventStore`."""

    batch = "batch"
    compared = ALL

    def __init__(self, url: str, server: Server | None = None) -> None:
        self.where, self.options, self._server = url, dict[str, Any](), server
        self.order: Literal["all", "stream"] = "all" if url.startswith("sqlite") else "stream"
        self.store = EventStore(url)
        self.store.init()

    def append(self, events: Sequence[Facts]) -> None:
        """Append events one by one, as their streams alternate."""
        for event in events:
            new = {"event_id": event.event_id, "type": event.type, "occurred_at": event.occurred_at}
            self.store.append(event.stream, [{**new, "data": dict(event.data)}], event.version - 1)

    def stop(self) -> None:
        """Stop the server."""
        assert self._server is not None
        self._server.stop()

    def start(self) -> None:
        """Start it again."""
        assert self._server is not None
        self._server.start()

    def hold(self) -> "HeldRows":
        """Begin a transaction."""
        return HeldRows(
            self.where,
            "INSERT INTO events (event_id, stream, version, type, occurred_at, data) "
            "VALUES (:event_id, :stream, :version, :type, :occurred_at, CAST(:data AS json))",
            "INSERT INTO events (position, event_id, stream, version, type, occurred_at, data) "
            "OVERRIDING SYSTEM VALUE "
            "VALUES (:position, :event_id, :stream, :version, :type, :occurred_at, CAST(:data AS json))",
            "pg_get_serial_sequence('events', 'position')",
        )

    def close(self) -> None:
        """Close its connections, and end what a failed test has left open."""
        HeldRows.end_all()
        self.store.close()


class Table:
    """A table of an application, which is read by a mapping."""

    batch = "batch"
    compared = ALL

    def __init__(self, url: str, server: Server | None = None) -> None:
        self.where, self._server = url, server
        self.order: Literal["all", "stream"] = "all" if url.startswith("sqlite") else "stream"
        self.options: dict[str, Any] = {
            "table": "audit",
            "position": "seq",
            "event_id": "id",
            "stream": "who",
            "type": "what",
            "occurred_at": "at",
            "version": "number",
            "data": "body",
        }
        self.engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        is_sqlite = url.startswith("sqlite")
        key, time = ("INTEGER PRIMARY KEY", "TEXT") if is_sqlite else ("bigserial PRIMARY KEY", "timestamptz")
        with self.engine.begin() as connection:
            columns = f"seq {key}, id text, who text, what text, at {time}, number bigint, body text"
            connection.exec_driver_sql(f"CREATE TABLE audit ({columns})")

    def append(self, events: Sequence[Facts]) -> None:
        """Insert rows."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(_INSERT), [_row(event, is_text=self.order == "all") for event in events])

    def stop(self) -> None:
        """Stop the server."""
        assert self._server is not None
        self._server.stop()

    def start(self) -> None:
        """Start it again."""
        assert self._server is not None
        self._server.start()

    def hold(self) -> "HeldRows":
        """Begin a transaction."""
        with_position = _INSERT.replace("(id,", "(seq, id,").replace("(:event_id", "(:position, :event_id")
        return HeldRows(self.where, _INSERT, with_position, "'audit_seq_seq'")

    def close(self) -> None:
        """End what a failed test has left open."""
        HeldRows.end_all()


_INSERT = (
    "INSERT INTO audit (id, who, what, at, number, body) "
    "VALUES (:event_id, :stream, :type, :occurred_at, :version, :data)"
)


class HeldRows:
    """A transaction of PostgreSQL that a test holds open.

    Args:
        url: the database.
        insert: the statement that inserts a row.
        with_position: the same with a position that was drawn before.
        sequence: the expression that names the sequence of positions.
    """

    _open: ClassVar[list[sa.Connection]] = []

    @classmethod
    def end_all(cls) -> None:
        """Close all connections that are open: an open transaction would hold back events of other tests."""
        while cls._open:
            cls._open.pop().close()

    def __init__(self, url: str, insert: str, with_position: str, sequence: str) -> None:
        self._insert, self._with_position, self._sequence = insert, with_position, sequence
        self._engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        self._connection = self._engine.connect()
        self._open.append(self._connection)
        self._transaction = self._connection.begin()
        self._drawn: int | None = None

    def begin(self) -> None:
        """Get a transaction number."""
        self._connection.exec_driver_sql("SELECT pg_current_xact_id()")

    def draw(self) -> None:
        """Draw a position."""
        found = self._connection.exec_driver_sql(f"SELECT nextval({self._sequence})")
        self._drawn = int(found.scalar_one())

    def append(self, events: Sequence[Facts]) -> None:
        """Insert rows."""
        for event in events:
            row = _row(event, is_text=False)
            if self._drawn is None:
                self._connection.execute(sa.text(self._insert), row)
            else:
                self._connection.execute(sa.text(self._with_position), {**row, "position": self._drawn})
                self._drawn = None

    def commit(self) -> None:
        """Commit, and close the connection."""
        self._transaction.commit()
        self._connection.close()

    def rollback(self) -> None:
        """Roll back, and close the connection."""
        self._transaction.rollback()
        self._connection.close()


def _row(event: Facts, *, is_text: bool) -> dict[str, Any]:
    at = event.occurred_at.isoformat() if is_text else event.occurred_at
    return {**vars(event), "occurred_at": at, "data": json.dumps(dict(event.data))}
