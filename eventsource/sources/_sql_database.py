"""Reading rows of an SQL database, in bounded memory: PostgreSQL by ADBC, all others by SQLAlchemy."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from eventsource.database_urls import CONNECTION_HINTS, database_url, shown_url
from eventsource.errors import SourceError, StoreError
from eventsource.messages import first_line
from eventsource.redaction import harmless_cause
from eventsource.sources._gaps import Status

__all__ = ["PLAIN_OIDS", "PostgresqlReader", "SqlReader", "reader_at"]

PLAIN_OIDS: Final = frozenset({16, 17, 18, 19, 20, 21, 23, 25, 26, 700, 701, 1042, 1043, 1082, 1114, 1184})
"""Types of PostgreSQL that arrive as they are; others are cast to text."""

_HINTS: Final = (
    ("closed the connection", "the server was stopped: pull again when it runs; nothing was lost"),
    ("terminating connection", "the server was stopped: pull again when it runs; nothing was lost"),
    ("permission denied", "grant the user SELECT on the table"),
    ("does not exist", "check the names of the database, the table and the columns"),
    ("no such", "check the names of the table and the columns"),
)
_STATUS: Final = """
SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       (SELECT (extract(epoch FROM min(coalesce(a.xact_start, '-infinity'))) * 1000000)::text
        FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
          AND a.backend_type NOT IN ('autovacuum worker', 'walsender')
          AND (a.xact_start IS NOT NULL OR a.query = '<insufficient privilege>' AND EXISTS (
               SELECT FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
               WHERE l.pid = a.pid AND (c.relkind = 'S' OR l.locktype = 'transactionid'))))
FROM (SELECT pg_current_snapshot() AS s) AS one
"""
"""The transactions of the server. A session whose transaction may not be seen counts as older than everything if
it holds a lock on a sequence, which `nextval` takes until the end of the transaction, or has a number."""

_CLUSTER: Final = """
SELECT (SELECT system_identifier::text FROM pg_control_system()), oid FROM pg_database
WHERE datname = current_database()
"""
_OLDEST: Final = """
SELECT pid, usename, application_name, state, (extract(epoch FROM clock_timestamp() - xact_start))::float
FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 1
"""


class SqlReader:
    """Reads a database.

    Args:
        url: its URL.
    """

    def __init__(self, url: sa.URL) -> None:
        self.url, self.name, self.dialect = url, shown_url(url), url.get_backend_name()
        try:
            self.engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        except (ImportError, sa.exc.ArgumentError) as error:
            raise SourceError(
                f"{self.name} cannot be opened: {error}", hint="install the driver that the URL names"
            ) from harmless_cause(error)

    def columns(self, source: str) -> dict[str, int | None]:
        """Return the names of the columns of a table or query, and the oids of their types on PostgreSQL."""
        with self.own_errors(), self.engine.connect() as connection:
            found = connection.execute(_text(f"SELECT * FROM {source} WHERE 1 = 0"))  # noqa: S608 - quoted, or the user's own query
            description = found.cursor.description if found.cursor is not None else ()
            return {str(each[0]): self._type_of(each) for each in description}

    def rows(self, statement: str) -> Sequence[Any]:
        """Return all rows of a small answer."""
        with self.own_errors(), self.engine.connect() as connection:
            return connection.execute(_text(statement)).all()

    def frames(self, statement: str, size: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of a statement, which sees one state of the database, about so many at a time."""
        with self.own_errors(), self.engine.connect() as connection:
            own = connection.execution_options(stream_results=True, max_row_buffer=size)
            found = own.execute(_text(statement))
            names = list(found.keys())
            while rows := found.fetchmany(size):
                yield _frame(names, rows)

    def identity(self, source: str) -> str:  # noqa: ARG002 - a dialect may know more
        """Return which database and table this is; an empty text if the database cannot say that."""
        return ""

    def quoted(self, name: str) -> str:
        """Return a name, perhaps with a schema, as SQL."""
        quote = self.engine.dialect.identifier_preparer.quote_identifier
        return ".".join(quote(part) for part in name.split("."))

    def _type_of(self, description: Sequence[Any]) -> int | None:  # noqa: ARG002 - likewise
        return None

    @contextmanager
    def own_errors(self) -> Iterator[None]:
        """Raise the errors of drivers as errors of this package."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise self.translated(getattr(error, "orig", None) or error) from harmless_cause(error)

    def translated(self, error: BaseException) -> StoreError:
        """Return an error of a driver as one of this package, with what helps."""
        text = first_line(error)
        hints = (hint for words, hint in (*CONNECTION_HINTS, *_HINTS) if words in str(error))
        hint = next(hints, "check the URL, then try again")
        return StoreError(f"{self.name}: {text}", hint=hint)


class SqliteReader(SqlReader):
    """An SQLite file, which is not created if it does not exist."""

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        if not Path(str(url.database)).is_file():
            raise SourceError(
                f"{self.name}: there is no such file", hint="check the path: sqlite:///folder/file.db"
            )


class PostgresqlReader(SqlReader):
    """A PostgreSQL database: rows as Arrow by ADBC, or by psycopg where ADBC cannot be imported."""

    def status(self) -> Status:
        """Return the transactions of the server now."""
        ((xmin, xmax, now, oldest),) = self.rows(_STATUS)
        return Status(xmin, xmax, now, None if oldest is None else int(float(oldest.replace("-Infinity", "0"))))

    def oldest_transaction(self) -> str:
        """Return words about the transaction that is open for the longest time, of any program."""
        rows = self.rows(_OLDEST)
        if not rows:
            return "a transaction that is open"
        pid, user, program, state, seconds = rows[0]
        who = f"user {user}, {program or 'no name'}, {state}"
        return f"the transaction of pid {pid} ({who}), open for {seconds:.0f} s"

    def identity(self, source: str) -> str:
        """Return the ids of cluster, database and table; a new table of the same name has another id."""
        ((cluster, database),) = self.rows(_CLUSTER)
        if source.startswith("("):
            return f"{cluster}/{database}"
        name = source.partition(" ")[0].replace("'", "''")
        ((table,),) = self.rows(f"SELECT to_regclass('{name}')::oid")
        return f"{cluster}/{database}/{table}"

    def frames(self, statement: str, size: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of a statement; see `SqlReader.frames`."""
        try:
            import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415 - an extra, which other databases do without
        except ImportError:
            yield from super().frames(statement, size)
            return
        uri = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            with closing(adbc.connect(uri)) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(statement)
                parts: list[pl.DataFrame] = []
                for batch in cursor.fetch_record_batch():
                    parts.append(pl.DataFrame(pl.from_arrow(batch)))
                    if sum(part.height for part in parts) >= size:
                        yield from _sliced(pl.concat(parts), size)
                        parts = []
                if parts:
                    yield from _sliced(pl.concat(parts), size)
        except (adbc.Error, OSError) as error:  # an OSError: while Arrow streams the rows
            raise self.translated(error) from harmless_cause(error)

    def _type_of(self, description: Sequence[Any]) -> int | None:
        return int(description[1])


def reader_at(url: str) -> SqlReader:
    """Return the reader of a URL.

    Raises:
        SourceError: the text is not a URL, a file does not exist, or a driver is not installed.
    """
    found = database_url(url, error=SourceError)
    if found.drivername == "sqlite":
        return SqliteReader(found)
    if found.get_backend_name() == "postgresql":
        try:
            return PostgresqlReader(found)
        except SourceError as error:
            hint = 'pip install "eventsource-workbench[postgresql]"'
            raise SourceError(str(error).partition("\n")[0], hint=hint) from error
    return SqlReader(found)


def _text(statement: str) -> sa.TextClause:
    """Return a statement in which a colon or a percent sign means itself."""
    return sa.text(statement.replace(":", "\\:"))


def _sliced(frame: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    return iter(frame.iter_slices(size))


def _frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Return rows as a frame; a column of values of several kinds holds them as objects."""
    columns: dict[str, pl.Series] = {}
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        plain = [bytes(value) if isinstance(value, memoryview) else value for value in values]
        try:
            columns[name] = pl.Series(name, plain, strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            columns[name] = pl.Series(name, plain, dtype=pl.Object)
    return pl.DataFrame(columns)
