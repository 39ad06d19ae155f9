"""The table of records: where each read model says what its rows are.

``eventsource_readmodels`` has one row per read model. A refresh writes it in the transaction that writes the rows,
so position and rows always belong together.

==================== =============== ===================================================================
column               type            content
==================== =============== ===================================================================
name                 TEXT, key       the table of the read model
model                TEXT            the name of the model
fingerprint          TEXT            the fingerprint of the plan that folded the rows
log                  TEXT            the mark of the log that was read; it begins with the log's identity
columns              TEXT            JSON: field → dtype, as Polars writes it
history              BOOLEAN         whether there is a table ``…_history``
position             BIGINT          the rows equal the model over all events before this position
last_event_id        TEXT            the id of the last of these events; NULL at position 0
last_recorded_at     instant         when that event was recorded
refreshed_at         instant         when the rows were written
==================== =============== ===================================================================

Instants are TIMESTAMPTZ in PostgreSQL and ISO 8601 texts in SQLite. The table has no version of its own; its form
has not changed since the first release. The fingerprint versions the rows: where it differs from that of the
model, the next refresh rebuilds them. This is also what an upgrade does if it changes fingerprints.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final, Self

import sqlalchemy as sa

from eventsource.errors import ReadModelError
from eventsource.messages import first_line
from eventsource.readmodel._columns import Instant
from eventsource.readmodel._database import Database

__all__ = [
    "REBUILD",
    "RECORDS",
    "Record",
    "UnreadableRecordError",
    "read_record",
    "write_record",
    "write_transaction",
]

REBUILD: Final = "rebuild() replaces the tables, on the command line: eventsource refresh --rebuild"
RECORDS: Final = "eventsource_readmodels"

_TABLE: Final = sa.Table(
    RECORDS,
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True, comment="the table"),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("log", sa.Text, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("history", sa.Boolean, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("last_event_id", sa.Text),
    sa.Column("last_recorded_at", Instant),
    sa.Column("refreshed_at", Instant, nullable=False),
)


class UnreadableRecordError(ReadModelError):
    """The record of a read model is not what this package writes: nothing is known of its tables."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the table of records; see the module for its columns."""

    name: str
    model: str
    fingerprint: str
    log: str
    columns: Mapping[str, str]
    history: bool
    position: int
    last_event_id: str | None
    last_recorded_at: datetime | None
    refreshed_at: datetime

    @classmethod
    def of(cls, row: sa.RowMapping) -> Self:
        """Return the record of a row.

        Raises:
            TypeError: a column holds something else than it should.
            ValueError: likewise.
        """
        plain = {field.name: row[field.name] for field in fields(cls)}
        record = cls(**{**plain, "columns": json.loads(row["columns"])})
        texts = (record.model, record.fingerprint, record.log, *record.columns.values())
        if not all(isinstance(text, str) for text in texts) or not isinstance(record.position, int):
            raise TypeError("a text or a number is of another type")
        if record.position < 0:
            raise ValueError(f"position {record.position}")
        return record


@contextmanager
def write_transaction(database: Database, name: str) -> Iterator[sa.Connection]:
    """Open the write transaction of a read model; the table of records exists in it.

    The table is created in a transaction of its own: two read models that are created at once would otherwise wait
    for each other.
    """
    with database.write_transaction(name) as connection:
        if sa.inspect(connection).has_table(RECORDS):
            yield connection
            return
    with database.engine.connect() as connection:
        database.prepare(connection)
    with database.write_transaction(RECORDS) as connection:
        _TABLE.create(connection, checkfirst=True)
    with database.write_transaction(name) as connection:
        yield connection


def read_record(connection: sa.Connection, name: str) -> Record | None:
    """Return the record of a read model; None if it does not exist.

    Raises:
        UnreadableRecordError: another program changed it.
    """
    if not sa.inspect(connection).has_table(RECORDS):
        return None
    try:
        row = connection.execute(_TABLE.select().where(_TABLE.c.name == name)).mappings().one_or_none()
        return None if row is None else Record.of(row)
    except (TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnreadableRecordError(
            f"the record of {name!r} in the table {RECORDS} cannot be read: {first_line(error)}", hint=REBUILD
        ) from error


def write_record(connection: sa.Connection, record: Record) -> None:
    """Write a record in place of the one before."""
    row = asdict(record) | {"columns": json.dumps(record.columns)}
    connection.execute(_TABLE.delete().where(_TABLE.c.name == record.name))
    connection.execute(_TABLE.insert().values(row))
