"""The stores that a URL can name: one row per scheme. A module is imported when its scheme is used.

A module has a function ``open_source(url, mapping, **options)``, which returns a source. Its keyword arguments are
the options that `eventsource.source` takes for such a URL, such as ``table``.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from eventsource.errors import SourceError
from eventsource.event import Source
from eventsource.messages import suggestion
from eventsource.redaction import harmless_cause
from eventsource.sources._store_source import RecordMapping

__all__ = ["SCHEMES", "Scheme", "open_url", "scheme_of"]


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a scheme names.

    Args:
        module: the module of this package.
        title: what it reads, for lists.
        example: a URL.
        extra: the extra of this distribution that installs its client; None: none is needed.
    """

    module: str
    title: str
    example: str
    extra: str | None = None


_POSTGRESQL: Final = Scheme(
    "relational",
    "PostgreSQL: our own store, tables of known libraries, any table or query",
    "postgresql://user@host/database",
    "postgresql",
)
SCHEMES: Final[Mapping[str, Scheme]] = {
    "sqlite": Scheme("relational", "SQLite, likewise", "sqlite:///shop.db"),
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    **{
        name: Scheme(
            "relational", "a table or query, by SQLAlchemy and a driver", f"{name}+driver://user@host/database"
        )
        for name in ("mysql", "mariadb", "oracle", "mssql")
    },
    "cassandra": Scheme(
        "cassandra",
        "our own tables in Cassandra, or Akka's journal",
        "cassandra://host:9042/keyspace?table=events",
        "cassandra",
    ),
    "kafka": Scheme("kafka", "a topic of Kafka", "kafka://host:9092/topic", "kafka"),
    **dict.fromkeys(
        ("kurrentdb", "esdb", "kdb"),
        Scheme("kurrentdb", "KurrentDB, EventStoreDB", "kurrentdb://user:password@host:2113", "kurrentdb"),
    ),
}
"""Scheme, without a driver (``postgresql`` for ``postgresql+psycopg``) → what it names."""


def scheme_of(where: str) -> str | None:
    """Return the scheme of a URL, without its driver; None for a path and for ``file://``."""
    scheme, separator, _ = where.partition("://")
    name = scheme.lower().partition("+")[0]
    return name if separator and name != "file" else None


def open_url(url: str, mapping: RecordMapping, options: Mapping[str, Any]) -> Source:
    """Return the source that a URL names.

    Raises:
        SourceError: the scheme or an option is unknown, or the client cannot be imported.
    """
    name = scheme_of(url) or ""
    if name not in SCHEMES:
        raise SourceError(
            f"expected a path, or a URL of {', '.join(['file', *SCHEMES])}, got {name}://",
            hint="download files first, or read the store with its own tool and pull the files",
        )
    scheme = SCHEMES[name]
    try:
        open_source = import_module(f"eventsource.sources.{scheme.module}").open_source
    except ImportError as error:
        extra = f'pip install "eventsource-workbench[{scheme.extra}]"' if scheme.extra else None
        raise SourceError(f"{name}:// needs {error.name}: {error}", hint=extra) from harmless_cause(error)
    known = [each for each in inspect.signature(open_source).parameters if each not in ("url", "mapping")]
    for option in options:
        if option not in known:
            raise SourceError(f"unknown argument {option!r} for {name}://", hint=suggestion(option, known))
    source: Source = open_source(url, mapping, **options)
    return source
