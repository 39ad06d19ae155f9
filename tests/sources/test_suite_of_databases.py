"""Our own store, and tables of others, pass the suites of sources in SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventsource.testing import RestartSuite, SourceSuite, TransactionSuite
from tests.services.postgresql import Server
from tests.sources.systems import OwnStore, Table


class TestStoreInSqlite(SourceSuite):
    """`EventStore` in a file."""

    @pytest.fixture
    def system(self, tmp_path: Path) -> Iterator[OwnStore]:
        """An empty store."""
        found = OwnStore(f"sqlite:///{tmp_path}/shop.db")
        yield found
        found.close()


class TestTableInSqlite(SourceSuite):
    """A table in a file."""

    @pytest.fixture
    def system(self, tmp_path: Path) -> Table:
        """An empty table."""
        return Table(f"sqlite:///{tmp_path}/shop.db")


class TestStoreInPostgresql(SourceSuite, TransactionSuite, RestartSuite):
    """`EventStore` on a server."""

    @pytest.fixture
    def system(self, postgresql: Server) -> Iterator[OwnStore]:
        """An empty store."""
        found = OwnStore(postgresql.database(), postgresql)
        yield found
        found.close()


class TestTableInPostgresql(SourceSuite, TransactionSuite, RestartSuite):
    """A table on a server."""

    @pytest.fixture
    def system(self, postgresql: Server) -> Iterator[Table]:
        """An empty table."""
        found = Table(postgresql.database(), postgresql)
        yield found
        found.close()
