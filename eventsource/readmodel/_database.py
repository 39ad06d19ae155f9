"""A database: transactions, bulk loads and errors, and what each dialect does in its own way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from eventsource.errors import DatabaseError, ReadModelBusyError, ReadModelError
from eventsource.readmodel._columns import Dialect, encoded

__all__ = ["PATIENCE", "Database"]

PATIENCE: Final = 60
"""Seconds to wait for another process that writes the same tables."""

_SLICE: Final = 50_000


class Database(ABC):
    """One SQL database; every transaction has a connection of its own, so that no restart of a server matters.

    Args:
        url: where it is.
    """

    dialect: ClassVar[Dialect]
    failures: ClassVar[type[Exception]]

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=NullPool, **self._options())

    @property
    def name(self) -> str:
        """The URL, without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def is_there(self) -> bool:
        """Whether there is anything to read; a file that is not there is only made by what writes it."""
        return True

    @contextmanager
    def writing(self, name: str) -> Iterator[sa.Connection]:
        """Give a transaction beside which no other one of the same name runs.

        Raises:
            ReadModelBusyError: another one has been running for too long.
            DatabaseError: the database does not answer.
            ReadModelError: it refuses.
        """
        with self._told(), self.engine.connect() as connection, self._alone(connection, name) as alone:
            yield alone

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a transaction that sees one state of the database; errors as of `writing`."""
        with self._told(), self.engine.connect() as connection, self._at_rest(connection) as reader:
            yield reader

    def load(
        self,
        connection: sa.Connection,
        table: sa.Table,
        frame: pl.DataFrame,
        told: Callable[[int], object] | None = None,
    ) -> None:
        """Insert the rows of a frame, in bulk, in slices; ``told`` is called with the rows of each."""
        for part in frame.iter_slices(_SLICE):
            self._insert(connection, table, encoded(part, self.dialect))
            if told is not None:
                told(part.height)

    @abstractmethod
    def check(self, names: list[str], columns: list[str]) -> None:
        """See that tables and columns can be called so.

        Raises:
            ReadModelError: they cannot.
        """

    @abstractmethod
    def check_entities(self, entities: pl.Series) -> None:
        """See that ids can be stored; errors as of `check`."""

    @abstractmethod
    def insert(self, table: sa.Table) -> Any:
        """Return the dialect's INSERT, which takes ON CONFLICT."""

    @abstractmethod
    def text(self, value: str | None) -> str | None:
        """Return a text as the database gives it back."""

    def prepare(self, connection: sa.Connection) -> None:  # noqa: B027 - a dialect may have nothing to do
        """Do what a database needs once, outside of a transaction, before the first table is made."""

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:  # noqa: B027 - likewise
        """Tell the query planner what is in a table."""

    def inherit(self, connection: sa.Connection, new: sa.Table, old: str) -> None:  # noqa: B027 - likewise
        """Let those who may use a table use the one that takes its place."""

    @abstractmethod
    def _options(self) -> Mapping[str, Any]:
        """Return arguments of `sqlalchemy.create_engine`."""

    @abstractmethod
    def _alone(self, connection: sa.Connection, name: str) -> Any:
        """Return the context of a transaction of `writing`."""

    @abstractmethod
    def _at_rest(self, connection: sa.Connection) -> Any:
        """Return the context of a transaction of `reading`."""

    @abstractmethod
    def _insert(self, connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
        """Insert encoded rows."""

    @abstractmethod
    def _is_busy(self, error: BaseException) -> bool:
        """Say whether an error means that others hold a lock."""

    @abstractmethod
    def _is_outage(self, error: BaseException) -> bool:
        """Say whether an error is of the moment, such as a server that is down: the same may work later."""

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the errors of SQLAlchemy and of the driver into those of this package."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, self.failures) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ReadModelError:
        cause = getattr(error, "orig", None) or error
        reason = f"{self.name}: {str(cause).strip()}"
        if self._is_busy(cause):
            return ReadModelBusyError(reason, hint="another process is at work there: do the same again")
        kind = DatabaseError if self._is_outage(cause) else ReadModelError
        obstacle, hint = self._obstacle(cause)
        return kind(f"{reason}: {obstacle}" if obstacle else reason, hint=hint)

    def _obstacle(self, error: BaseException) -> tuple[str, str | None]:  # noqa: ARG002 - a dialect may know
        """Return what an error of the driver does not say, and what to do about it; empty if it says all."""
        return "", None
