"""The servers that tests can start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from tests.services.apicurio import Apicurio
from tests.services.cassandra import Cassandra
from tests.services.kafka import Kafka
from tests.services.versitygw import Versitygw

__all__ = ["SERVICES", "Service"]


class Service(Protocol):
    """A server of one kind, in a folder."""

    name: str

    def __init__(self, folder: Path) -> None: ...

    @classmethod
    def install(cls) -> None:
        """Download what it needs, if that is not there."""

    @classmethod
    def is_installed(cls) -> bool:
        """Return whether it can be started."""

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""

    def stop(self) -> None:
        """Stop it in order; its data stays."""


SERVICES: Final[Mapping[str, type[Service]]] = {
    each.name: each for each in (Apicurio, Cassandra, Kafka, Versitygw)
}
