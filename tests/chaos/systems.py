"""The systems: how each is started, written into by a writer, and read by its own client."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

from tests.chaos.appends import Append
from tests.chaos.compare import Row

__all__ = ["SYSTEMS", "Appender", "System"]


class Appender(Protocol):
    """Appends to a system, in the process of a writer."""

    def __call__(self, append: Append) -> None:
        """Append; a `StoreError` says that it may not have been done, and that it can be repeated."""

    def flush(self) -> None:
        """Wait until everything is appended."""


class Restartable(Protocol):
    """A server; its data outlives a restart."""

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""

    def stop(self) -> None:
        """Stop it."""


class System(ABC):
    """A system that is started in a folder.

    Attributes:
        server: what is restarted; None: it has no server.
        shares: whether several writers may append to one stream.
        order: what of the order of the system the log has: all of it, or that within streams.
        settle: seconds after the last append before a pull sees everything.
        sizes: numbers of events that a pull may read at once; None: the default.
        where: the first argument of `eventsource.source`.
        options: its other arguments.
    """

    server: Restartable | None = None
    shares: bool = True
    order: Literal["all", "stream"] = "stream"
    settle: float = 0.0
    sizes: tuple[int | None, ...] = (500, 5_000, 50_000)
    where: str
    options: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def __init__(self, folder: Path) -> None:
        """Start it, empty."""

    @staticmethod
    @abstractmethod
    def appender(where: str, writer: int) -> Appender:
        """Return what a writer appends with."""

    @abstractmethod
    def rows(self) -> Iterable[Row]:
        """Yield all events in the order of the system, as its own client reads them."""

    def restart(self) -> None:
        """Stop the server, whatever is connected to it, and start it again."""
        if self.server is not None:
            self.server.stop()
            self.server.start()

    def close(self) -> None:
        """Stop it, and leave no process behind."""
        if self.server is not None:
            self.server.stop()


def _module(name: str) -> Callable[[], type[System]]:
    """Return a function that imports a class when it is needed: a writer of SQLite needs no Kafka."""

    def load() -> type[System]:
        module, _, kind = name.partition(":")
        found: type[System] = getattr(import_module(f"tests.chaos.{module}"), kind)
        return found

    return load


SYSTEMS: Final[Mapping[str, Callable[[], type[System]]]] = {
    "files": _module("of_files:Files"),
    "sqlite": _module("of_stores:Sqlite"),
    "postgresql": _module("of_stores:Postgresql"),
    "kafka": _module("of_kafka:Topic"),
    "kurrentdb": _module("of_kurrentdb:Streams"),
    "cassandra": _module("of_cassandra:Tables"),
}
"""Name → a function that returns the class."""
