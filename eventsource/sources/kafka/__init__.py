"""Topics of Kafka: ``kafka://host:9092/topic``."""

from eventsource.errors import SourceError
from eventsource.event import Source
from eventsource.sources._store_source import RecordMapping, address
from eventsource.sources.kafka._reading import Options
from eventsource.sources.kafka._settings import settings_of
from eventsource.sources.kafka._source import KafkaSource

__all__ = ["KafkaSource", "open_source"]


def open_source(
    url: str,
    mapping: RecordMapping,
    *,
    allow_gaps: bool = False,
    batch: int = 100_000,
    timeout: float = 30.0,
) -> Source:
    """Return a topic as a source.

    Args:
        url: ``kafka://user:password@host:9092,host2:9092/topic``, with options of librdkafka in the query.
        mapping: how messages become events.
        allow_gaps: whether to read a topic that is compacted, or whose older messages are gone.
        batch: the most messages that one commit has.
        timeout: seconds after which a cluster that does not answer counts as unavailable.

    Raises:
        SourceError: the URL names no topic, or an option is wrong.
    """
    if timeout <= 0 or batch < 1:
        raise SourceError(f"expected a timeout above 0 and a batch of at least 1, got {timeout} and {batch}")
    settings = settings_of(url)
    return KafkaSource(address(url), settings, mapping, Options(allow_gaps or settings.allow_gaps, batch, timeout))
