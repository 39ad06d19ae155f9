"""Four ways to change the balance of an account: append an event, or update a row with three kinds of locking.

Each command reads the balance, adds 1, and writes it. It is tried again until it succeeds. So the balances must
add up to the number of commands; what is missing was overwritten by another writer: an update that is *lost*.

    way           reads                        writes                                     a conflict
    append        events after those it knows  INSERT of version + 1                      version exists: try again
    optimistic    balance and version          UPDATE … WHERE version = the one it read   no row: try again
    pessimistic   balance, with a lock         UPDATE in the same transaction             waits for the lock
    none          balance                      UPDATE                                     is not noticed
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from eventsource.errors import ConcurrencyError
from eventsource.store import EventStore

__all__ = ["WAYS", "Way", "engine"]

_CREATE: Final = (
    "CREATE TABLE {table} (id integer PRIMARY KEY, balance bigint NOT NULL, version bigint NOT NULL, "
    "updated_at timestamp NOT NULL)"
)


def engine(url: str) -> sa.Engine:
    """Return an engine that writes as durably as `EventStore` does: SQLite waits for the disk at every commit."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url)
    found = sa.create_engine(url, connect_args={"timeout": 60})

    @sa.event.listens_for(found, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return found


class Way(ABC):
    """A way to change a balance, on one database.

    Args:
        url: the URL of the database.
        accounts: how many accounts there are; they are numbered from 0.
        run: the number of the measurement: each has a table of its own.
    """

    name: ClassVar[str]

    def __init__(self, url: str, accounts: int, run: int) -> None:
        self._accounts, self._engine = accounts, engine(url)
        self._table = f"run{run}"

    @abstractmethod
    def create(self) -> None:
        """Create the tables and the accounts, all with the balance 0."""

    @abstractmethod
    def deposit(self, account: int) -> int:
        """Add 1 to an account; return how often it had to be tried again."""

    @abstractmethod
    def total(self) -> int:
        """Return the sum of all balances."""

    def close(self) -> None:
        """Close its connections: 16 writers of many ways would be too many clients for PostgreSQL."""
        self._engine.dispose()


class Append(Way):
    """Append an event with the version that was read. A writer reads only what it has not read before."""

    name = "append an event"

    def __init__(self, url: str, accounts: int, run: int) -> None:
        super().__init__(url, accounts, run)
        self._store = EventStore(url, table=self._table)
        self._known: dict[int, tuple[int, int]] = {}

    def create(self) -> None:
        """Create the table of the store."""
        self._store.init()

    def deposit(self, account: int) -> int:
        """Read the new events, decide, append."""
        retries, stream = 0, f"account-{account}"
        while True:
            version, balance = self._known.get(account, (0, 0))
            for event in self._store.read(stream, from_version=version + 1):
                version, balance = event.version, balance + event.data["amount"]
            try:
                added = self._store.append(stream, [{"type": "Deposited", "amount": 1}], expected_version=version)
            except ConcurrencyError:
                self._known[account] = (version, balance)
                retries += 1
            else:
                self._known[account] = (added, balance + 1)
                return retries

    def total(self) -> int:
        """Return the sum of the amounts of all events."""
        return sum(event.data["amount"] for event in self._store.read_all(page=10_000))

    def close(self) -> None:
        """Close those of the store too."""
        self._store.close()
        super().close()


class _Update(Way):
    """A row for each account."""

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def create(self) -> None:
        """Create the rows."""
        with self._engine.begin() as connection:
            connection.execute(sa.text(_CREATE.format(table=self._table)))
            connection.execute(
                sa.text(f"INSERT INTO {self._table} VALUES (:id, 0, 0, CURRENT_TIMESTAMP)"),
                [{"id": account} for account in range(self._accounts)],
            )

    def total(self) -> int:
        """Return the sum of the balances."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.text(f"SELECT sum(balance) FROM {self._table}")).scalar_one())

    def _read(self, connection: sa.Connection, account: int, *, lock: str = "") -> tuple[int, int]:
        query = f"SELECT balance, version FROM {self._table} WHERE id = :id{lock}"
        balance, version = connection.execute(sa.text(query), {"id": account}).one()
        return balance, version

    def _write(
        self, connection: sa.Connection, account: int, balance: int, *, condition: str = "", **given: int
    ) -> int:
        changed = connection.execute(
            sa.text(
                f"UPDATE {self._table} SET balance = :balance, version = version + 1, "
                f"updated_at = CURRENT_TIMESTAMP WHERE id = :id{condition}"
            ),
            {"id": account, "balance": balance, **given},
        )
        return changed.rowcount

    def _autocommit(self) -> sa.Connection:
        """Return a connection whose statements commit by themselves; that of SQLite always does."""
        connection = self._engine.connect()
        return connection if self._is_sqlite else connection.execution_options(isolation_level="AUTOCOMMIT")


class Optimistic(_Update):
    """Update the row only if its version is the one that was read."""

    name = "update, optimistic locking"

    def deposit(self, account: int) -> int:
        """Read, decide, update if nothing has changed."""
        retries = 0
        with self._autocommit() as connection:
            while True:
                balance, version = self._read(connection, account)
                if self._write(connection, account, balance + 1, condition=" AND version = :seen", seen=version):
                    return retries
                retries += 1


class Pessimistic(_Update):
    """Lock the row (SQLite: the file) before it is read."""

    name = "update, pessimistic locking"

    def deposit(self, account: int) -> int:
        """Lock and read, decide, update, commit."""
        with self._engine.connect() as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            balance, _ = self._read(connection, account, lock="" if self._is_sqlite else " FOR UPDATE")
            self._write(connection, account, balance + 1)
            if self._is_sqlite:
                connection.exec_driver_sql("COMMIT")
            else:
                connection.commit()
        return 0


class Unlocked(_Update):
    """Read, then write, and hope."""

    name = "update, no locking"

    def deposit(self, account: int) -> int:
        """Read, decide, update."""
        with self._autocommit() as connection:
            balance, _ = self._read(connection, account)
            self._write(connection, account, balance + 1)
        return 0


WAYS: Final = {way.name: way for way in (Append, Optimistic, Pessimistic, Unlocked)}
