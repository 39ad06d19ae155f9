"""What all sources in Cassandra share: where the tables are, and the connection."""

from contextlib import AbstractContextManager
from typing import Any

from eventsource.sources._store_source import RecordMapping, StoreSource
from eventsource.sources.cassandra._options import Options
from eventsource.store.cassandra import Place, connected

__all__ = ["TablesSource"]


class TablesSource(StoreSource):
    """Tables in a keyspace of Cassandra.

    Args:
        name: the name of the source.
        place: where the tables are.
        mapping: how rows become events.
        options: how they are read.
    """

    def __init__(self, name: str, place: Place, mapping: RecordMapping, options: Options) -> None:
        super().__init__(name, mapping)
        self._place, self._options = place, options

    def _session(self) -> AbstractContextManager[Any]:
        """Return a connection, as a context manager."""
        return connected(self._place, self._options.timeout)
