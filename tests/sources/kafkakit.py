"""Topics for tests, and what is produced into them."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal
from uuid import uuid4

import polars as pl
from confluent_kafka import IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

import eventsource as es
from eventsource.event import Batch, Source
from eventsource.testing import Facts
from tests.services.kafka import Kafka

LARGEST = 24_000_000
_QUIET = logging.getLogger("eventsource.tests.kafka")
AT = 1_704_067_200_000
"""2024-01-01 in milliseconds."""


class Topic:
    """A topic with a name of its own, for one test."""

    order: Literal["all", "stream"] = "stream"
    compared: Sequence[str] = ("event_id", "stream", "version", "type", "occurred_at", "data")
    batch: str | None = "batch"

    def __init__(self, kafka: Kafka, partitions: int = 3, **config: str) -> None:
        self.kafka, self.name = kafka, f"topic-{uuid4()}"
        self.admin = AdminClient({"bootstrap.servers": kafka.address}, logger=_QUIET)
        self.where = f"kafka://{kafka.address}/{self.name}"
        self.options: Mapping[str, Any] = {}
        self.create(partitions, **config)

    def create(self, partitions: int = 3, **config: str) -> None:
        """Create the topic; its broker takes large messages."""
        settings = {name.replace("_", "."): value for name, value in config.items()}
        topic = NewTopic(self.name, partitions, 1, config={"max.message.bytes": str(LARGEST), **settings})
        self.admin.create_topics([topic])[self.name].result()

    def append(self, events: Sequence[Facts]) -> None:
        """Produce events with their stream as key."""
        producer = self.producer()
        for event in events:
            value = json.dumps({**asdict(event), "occurred_at": event.occurred_at.isoformat()})
            producer.produce(self.name, value, key=event.stream)
        producer.flush()

    def producer(self, **more: Any) -> Producer:
        """Return a producer; it is idempotent, as retries would change the order otherwise."""
        own = {"bootstrap.servers": self.kafka.address, "message.max.bytes": LARGEST, "enable.idempotence": True}
        return Producer({**own, **more}, logger=_QUIET)

    def produce(self, value: Any, *, key: str | bytes | None = "k", **more: Any) -> None:
        """Produce one message; a value that is neither bytes nor None is written as JSON."""
        raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        producer = self.producer()
        producer.produce(self.name, raw, key=key, **{"partition": 0, "timestamp": AT, **more})
        producer.flush()

    def wait_until_stable(self, partition: int, offset: int) -> None:
        """Wait until no transaction is open before an offset: the broker ends one after it has answered."""
        place = {TopicPartition(self.name, partition): OffsetSpec.latest()}  # type: ignore[no-untyped-call]  # no types
        for _ in range(300):
            (found,) = self.admin.list_offsets(place, isolation_level=IsolationLevel.READ_COMMITTED).values()
            if found.result().offset >= offset:
                return
            time.sleep(0.1)
        raise TimeoutError(f"transactions before offset {offset} of {self.name} are still open")

    def source(self, query: str = "", **arguments: Any) -> Source:
        """Return the topic as a source."""
        return es.source(self.where + query, **arguments)


def read(source: Source, checkpoint: Mapping[str, Any] | None = None) -> Batch:
    """Read everything that is new, as one batch with the last checkpoint."""
    found = list(source.batches(checkpoint or {}))
    return Batch(
        pl.concat([batch.events for batch in found]),
        {key: value for batch in found for key, value in batch.checkpoint.items()},
        pl.concat([batch.rejected for batch in found]),
        notes=tuple(note for batch in found for note in batch.notes),
    )
