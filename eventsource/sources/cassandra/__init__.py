"""Our own tables in Cassandra (`eventsource.store.cassandra`): ``cassandra://h1,h2:9042/keyspace?table=events``."""

from eventsource.errors import SourceError
from eventsource.event import Source
from eventsource.sources._store_source import RecordMapping, address
from eventsource.sources.cassandra._source import CassandraSource, Options
from eventsource.store.cassandra import place_of

__all__ = ["CassandraSource", "open_source"]


def open_source(
    url: str,
    mapping: RecordMapping,
    *,
    table: str | None = None,
    delay: float = 5.0,
    batch: int = 10_000,
    timeout: float = 30.0,
) -> Source:
    """Return the events of our own tables as a source.

    Args:
        url: ``cassandra://user:password@h1,h2:9042/keyspace?table=events&dc=dc1``.
        mapping: how rows become events; the columns are those of the envelope.
        table: the table; default: that of the URL, or ``events``.
        delay: how many seconds a pull stays behind now. It must be longer than a write may take, and than the
            clocks of writers and of this machine differ.
        batch: about how many events one commit has.
        timeout: seconds after which a request fails.

    Raises:
        SourceError: the URL names no keyspace, or an option is wrong.
    """
    if delay < 0 or batch < 1 or timeout <= 0:
        raise SourceError(f"expected delay >= 0, batch >= 1, timeout > 0, got {delay}, {batch} and {timeout}")
    place = place_of(url, table)
    return CassandraSource(address(url, table=place.table), place, mapping, Options(delay, batch, timeout))
