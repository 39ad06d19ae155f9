"""The server that tests of logs share."""

from tests.services.fixtures import versitygw

__all__ = ["versitygw"]
