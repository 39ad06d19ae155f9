"""Our own store, in SQLite and PostgreSQL."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import psycopg

from eventsource.store import NO_STREAM, EventStore
from eventsource.store.cassandra import CassandraStore
from tests.chaos.appends import Append
from tests.chaos.compare import Row
from tests.chaos.systems import System
from tests.services.postgresql import Server

__all__ = ["Postgresql", "Sqlite", "StoreAppender"]

_COLUMNS = "SELECT event_id, stream, version, type, data{} FROM events ORDER BY "


class _Database(System):
    order: Literal["all", "stream"] = "all"

    @staticmethod
    def appender(where: str, _writer: int) -> "StoreAppender":
        """Return what a writer appends with."""
        return StoreAppender(EventStore(where))


class Sqlite(_Database):
    """A file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.db"
        self.where = f"sqlite:///{self._path}"
        _create(self.where)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the table."""
        connection = sqlite3.connect(self._path)
        yield from connection.execute(_COLUMNS.format("") + "position")
        connection.close()


class Postgresql(_Database):
    """A server, whose open transactions end when it is restarted."""

    def __init__(self, folder: Path) -> None:  # noqa: ARG002 - the server has a folder of its own
        self.server = self._postgresql = Server()
        self.where = self._postgresql.database()
        _create(self.where)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the table, in the order of their transactions."""
        with (
            psycopg.connect(self.where.replace("+psycopg", "")) as connection,
            connection.cursor(name="rows") as cursor,
        ):
            cursor.itersize = 10_000
            yield from cursor.execute(_COLUMNS.format("::text") + "transaction, position")

    def close(self) -> None:
        """Stop the server, and remove its data."""
        self._postgresql.remove()


def _create(where: str) -> None:
    store = EventStore(where)
    store.init()
    store.close()


class StoreAppender:
    """Appends to a store of ours, whichever database it is in."""

    def __init__(self, store: EventStore | CassandraStore) -> None:
        self._store = store

    def __call__(self, append: Append) -> None:
        """Append the events, with the version that the stream must have."""
        self._store.append(append.stream, _members(append), NO_STREAM if append.version == 0 else append.version)

    def flush(self) -> None:
        """Close the connections: nothing waits."""
        self._store.close()


def _members(append: Append) -> list[dict[str, Any]]:
    """Return the events of an append as a store takes them."""
    return [
        {
            "event_id": event.event_id,
            "type": event.type,
            "occurred_at": event.occurred_at,
            "data": json.loads(event.data),
        }
        for event in append.events
    ]
