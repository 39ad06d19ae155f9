"""Reading messages: from fixed offsets to fixed ends, partition by partition, as they come."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from eventsource.sources.kafka._client import Cluster
from eventsource.sources.kafka._offsets import Start, lost_history
from eventsource.sources.kafka._received import Received

__all__ = ["END", "WAIT", "Options", "Reading", "assignment", "received"]

_AT_ONCE: Final = 10_000
WAIT: Final = 0.05
"""Seconds to wait for messages at most: `consume` waits the whole time if fewer come than were asked for."""

_BATCH_BYTES: Final = 64 * 1024 * 1024
END: Final = "_PARTITION_EOF"
"""The name of what a consumer gives at the end of a partition, in the form of an error."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a source beside its mapping.

    Args:
        allow_gaps: whether to read a topic that is compacted, or whose older messages are gone.
        batch: the most messages that one commit has.
        timeout: seconds after which a cluster that gives nothing counts as unavailable.
    """

    allow_gaps: bool
    batch: int
    timeout: float


class Reading:
    """The messages of a topic up to fixed ends, and how far each partition was read.

    Args:
        consumer: is assigned here.
        cluster: knows why nothing comes.
        topic: its name.
        start: where each partition begins.
        ends: where each partition ends.
        options: how many messages are read at once, and how long nothing may come.
    """

    def __init__(
        self,
        consumer: Consumer,
        cluster: Cluster,
        topic: str,
        start: Start,
        ends: dict[int, int],
        options: Options,
    ) -> None:
        self._consumer, self._cluster, self._topic, self._options = consumer, cluster, topic, options
        self.offsets = dict(start.offsets)
        self._ends = {each: end for each, end in ends.items() if self.offsets[each] < end}

    def batches(self) -> Iterator[dict[int, list[Received]]]:
        """Yield messages by partition, as many as one commit has, or 64 MB; ``offsets`` are those after them."""
        self._consumer.assign(assignment(self._topic, {each: self.offsets[each] for each in self._ends}))
        found: dict[int, list[Received]] = {}
        count = size = 0
        last = time.monotonic()
        while self._ends:
            messages = received(self._consumer.consume(min(_AT_ONCE, self._options.batch - count), WAIT))
            taken, size_of_taken = self._take(messages, found)
            count, size = count + taken, size + size_of_taken
            if taken or not self._ends or any(message.error() is not None for message in messages):
                last = time.monotonic()
            elif time.monotonic() - last > self._options.timeout:
                raise self._cluster.error()
            if count >= self._options.batch or size >= _BATCH_BYTES or (count and not self._ends):
                yield found
                found, count, size = {}, 0, 0
        if count or not found:
            yield found

    def _take(self, messages: list[Received], found: dict[int, list[Received]]) -> tuple[int, int]:
        """Add messages to those found; return how many there were, and their bytes."""
        errors = [message for message in messages if message.error() is not None]
        if errors:
            messages = [message for message in messages if message.error() is None]
        count = size = 0
        for partition, group in groupby(messages, lambda message: message.partition()):
            if partition not in self._ends:
                continue
            some, end = list(group), self._ends[partition]
            last = some[-1].offset()
            if last >= end:  # committed after the pull began: for the next pull
                some = [message for message in some if message.offset() < end]
            found.setdefault(partition, []).extend(some)
            self.offsets[partition] = min(last + 1, end)
            count, size = count + len(some), size + sum(map(len, some))
            if last + 1 >= end:
                self._finish(partition)
        for message in errors:
            self._handle(message)
        return count, size

    def _handle(self, message: Received) -> None:
        error, partition = message.error(), message.partition()
        if error.name() == END:
            # Offsets up to the end may be those of control records and of aborted transactions: none of them is
            # a message.
            if partition in self._ends and message.offset() >= self._ends[partition]:
                self._finish(partition)
        elif error.name() in ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"):
            begin = self._cluster.spans(self._consumer, (partition,))[partition].begin
            raise lost_history(self._topic, partition, self.offsets[partition], begin)
        else:
            self._cluster.check(error)

    def _finish(self, partition: int) -> None:
        self.offsets[partition] = self._ends.pop(partition)
        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])


def assignment(topic: str, offsets: Mapping[int, int]) -> list[TopicPartition]:
    """Return partitions with the offsets to begin at."""
    return [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]


def received(messages: Iterable[Any]) -> list[Received]:
    """Return what a consumer gave, without the None that it gives for nothing."""
    return [message for message in messages if message is not None]
