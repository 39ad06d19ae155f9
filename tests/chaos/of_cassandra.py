"""Our own tables in Cassandra."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cassandra.cluster import Cluster

from eventsource.store.cassandra import CassandraStore
from tests.chaos.compare import Row
from tests.chaos.of_stores import StoreAppender
from tests.chaos.systems import System
from tests.services.cassandra import Cassandra

__all__ = ["Tables"]

_KEYSPACE: Final = "chaos"


class Tables(System):
    """A keyspace, on a node of its own."""

    settle = 11.0
    options: Mapping[str, Any] = {"delay": 10.0}

    def __init__(self, folder: Path) -> None:
        self.server = self._node = Cassandra(folder)
        self._node.start()
        cluster = self._cluster()
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        cluster.connect().execute(f"CREATE KEYSPACE {_KEYSPACE} WITH replication = {replication}")
        cluster.shutdown()
        self.where = f"cassandra://{self._node.address}/{_KEYSPACE}"
        with CassandraStore(self.where) as store:
            store.init()

    @staticmethod
    def appender(where: str, _writer: int) -> StoreAppender:
        """Return what a writer appends with."""
        return StoreAppender(CassandraStore(where))

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the table, by stream and version."""
        cluster = self._cluster()
        found = cluster.connect(_KEYSPACE).execute("SELECT event_id, stream, version, type, data FROM events")
        yield from sorted((tuple(row) for row in found), key=lambda row: row[1:3])
        cluster.shutdown()

    def close(self) -> None:
        """End the node at once: its data is not needed any more."""
        self._node.kill()

    def _cluster(self) -> Cluster:
        return Cluster(["127.0.0.1"], port=self._node.port)
