"""One server of each kind for a whole run of the tests, started when the first test asks for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services._table import SERVICES, Service
from tests.services.apicurio import Apicurio
from tests.services.cassandra import Cassandra
from tests.services.kafka import Kafka
from tests.services.versitygw import Versitygw

__all__ = ["apicurio", "cassandra", "kafka", "started", "versitygw"]


def started(name: str, folder: Path) -> Iterator[Any]:
    """Yield a running server; if it is not installed, skip; fail if ``EVENTSOURCE_SERVICES_REQUIRED`` is set."""
    service = SERVICES[name]
    if not service.is_installed():
        reason = f"{name} is not installed: python -m tests.services install {name}"
        if os.environ.get("EVENTSOURCE_SERVICES_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    server: Service = service(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of Kafka."""
    yield from started("kafka", tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="session")
def apicurio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    """A schema registry."""
    yield from started("apicurio", tmp_path_factory.mktemp("apicurio"))


@pytest.fixture(scope="session")
def cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    """A node of Cassandra."""
    yield from started("cassandra", tmp_path_factory.mktemp("cassandra"))


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Versitygw]:
    """A gateway that speaks S3."""
    yield from started("versitygw", tmp_path_factory.mktemp("versitygw"))
