"""The systems: how each is started, written into by a writer, and read by its own client."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
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


class System(Protocol):
    """A system that is started in a folder.

    Attributes:
        shares: whether several writers may append to one stream.
        has_server: whether it can be restarted.
        order: what of the order of the system the log has: all of it, or that within streams.
        settle: seconds after the last append before a pull sees everything.
        sizes: numbers of events that a pull may read at once; None: the default.
        where: the first argument of `eventsource.source`.
        options: its other arguments.
    """

    shares: bool
    has_server: bool
    order: Literal["all", "stream"]
    settle: float
    sizes: tuple[int | None, ...]
    where: str
    options: Mapping[str, Any]

    def __init__(self, folder: Path) -> None:
        """Start it, empty."""

    @staticmethod
    def appender(where: str, writer: int) -> Appender:
        """Return what a writer appends with."""

    def restart(self) -> None:
        """Stop the server at once, and start it again."""

    def rows(self) -> Iterable[Row]:
        """Yield all events in the order of the system, as its own client reads them."""

    def close(self) -> None:
        """Stop it, and leave no process behind."""


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
