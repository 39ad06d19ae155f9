"""A topic of Kafka as a source.

Each pull reads every partition from the offset in its checkpoint up to the *last stable offset* that the partition
has when the pull begins. It assigns partitions itself: consumer groups and their offsets play no part.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Final

import polars as pl
from confluent_kafka import Consumer

from eventsource.event import SourceLag, no_events, rejected_lines
from eventsource.sources._decoder import EventsAndRejected, Line
from eventsource.sources._lines import Lines
from eventsource.sources._store_source import RecordMapping, StoreSource, Taken
from eventsource.sources.kafka._client import Cluster, Topic
from eventsource.sources.kafka._lines import line_of
from eventsource.sources.kafka._offsets import place_after, start_of
from eventsource.sources.kafka._reading import END, WAIT, Options, Reading, assignment, received
from eventsource.sources.kafka._received import Received, Undecodable
from eventsource.sources.kafka._settings import Settings
from eventsource.sources.kafka._tombstones import tombstones
from eventsource.sources.kafka._values import Values

__all__ = ["KafkaSource"]

_LARGEST_GAP: Final = 16
"""Offsets between two messages of one run at most: each is a blank line."""

_NOT_JSON: Final = b"?"
"""The line of a message that has no JSON, as blank lines are skipped."""

_DEFAULTS: Final = {
    "event_id": "@line",
    "stream": "@key",
    "type": "@headers.type|@headers.eventType|@headers.event_type|@headers.__TypeId__",
    "occurred_at": "@time",
    "recorded_at": "@time",
    "metadata": "@headers",
}


class KafkaSource(StoreSource):
    """A topic of Kafka.

    Args:
        name: the name of the source.
        settings: where the topic is.
        mapping: how a message becomes an event.
        options: what was asked for beside the mapping.
    """

    def __init__(self, name: str, settings: Settings, mapping: RecordMapping, options: Options) -> None:
        super().__init__(name, mapping, _DEFAULTS)
        self._settings, self._options = settings, options
        self._values = Values(settings)
        self._topic: Topic | None = None
        self._read_up_to: dict[int, int] = {}

    def store(self) -> str:
        """Return the cluster and the id of the topic: a topic that was created again is another one."""
        self._topic = self._cluster().topic()
        return self._topic.identity

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place; see `StoreSource.read`."""
        topic, cluster = self._topic or self._cluster().topic(), self._cluster()
        with closing(self._values), cluster.consumer() as consumer:
            spans = cluster.spans(consumer, topic.partitions)
            start = start_of(
                place,
                spans,
                self._settings.topic,
                is_compacted=topic.is_compacted,
                allow_gaps=self._options.allow_gaps,
            )
            ends = {each: span.end for each, span in spans.items()}
            yield Taken(place_after(start, start.offsets), notes=start.notes)
            reading = Reading(consumer, cluster, self._settings.topic, start, ends, self._options)
            for messages in reading.batches():
                events, rejected = self._decode(messages)
                yield Taken(place_after(start, reading.offsets), events, rejected)
        self._read_up_to = ends

    def lag_after(self, place: Any) -> SourceLag:
        """Return at most how many messages there are after a place, and the age of the oldest."""
        topic, cluster = self._topic or self._cluster().topic(), self._cluster()
        with cluster.consumer() as consumer:
            spans = cluster.spans(consumer, topic.partitions)
            before = {} if place is None else {int(each): at for each, at in place["offsets"].items()}
            behind = {each: max(span.begin, before.get(each, 0)) for each, span in spans.items()}
            behind = {each: at for each, at in behind.items() if at < spans[each].end}
            events = sum(spans[each].end - at for each, at in behind.items())
            return SourceLag(events, self._age(consumer, behind) if behind else 0.0)

    def wait(self, seconds: float) -> None:
        """Wait until there are messages after those that were read last, at most so many seconds."""
        cluster, end = self._cluster(), time.monotonic() + seconds
        if not self._read_up_to:
            return
        with cluster.consumer() as consumer:
            consumer.assign(assignment(self._settings.topic, self._read_up_to))
            while (left := end - time.monotonic()) > 0:
                message = consumer.poll(left)
                if message is not None and message.error() is None:
                    return

    def _cluster(self) -> Cluster:
        return Cluster(self._settings, self._options.timeout)

    def _age(self, consumer: Consumer, offsets: dict[int, int]) -> float | None:
        """Return the age in seconds of the oldest of the messages at some offsets; None if none comes."""
        consumer.assign(assignment(self._settings.topic, offsets))
        waiting, times, end = set(offsets), [], time.monotonic() + self._options.timeout
        while waiting and time.monotonic() < end:
            (message,) = received([consumer.poll(WAIT)]) or (None,)
            if message is None or message.partition() not in waiting:
                continue
            if message.error() is None:
                _, milliseconds = message.timestamp()
                if milliseconds >= 0:  # below 0: it has none
                    times.append(milliseconds)
            elif message.error().name() != END:
                continue
            waiting.discard(message.partition())
        return max(0.0, time.time() - min(times) / 1000) if times else None

    def _decode(self, messages: dict[int, list[Received]]) -> EventsAndRejected:
        pairs = [
            self._decode_run(f"{self._settings.topic}/{partition}", run)
            for partition, some in sorted(messages.items())
            for run in _runs(some)
        ]
        events, rejected = [no_events()], [rejected_lines([])]
        return pl.concat(events + [each for each, _ in pairs]), pl.concat(rejected + [each for _, each in pairs])

    def _decode_run(self, place: str, messages: Sequence[Received]) -> EventsAndRejected:
        """Return the events of messages of one partition, in bulk.

        Values are decoded as they are. A message becomes a line with ``@key`` and the like if its value is not
        decoded in bulk, or if the mapping names one of these members.
        """
        if messages[0].value() is None:
            return tombstones(self.name, place, messages, self._values)
        first = messages[0].offset()
        rows = [message.offset() - first for message in messages]
        if not self._values.has_registry and not self.needs_record_members:
            data = _joined(rows, [(message.value() or b"").strip() or _NOT_JSON for message in messages])
            if data.count(b"\n") == rows[-1]:
                at = dict(zip(rows, messages, strict=True))
                lines = Lines(data, first, place)
                return self._decoder.records(lines, place, lambda row, _: self._record(place, at[row]))
        records = [self._record(place, message) for message in messages]
        data = _joined(rows, [_NOT_JSON if isinstance(content, str) else content for _, content in records])
        at_row = dict(zip(rows, records, strict=True))
        return self._decoder.records(Lines(data, first, place), place, lambda row, _: at_row[row])

    def _record(self, place: str, message: Received) -> tuple[Line, bytes | str]:
        """Return the line of a message, or the reason why its value cannot be one."""
        value = self._values.value(message)
        if isinstance(value, str):
            return Line(place, message.offset(), message.value() or b""), value
        key = self._values.key(message)
        if isinstance(key, Undecodable):
            return Line(place, message.offset(), value), f"its key: {key.reason}"
        line = line_of(value, message, place, key)
        return Line(place, message.offset(), line), line


def _runs(messages: list[Received]) -> Iterator[list[Received]]:
    """Yield messages in runs: of tombstones, or of others without large gaps between their offsets."""
    for _, group in groupby(messages, lambda message: message.value() is None):
        run: list[Received] = []
        for message in group:
            if run and message.offset() - run[-1].offset() > _LARGEST_GAP:
                yield run
                run = []
            run.append(message)
        yield run


def _joined(rows: Sequence[int], lines: Sequence[bytes]) -> bytes:
    """Return lines with a blank line for each row that is not there, such as that of a control record."""
    if len(lines) == rows[-1] + 1:
        return b"\n".join(lines)
    filled = [b""] * (rows[-1] + 1)
    for row, line in zip(rows, lines, strict=True):
        filled[row] = line
    return b"\n".join(filled)
