"""A topic of Kafka with three partitions; the stream is the key."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.chaos.appends import Append
from tests.chaos.compare import Row
from tests.chaos.systems import System
from tests.services.kafka import Kafka

__all__ = ["Topic"]

_TOPIC: Final = "chaos"
_QUIET = logging.getLogger("eventsource.tests.chaos")
_QUIET.addHandler(logging.NullHandler())  # the broker is away on purpose
_QUIET.propagate = False


class Topic(System):
    """The topic, on a broker of its own."""

    def __init__(self, folder: Path) -> None:
        self.server = self._kafka = Kafka(folder)
        self._kafka.start()
        self.where = f"kafka://{self._kafka.address}/{_TOPIC}"
        admin = AdminClient({"bootstrap.servers": self._kafka.address}, logger=_QUIET)
        admin.create_topics([NewTopic(_TOPIC, 3, 1)])[_TOPIC].result()

    @staticmethod
    def appender(where: str, _writer: int) -> "_Appender":
        """Return what a writer appends with."""
        return _Appender(where.removeprefix("kafka://").partition("/")[0])

    def rows(self) -> Iterator[Row]:
        """Yield the messages of all partitions."""
        settings = {"bootstrap.servers": self._kafka.address, "group.id": "check", "enable.auto.commit": False}
        consumer = Consumer({**settings, "enable.partition.eof": True}, logger=_QUIET)
        consumer.assign([TopicPartition(_TOPIC, partition, 0) for partition in range(3)])
        open_ = 3
        while open_:
            for message in consumer.consume(1_000, timeout=0.1):
                error = message.error()
                if error is None:
                    yield _row(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ -= 1
                else:
                    raise RuntimeError(error)
        consumer.close()


def _row(message: Message) -> Row:
    value = json.loads(message.value() or b"")
    return value["event_id"], (message.key() or b"").decode(), None, value["type"], json.dumps(value["data"])


class _Appender:
    """The client itself repeats what a broker that is away did not take, in order (an idempotent producer)."""

    def __init__(self, address: str) -> None:
        settings = {"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5}
        self._producer = Producer(settings, logger=_QUIET)
        self._failed: list[KafkaError] = []

    def __call__(self, append: Append) -> None:
        for event in append.events:
            value = {
                "event_id": event.event_id,
                "stream": append.stream,
                "type": event.type,
                "occurred_at": event.occurred_at,
                "data": json.loads(event.data),
            }
            self._producer.produce(_TOPIC, json.dumps(value), key=append.stream, on_delivery=self._delivered)
        self._producer.poll(0)
        assert not self._failed, self._failed

    def flush(self) -> None:
        self._producer.flush()
        assert not self._failed, self._failed

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed.append(error)
