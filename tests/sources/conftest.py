"""The servers that tests of sources share."""

from tests.services.fixtures import apicurio, cassandra, kafka

__all__ = ["apicurio", "cassandra", "kafka"]
