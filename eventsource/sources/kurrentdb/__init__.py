"""KurrentDB, formerly EventStoreDB: ``kurrentdb://host:2113``."""

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from eventsource.errors import SourceError
from eventsource.event import Source
from eventsource.sources._store_source import RecordMapping, address
from eventsource.sources.kurrentdb._source import KurrentSource, Options

__all__ = ["KurrentSource", "open_source"]


def open_source(
    url: str,
    mapping: RecordMapping,
    *,
    category: str | None = None,
    allow_gaps: bool = False,
    batch: int = 10_000,
    timeout: float = 30.0,
) -> Source:
    """Return a database of KurrentDB as a source.

    Args:
        url: ``kurrentdb://user:password@host:2113/order-7?Tls=false``; ``esdb``, ``kdb`` and ``+discover`` as the
            clients of KurrentDB read them. The path is a stream; without one all streams are read (``$all``).
            Streams of links, such as ``/$ce-order``, are read with their links resolved.
        mapping: how events become those of the log.
        category: only streams whose names begin with this text and a ``-``; no projection is needed for it.
        allow_gaps: whether to read a stream whose older events are gone, or a database whose checkpoint is gone.
        batch: the most events that one commit has.
        timeout: seconds after which a server that does not answer counts as unavailable.

    Raises:
        SourceError: the URL is not one of KurrentDB, or an option is wrong.
    """
    parts = urlsplit(url)
    stream = unquote(parts.path.strip("/")) or None
    if not parts.netloc.rpartition("@")[2]:
        raise SourceError(
            f"expected the URL of a server, got {url!r}", hint="such as kurrentdb://host:2113?Tls=false"
        )
    if stream is not None and category is not None:
        raise SourceError("expected a stream in the URL, or a category, got both", hint="leave one of them out")
    if timeout <= 0 or batch < 1:
        raise SourceError(f"expected a timeout above 0 and a batch of at least 1, got {timeout} and {batch}")
    query = parse_qsl(parts.query, keep_blank_values=True)
    allow_gaps = allow_gaps or ("allow_gaps", "true") in query
    uri = urlunsplit(parts._replace(path="", query=urlencode([each for each in query if each[0] != "allow_gaps"])))
    options = Options(stream, category, allow_gaps, batch, timeout)
    return KurrentSource(address(url, category=category), uri, mapping, options)
