"""Opening a database by its URL."""

import sqlalchemy as sa

from eventsource.errors import ReadModelError
from eventsource.readmodel._database import Database
from eventsource.readmodel._sqlite import Sqlite

__all__ = ["database_at"]

_FORMS = "sqlite:///customers.db or postgresql+psycopg://user@host/database"


def database_at(url: str) -> Database:
    """Return the database that a URL names.

    Raises:
        ReadModelError: it names none, or one that read models cannot be kept in.
    """
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:  # the latter: a port that is no number
        raise _no_url(url) from error
    if found.drivername in ("sqlite", "sqlite+pysqlite"):
        return Sqlite(found)
    if found.drivername in ("postgresql", "postgresql+psycopg"):
        return _postgresql(found)
    raise ReadModelError(f"read models cannot be kept in {found.drivername}", hint=_FORMS)


def _no_url(text: str) -> ReadModelError:
    """Return the error for a text that is no URL; what may be a password is not shown."""
    _, at, rest = text.rpartition("@")
    is_path = text and not at and "://" not in text
    hint = _FORMS.replace("customers.db", text) if is_path else _FORMS
    shown = f"…@{rest}" if at else text
    return ReadModelError(f"{shown!r} is no URL of a database", hint=hint)


def _postgresql(url: sa.URL) -> Database:
    try:
        from eventsource.readmodel._postgresql import Postgresql  # noqa: PLC0415 - psycopg is an extra
    except ImportError as error:
        raise ReadModelError(
            f"psycopg cannot be imported: {error}", hint='pip install "eventsource-workbench[postgresql]"'
        ) from error
    return Postgresql(url)
