"""URLs of SQL databases, as SQLAlchemy writes them: parsed, checked, and shown without secrets."""

from typing import Any

import sqlalchemy as sa

from eventsource.errors import EventsourceError
from eventsource.redaction import HIDDEN, is_secret_parameter

__all__ = ["CONNECTION_HINTS", "EXAMPLES", "database_url", "shown_url"]

EXAMPLES = "sqlite:///shop.db or postgresql+psycopg://user@host/database"

CONNECTION_HINTS = (
    ("password authentication failed", "check user and password: in the URL, PGPASSWORD or ~/.pgpass"),
    ("no password supplied", "give the password in the URL, in PGPASSWORD or in ~/.pgpass"),
    ("onnection refused", "check host and port, and that the server is running"),
    ("could not translate host name", "check the host in the URL"),
    ("failed to resolve host", "check the host in the URL"),
    ("SSL", "check sslmode in the URL, such as ?sslmode=require, or ?sslmode=verify-full&sslrootcert=ca.pem"),
)
"""What an error of a connection says, and what helps."""

_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "sqlite+pysqlite": "sqlite"}
"""Other names of a driver."""


def database_url(text: str, *, error: type[EventsourceError], examples: str = EXAMPLES) -> sa.URL:
    """Return a URL; PostgreSQL without a driver means psycopg.

    Args:
        text: the URL.
        error: the error to raise.
        examples: URLs for the hint.
    """
    try:
        found = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: the port is not a number
        raise _not_a_url(text, error, examples) from None  # the error shows the URL
    if "@" in (found.host or ""):
        raise error(
            "expected the URL of a database, got one with two @: one is part of the user or the password",
            hint="write %40 for an @ in a user or a password, or use PGPASSWORD or ~/.pgpass",
        )
    return found.set(drivername=_DRIVERS.get(found.drivername, found.drivername))


def shown_url(url: sa.URL) -> str:
    """Return a URL without passwords."""
    hidden: dict[str, Any] = {key: HIDDEN for key in url.query if is_secret_parameter(key)}
    return url.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A", "*")


def _not_a_url(text: str, error: type[EventsourceError], examples: str) -> EventsourceError:
    """Return the error for a text that is not a URL; what may be a password is not shown."""
    _, at, rest = text.rpartition("@")
    is_path = text and not at and "://" not in text
    first = examples.partition(" ")[0].removeprefix("sqlite:///")
    hint = examples.replace(first, text) if is_path else examples
    shown = f"…@{rest}" if at else text
    return error(f"expected the URL of a database, got {shown!r}", hint=hint)
