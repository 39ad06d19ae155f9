"""The connection to a cluster: what a topic is, where its partitions begin and end, errors a user can act on."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from eventsource.errors import SourceError, StoreError
from eventsource.messages import suggestion
from eventsource.redaction import harmless_cause
from eventsource.sources.kafka._settings import Settings

__all__ = ["Cluster", "Span", "Topic"]

_T = TypeVar("_T")

_LOGGER: Final = logging.getLogger("eventsource.kafka")
_LOGGER.addHandler(logging.NullHandler())  # what matters becomes an error; who wants to see more adds a handler
_STEP: Final = 0.5
"""Seconds that a request may take, before a check whether it can still succeed."""

_GROUP: Final = "eventsource"
"""librdkafka wants the name of a group; no offset is ever committed under it."""

_READER: Final[Mapping[str, Any]] = {
    "group.id": _GROUP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    "queued.max.messages.kbytes": 65536,
}


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets of a partition: ``begin`` is the first one, ``end`` the one after the last that is stable."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is now.

    Args:
        identity: the cluster and the id of the topic: a topic that was deleted and created again has another one.
        partitions: the numbers of its partitions.
        is_compacted: whether the cluster removes older messages of a key.
    """

    identity: str
    partitions: tuple[int, ...]
    is_compacted: bool


class Cluster:
    """A cluster of Kafka.

    Args:
        settings: where it is.
        timeout: seconds after which a cluster that does not answer counts as unavailable.
    """

    def __init__(self, settings: Settings, timeout: float) -> None:
        self._settings, self._timeout = settings, timeout
        self._problem: KafkaError | None = None

    @contextmanager
    def consumer(self) -> Iterator[Consumer]:
        """Open a consumer that reads committed messages, and never commits an offset.

        Raises:
            SourceError: librdkafka does not know an option.
        """
        consumer = self._open(Consumer, _READER)
        try:
            yield consumer
        finally:
            consumer.close()

    def topic(self) -> Topic:
        """Return the topic.

        Raises:
            SourceError: it does not exist.
            StoreError: the cluster is unavailable, or refuses.
        """
        name = self._settings.topic
        admin = self._open(AdminClient, {})
        names = self._ask(admin, lambda seconds: admin.list_topics(timeout=seconds))
        if name not in names.topics:
            known = [each for each in names.topics if not each.startswith("_")]
            hint = suggestion(name, known) if known else "the cluster has no topics that this user may see"
            raise SourceError(f"topic {name!r} does not exist at {self._settings.servers}", hint=hint)
        described = self._ask(
            admin, lambda seconds: _result(admin.describe_topics(TopicCollection([name])), name, seconds)
        )
        resource = ConfigResource(ResourceType.TOPIC, name)
        identity = f"{names.cluster_id}/{described.topic_id}"
        return Topic(
            identity,
            tuple(sorted(partition.id for partition in described.partitions)),
            is_compacted=self._is_compacted(admin, resource),
        )

    def spans(self, consumer: Consumer, partitions: tuple[int, ...]) -> dict[int, Span]:
        """Return the offsets of partitions; ``end`` is the last stable one: no transaction is open before it."""
        spans = {}
        for number in partitions:
            at = TopicPartition(self._settings.topic, number)
            ask = partial(consumer.get_watermark_offsets, at)
            begin, end = self._ask(consumer, partial(_with_timeout, ask))
            spans[number] = Span(begin, end)
        return spans

    def _ask(self, client: AdminClient | Consumer, request: Callable[[float], _T]) -> _T:
        """Return what a request gives; try again until the timeout, or until it cannot succeed any more.

        Args:
            client: what asks. If it is a consumer, nothing is assigned to it yet.
            request: is given the seconds that it may take.

        Raises:
            StoreError: the cluster is unavailable, or refuses.
        """
        end = time.monotonic() + self._timeout
        while True:
            try:
                return request(min(_STEP, self._timeout))
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                client.poll(0)  # only now librdkafka says what happened meanwhile
                if self._is_hopeless or not _may_pass(reason) or time.monotonic() > end:
                    raise self.error(reason) from harmless_cause(error)

    def check(self, error: KafkaError) -> None:
        """Raise a `StoreError` for an error that a consumer was given, unless it passes by itself."""
        if self._is_hopeless or not _may_pass(error):
            raise self.error(error)

    def error(self, reason: KafkaError | None = None) -> StoreError:
        """Return the error for what librdkafka said last, with what to do about it."""
        cause = self._problem or reason
        text = str(cause.str()) if cause is not None else f"no answer within {self._timeout:g} s"
        return StoreError(
            f"{self._settings.servers}: {_plain(text)}", hint=_hint(cause, text, self._settings.client)
        )

    @property
    def _is_hopeless(self) -> bool:
        problem = self._problem
        if problem is None or "," in self._settings.servers:  # another server may answer
            return False
        return problem.name() in _HOPELESS or any(text in problem.str() for text in _HOPELESS_TEXTS)

    def _is_compacted(self, admin: AdminClient, resource: ConfigResource) -> bool:
        """Return whether the topic is compacted; False if the user may not read its settings."""
        try:
            configs = self._ask(
                admin, lambda seconds: _result(admin.describe_configs([resource]), resource, seconds)
            )
        except StoreError as error:
            if "authorization failed" in str(error).lower():
                return False
            raise
        policy = configs.get("cleanup.policy")
        return policy is not None and "compact" in (policy.value or "")

    def _open(self, kind: Callable[..., _T], options: Mapping[str, Any]) -> _T:
        own = {"bootstrap.servers": self._settings.servers, "client.id": "eventsource", **options}
        try:
            return kind(
                {**own, **self._settings.client, "error_cb": self._remember},
                logger=_LOGGER,  # errors come by error_cb
            )
        except KafkaException as error:
            text = error.args[0].str()
            raise SourceError(
                f"librdkafka refuses an option of the URL: {text}",
                hint=_hint(error.args[0], text, self._settings.client),
            ) from harmless_cause(error)

    def _remember(self, error: KafkaError) -> None:
        if error.name() != "_ALL_BROKERS_DOWN":  # the errors before it say why
            self._problem = error


_HOPELESS: Final = ("_RESOLVE", "_SSL", "_AUTHENTICATION", "_FATAL")
_HOPELESS_TEXTS: Final = ("Connection refused", "handshake failed")
_PASSING: Final = (
    "_TRANSPORT",
    "_TIMED_OUT",
    "_ALL_BROKERS_DOWN",
    "_MSG_TIMED_OUT",
    "LEADER_NOT_AVAILABLE",
    "NOT_LEADER_FOR_PARTITION",
    "REQUEST_TIMED_OUT",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "BROKER_NOT_AVAILABLE",
    "NETWORK_EXCEPTION",
    "OFFSET_NOT_AVAILABLE",
)
"""Names of errors that librdkafka, or a cluster that elects a leader, gets over by itself."""


def _with_timeout(ask: Callable[..., _T], seconds: float) -> _T:
    return ask(timeout=seconds)


def _may_pass(error: KafkaError) -> bool:
    return error.name() in _PASSING or bool(error.retriable())


def _result(futures: Mapping[Any, Any], key: Any, seconds: float) -> Any:
    """Return the result of a request for one thing."""
    try:
        return futures[key].result(seconds)
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT)) from error


def _plain(text: str) -> str:
    """Return what librdkafka says, without the time that passed."""
    return text.partition(" (after ")[0]


def _hint(error: KafkaError | None, text: str, client: Mapping[str, str]) -> str:
    """Return what to do about an error of librdkafka."""
    lower = text.lower()
    if error is not None and error.name() == "_RESOLVE":
        return "check the name of the host; a broker may also announce a name that this machine cannot resolve"
    if "disconnected" in lower and not client.get("security.protocol"):
        return "the broker may expect TLS: ?security.protocol=SSL, or SASL_SSL with user and password"
    return next((hint for words, hint in _HINTS if any(word in lower for word in words)), _ANY_HINT)


_HINTS: Final = (
    (("no such configuration property", "invalid value"), "options are those of librdkafka (CONFIGURATION.md)"),
    (
        ("to a plaintext broker",),
        "the broker does not speak TLS here: ?security.protocol=PLAINTEXT, or SASL_PLAINTEXT with a user",
    ),
    (("refused",), "check host and port, and whether the broker runs"),
    (("authentication", "sasl"), "check the user and the password in the URL, and ?sasl.mechanism=PLAIN"),
    (
        ("ssl", "certificate"),
        "name the certificate of the authority: ?security.protocol=SSL&ssl.ca.location=ca.pem",
    ),
    (("authorization", "not authorized"), "the user needs the rights to read and to describe the topic"),
)
"""Words of an error, and what to do about it; the first row counts."""

_ANY_HINT: Final = "check host, port and security.protocol, then pull again: nothing was lost"
