"""Tables of rows: statements that create, fill, swap, merge and compare them.

A rebuild fills new tables under random names and swaps them for the old ones. A refresh loads its rows into a
temporary *staging table* and merges that into the table:

    staging table   table            after the merge
    a  1            a  1             a  1   equal: not written
    b  2            b  7             b  2   differs: updated
    c  3                             c  3   new: inserted
                    d  4                    an entity of this refresh without a row in the staging table: deleted
                    e  5             e  5   not an entity of this refresh: left alone
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, ExecutableDDLElement
from sqlalchemy.sql import quoted_name

from eventsource.readmodel._columns import sql_type
from eventsource.readmodel._database import Database

__all__ = [
    "KEYS",
    "create_indexes",
    "create_new",
    "delete_missing",
    "different_rows",
    "drop",
    "staging_table",
    "swap",
    "untyped_table",
    "upsert",
]

KEYS: Final = ("entity", "valid_from")
"""The columns of the primary key: the first of states, both of histories."""

_INDEXED: Final = ("valid_from", "valid_to")


def untyped_table(name: str, columns: Iterable[str]) -> sa.Table:
    """Return a table for statements that need no types of columns: all but its creation. All names are quoted."""
    return _table(name, dict.fromkeys(columns, sa.types.NULLTYPE))


def _table(name: str, types: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.Table:
    columns = [
        sa.Column(quoted_name(column, quote=True), kind, primary_key=column in KEYS, autoincrement=False)
        for column, kind in types.items()
    ]
    return sa.Table(quoted_name(name, quote=True), sa.MetaData(), *columns)


def create_new(connection: sa.Connection, schema: Mapping[str, pl.DataType], database: Database) -> sa.Table:
    """Create an empty table for frames of a schema, under a random name."""
    types = {column: sql_type(dtype, database.dialect) for column, dtype in schema.items()}
    table = _table(_random_name("new"), types)
    table.create(connection, checkfirst=False)
    return table


def create_indexes(connection: sa.Connection, table: sa.Table, database: Database) -> None:
    """Create the indexes of a filled table, for questions as of a moment, and collect its statistics."""
    for column in _INDEXED:
        if column in table.c:
            connection.execute(CreateIndex(sa.Index(_random_name(column), table.c[column])))
    database.index_escaped_ids(connection, table, _random_name("escaped"))
    database.analyze(connection, table)


def swap(connection: sa.Connection, new: sa.Table, name: str, database: Database) -> None:
    """Give a new table its final name; drop the table that has it, if there is one."""
    if sa.inspect(connection).has_table(name):
        database.copy_privileges(connection, new, name)
        drop(connection, name)
    connection.execute(_Rename(new, name))


def drop(connection: sa.Connection, name: str) -> None:
    """Drop a table."""
    untyped_table(name, ()).drop(connection, checkfirst=False)


@contextmanager
def staging_table(
    connection: sa.Connection,
    frame: pl.DataFrame,
    target: sa.Table,
    database: Database,
    *,
    indexed: bool = True,
    on_rows: Callable[[int], object] | None = None,
) -> Iterator[sa.Table]:
    """Give a temporary table with the rows of a frame, and drop it at the end of the block.

    Args:
        connection: the connection of the transaction.
        frame: the rows.
        target: the table whose types of columns the staging table gets.
        database: the database of both.
        indexed: whether rows will be looked up by their keys.
        on_rows: see `Database.load`.
    """
    staging = untyped_table(_random_name("staging"), frame.columns)
    connection.execute(_CreateStagingTable(staging, target))
    database.load(connection, staging, frame, on_rows)
    if indexed:
        connection.execute(CreateIndex(sa.Index(_random_name("staging"), *staging.primary_key, unique=True)))
        database.analyze(connection, staging)
    yield staging
    staging.drop(connection, checkfirst=False)


def delete_missing(connection: sa.Connection, target: sa.Table, staging: sa.Table, ids: sa.Table) -> int:
    """Delete the rows that the staging table does not have; return how many.

    Args:
        connection: the connection of the transaction.
        target: the table to delete from.
        staging: the rows that stay.
        ids: a table with a column ``entity``: only rows of these entities are deleted.
    """
    theirs = target.c.entity.in_(sa.select(ids.c.entity))
    delete = sa.delete(target).where(theirs, ~sa.exists().where(_same_key(target, staging)))
    return connection.execute(delete).rowcount


def upsert(connection: sa.Connection, target: sa.Table, staging: sa.Table, database: Database) -> int:
    """Insert the rows of the staging table and update those that differ; return how many were written."""
    keys = [column.name for column in target.primary_key]
    values = [column for column in target.c if column.name not in keys]
    # SQLite reads the ON of "INSERT … SELECT … FROM a ON CONFLICT" as that of a join, unless there is a WHERE.
    insert = database.insert(target).from_select(list(staging.c.keys()), sa.select(staging).where(sa.true()))
    if values:
        changed = sa.or_(*(column.is_distinct_from(insert.excluded[column.name]) for column in values))
        new = {column.name: insert.excluded[column.name] for column in values}
        insert = insert.on_conflict_do_update(index_elements=keys, set_=new, where=changed)
    else:
        insert = insert.on_conflict_do_nothing()
    return connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount


def different_rows(connection: sa.Connection, target: sa.Table, staging: sa.Table) -> pl.DataFrame:
    """Return the entities whose rows differ between a table and the staging table.

    Returns:
        ``entity``, ``problem``: ``missing``, ``extra`` or ``different``; sorted.
    """
    values = [column.name for column in target.c if column.name not in KEYS]
    same = _same_key(target, staging)
    other = sa.or_(sa.false(), *(target.c[name].is_distinct_from(staging.c[name]) for name in values))
    found = {
        "missing": sa.select(staging.c.entity).where(~sa.exists().where(same)),
        "extra": sa.select(target.c.entity).where(~sa.exists().where(same)),
        "different": sa.select(staging.c.entity).select_from(sa.join(staging, target, same)).where(other),
    }
    rows = [(row[0], problem) for problem, query in found.items() for row in connection.execute(query.distinct())]
    return pl.DataFrame(rows, {"entity": pl.String, "problem": pl.String}, orient="row").sort("entity", "problem")


def _same_key(target: sa.Table, staging: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(target.c[key.name] == staging.c[key.name] for key in target.primary_key))


def _random_name(what: str) -> str:
    return f"eventsource_{what}_{secrets.token_hex(8)}"


class _Rename(ExecutableDDLElement):
    """ALTER TABLE … RENAME TO …."""

    def __init__(self, table: sa.Table, name: str) -> None:
        self.table, self.name = table, name


@compiles(_Rename)
def _rename(rename: _Rename, compiler: Any, **_: Any) -> str:
    quote = compiler.preparer
    return f"ALTER TABLE {quote.format_table(rename.table)} RENAME TO {quote.quote_identifier(rename.name)}"


class _CreateStagingTable(ExecutableDDLElement):
    """CREATE TEMPORARY TABLE … with columns of another table and no rows."""

    def __init__(self, staging: sa.Table, target: sa.Table) -> None:
        self.staging, self.target = staging, target


@compiles(_CreateStagingTable)
def _create_staging_table(create: _CreateStagingTable, compiler: Any, **_: Any) -> str:
    quote = compiler.preparer
    staging, target = quote.format_table(create.staging), quote.format_table(create.target)
    columns = ", ".join(quote.format_column(column) for column in create.staging.c)
    return f"CREATE TEMPORARY TABLE {staging} AS SELECT {columns} FROM {target} WHERE 1 = 0"  # noqa: S608 - quoted
