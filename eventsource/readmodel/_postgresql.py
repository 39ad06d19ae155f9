"""PostgreSQL: rows are written with COPY; an advisory lock lets one process write a read model at a time."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, ClassVar, Final

import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from eventsource.errors import ReadModelError
from eventsource.readmodel._columns import Dialect
from eventsource.readmodel._database import LOCK_TIMEOUT, Database
from eventsource.readmodel._escapes import ESCAPE, escape, escape_ids, unescape

__all__ = ["Postgresql"]

_LONGEST_NAME: Final = 63  # bytes; PostgreSQL truncates longer names
_LIMIT_EXCEEDED: Final = "54"  # the class of SQLSTATE: too many columns, too complex a statement, …
_LOCK_CLASS: Final = zlib.crc32(b"eventsource.readmodel")
_SYSTEM_COLUMNS: Final = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
_ONE_SCHEMA: Final = "SELECT set_config('search_path', quote_ident(current_schema()), true)"
"""Makes every name of the transaction one of the schema in which tables are created, as if it were qualified with
it: tables of the same names in other schemas of the search path are not seen."""
_GRANTS: Final = """
SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, to_regclass(quote_ident(:new)),
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
       CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_catalog.pg_class c, aclexplode(c.relacl) a
WHERE c.oid = to_regclass(quote_ident(:old)) AND a.grantee <> c.relowner
"""


class Postgresql(Database):
    """A PostgreSQL database.

    Args:
        url: ``postgresql+psycopg://…``.
    """

    dialect: ClassVar[Dialect] = "postgresql"
    driver_errors = psycopg.Error

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url.set(drivername="postgresql+psycopg"))

    def check_names(self, tables: list[str], columns: list[str]) -> None:
        """Check that no name is empty, would be truncated, or is one of PostgreSQL's own."""
        for name, is_own, what in (
            *((name, name.startswith("pg_"), "table") for name in tables),
            *((name, name in _SYSTEM_COLUMNS, "column") for name in columns),
        ):
            if is_own:
                raise ReadModelError(
                    f"{name!r} cannot be a {what} in PostgreSQL: it is a name of the system",
                    hint="rename the field or the table",
                )
        for name in (*tables, *columns):
            if not name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
                raise ReadModelError(
                    f"{name!r} cannot be a name in PostgreSQL: expected 1 to {_LONGEST_NAME} bytes without NUL",
                    hint="rename the field or the table",
                )

    def insert(self, table: sa.Table) -> Any:
        """Return PostgreSQL's INSERT."""
        return postgresql.insert(table)

    def stored_text(self, value: str) -> str:
        """Return the text in its escaped form."""
        return escape(value)

    def stored_ids(self, entities: pl.Series) -> pl.Series:
        """Return ids in their escaped form."""
        return escape_ids(entities)

    def original_text(self, stored: str) -> str:
        """Return the text that was escaped."""
        return unescape(stored)

    def escaped_ids(self, connection: sa.Connection, table: sa.Table) -> list[str]:
        """Return the escaped ids; an index has nothing else."""
        return list(connection.execute(sa.select(table.c.entity).where(_is_escaped(table)).distinct()).scalars())

    def index_escaped_ids(self, connection: sa.Connection, table: sa.Table, name: str) -> None:
        """Create a partial index, so that escaped ids are found without reading the table."""
        connection.execute(CreateIndex(sa.Index(name, table.c.entity, postgresql_where=_is_escaped(table))))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Collect statistics."""
        connection.exec_driver_sql(f"ANALYZE {connection.dialect.identifier_preparer.format_table(table)}")

    def copy_privileges(self, connection: sa.Connection, new: sa.Table, old: str) -> None:
        """Grant on a new table what is granted on the table that it replaces."""
        grants = connection.execute(sa.text(_GRANTS), {"new": new.name, "old": old}).scalars().all()
        for grant in grants:
            _driver(connection).execute(grant)

    def _options(self) -> Mapping[str, Any]:
        return {}

    @contextmanager
    def _exclusive(self, connection: sa.Connection, name: str) -> Iterator[sa.Connection]:
        with connection.begin():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
            keys = [_signed(_LOCK_CLASS), _signed(zlib.crc32(name.encode()))]
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*keys)))
            connection.execute(sa.text(_ONE_SCHEMA))
            yield connection

    @contextmanager
    def _consistent(self, connection: sa.Connection) -> Iterator[sa.Connection]:
        own = connection.execution_options(isolation_level="REPEATABLE READ")
        with own.begin():
            own.execute(sa.text(_ONE_SCHEMA))
            yield own

    def _insert(self, connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
        names = sql.SQL(", ").join(sql.Identifier(name) for name in rows.columns)
        copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, ENCODING 'UTF8')")
        lines = BytesIO()
        rows.write_csv(lines, include_header=False, quote_style="non_numeric")
        statement = copy.format(sql.Identifier(table.name), names)
        with _driver(connection).cursor() as cursor, cursor.copy(statement) as target:
            target.write(lines.getbuffer())

    def _is_outage(self, error: BaseException) -> bool:
        is_permanent = (getattr(error, "sqlstate", None) or "").startswith(_LIMIT_EXCEEDED)
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not is_permanent

    def _is_busy(self, error: BaseException) -> bool:
        return isinstance(
            error,
            psycopg.errors.LockNotAvailable
            | psycopg.errors.DeadlockDetected
            | psycopg.errors.SerializationFailure,
        )


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine was made for it
    return driver


def _is_escaped(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return whether an id is escaped; a literal, so that the planner sees the condition of the index."""
    return table.c.entity.like(sa.literal_column(f"'%{ESCAPE}%'"))


def _signed(number: int) -> int:
    """Return an unsigned number of 32 bits as PostgreSQL's signed integer."""
    return number - 2**32 if number >= 2**31 else number
