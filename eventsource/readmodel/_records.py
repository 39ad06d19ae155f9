"""The bookkeeping: one row per read model, written in the very transaction that writes its rows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final, Self

import sqlalchemy as sa

from eventsource.readmodel._columns import Instant
from eventsource.readmodel._database import Database

__all__ = ["BOOK", "Record", "recorded", "write", "writing"]

BOOK: Final = "eventsource_readmodels"

_TABLE: Final = sa.Table(
    BOOK,
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


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a read model.

    Args:
        name: its table.
        model: what its model was called.
        fingerprint: of the plan that its rows were folded by.
        log: the mark of the log that they were folded from; it begins with the log's identity.
        columns: the dtype of each field, as text.
        history: whether there is a table of history.
        position: the rows hold what stands before it.
        last_event_id: the event before that position; None at 0.
        last_recorded_at: when it was recorded.
        refreshed_at: when the rows were written.
    """

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
        """Return the record of a row."""
        plain = {field.name: row[field.name] for field in fields(cls)}
        return cls(**{**plain, "columns": json.loads(row["columns"])})


@contextmanager
def writing(database: Database, name: str) -> Iterator[sa.Connection]:
    """Give a transaction as of `Database.writing` that has the table of the bookkeeping."""
    with database.writing(name) as connection:
        if sa.inspect(connection).has_table(BOOK):
            yield connection
            return
    with database.engine.connect() as connection:
        database.prepare(connection)
    with database.writing(BOOK) as connection:
        _TABLE.create(connection, checkfirst=True)
    with database.writing(name) as connection:
        yield connection


def recorded(connection: sa.Connection, name: str) -> Record | None:
    """Return the record of a read model; None where it was never made."""
    if not sa.inspect(connection).has_table(BOOK):
        return None
    row = connection.execute(_TABLE.select().where(_TABLE.c.name == name)).mappings().one_or_none()
    return None if row is None else Record.of(row)


def write(connection: sa.Connection, record: Record) -> None:
    """Write a record, in place of the one before."""
    row = asdict(record) | {"columns": json.dumps(record.columns)}
    connection.execute(_TABLE.delete().where(_TABLE.c.name == record.name))
    connection.execute(_TABLE.insert().values(row))
