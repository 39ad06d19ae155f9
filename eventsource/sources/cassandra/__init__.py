"""Events in Cassandra: our own tables (`eventsource.store.cassandra`), or those of Akka's journal.

``cassandra://h1,h2:9042/keyspace?table=events``, ``cassandra://h1,h2:9042/keyspace?layout=akka``.
"""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from eventsource.errors import SourceError
from eventsource.event import Source
from eventsource.messages import suggestion
from eventsource.sources._store_source import RecordMapping, address
from eventsource.sources.cassandra._akka import AkkaSource
from eventsource.sources.cassandra._akka_tags import AkkaTagSource
from eventsource.sources.cassandra._options import Options
from eventsource.sources.cassandra._source import CassandraSource
from eventsource.store.cassandra import place_of

__all__ = ["AkkaSource", "AkkaTagSource", "CassandraSource", "open_source"]

_LAYOUTS: Final = ("eventsource", "akka")
_AKKA_TABLE: Final = "messages"


def open_source(  # noqa: PLR0913 - one argument for each thing that tables differ in
    url: str,
    mapping: RecordMapping,
    *,
    table: str | None = None,
    layout: str | None = None,
    tag: str | None = None,
    delay: float = 5.0,
    batch: int = 10_000,
    timeout: float = 30.0,
    allow_gaps: bool = False,
) -> Source:
    """Return the events of some tables as a source.

    Args:
        url: ``cassandra://user:password@h1,h2:9042/keyspace?table=events&dc=dc1``.
        mapping: how rows become events; the columns are those of the envelope.
        table: the table; default: that of the URL, or ``events``; of Akka's journal ``messages``.
        layout: ``eventsource`` (default): our own tables; ``akka``: those of Akka's journal. Also in the URL.
        tag: of Akka's journal: only events with this tag, read by time buckets. Also in the URL. Without it every
            pull scans the whole journal.
        delay: how many seconds a pull stays behind now. It must be longer than a write may take, and than the
            clocks of writers and of this machine differ.
        batch: about how many events one commit has.
        timeout: seconds after which a request fails.
        allow_gaps: of Akka's journal: read the events after one that is missing permanently.

    Raises:
        SourceError: the URL names no keyspace, or an option is wrong.
    """
    if delay < 0 or batch < 1 or timeout <= 0:
        raise SourceError(f"expected delay >= 0, batch >= 1, timeout > 0, got {delay}, {batch} and {timeout}")
    query = dict(parse_qsl(urlsplit(url).query))
    layout, tag = layout or query.get("layout", "eventsource"), tag or query.get("tag")
    if layout not in _LAYOUTS:
        raise SourceError(
            f"expected a layout of {' or '.join(_LAYOUTS)}, got {layout!r}", hint=suggestion(layout, _LAYOUTS)
        )
    options = Options(delay, batch, timeout, allow_gaps)
    if layout == "akka":
        place = place_of(url, table or query.get("table", _AKKA_TABLE))
        name = address(url, layout=layout, table=place.table, tag=tag)
        return (
            AkkaSource(name, place, mapping, options)
            if tag is None
            else AkkaTagSource(name, place, mapping, options, tag)
        )
    if tag is not None or allow_gaps:
        raise SourceError("tag and allow_gaps are for Akka's journal", hint='layout="akka", or ?layout=akka')
    place = place_of(url, table)
    return CassandraSource(address(url, table=place.table), place, mapping, options)
