"""Tables of rows: made beside and swapped, merged from a stage, compared with one."""

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
    "beside",
    "delete_gone",
    "differing",
    "drop",
    "finish",
    "staged",
    "swap",
    "table_of",
    "table_there",
    "upsert",
]

KEYS: Final = ("entity", "valid_from")
"""The columns that make a row what it is: of states the first alone, of histories both."""

_INDEXED: Final = ("valid_from", "valid_to")


def table_of(name: str, schema: Mapping[str, pl.DataType], database: Database) -> sa.Table:
    """Return a table for frames of a schema; its name and those of its columns are always quoted."""
    return _table(name, {column: sql_type(dtype, database.dialect) for column, dtype in schema.items()})


def table_there(name: str, columns: Iterable[str]) -> sa.Table:
    """Return a table that exists already, whatever the types of its columns are."""
    return _table(name, dict.fromkeys(columns, sa.types.NULLTYPE))


def _table(name: str, types: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.Table:
    columns = [
        sa.Column(quoted_name(column, quote=True), kind, primary_key=column in KEYS, autoincrement=False)
        for column, kind in types.items()
    ]
    return sa.Table(quoted_name(name, quote=True), sa.MetaData(), *columns)


def beside(connection: sa.Connection, schema: Mapping[str, pl.DataType], database: Database) -> sa.Table:
    """Make an empty table under a name that nobody has."""
    table = table_of(_unheard("new"), schema, database)
    table.create(connection, checkfirst=False)
    return table


def finish(connection: sa.Connection, table: sa.Table, database: Database) -> None:
    """Make a filled table quick to ask: as of a moment, where it has intervals."""
    for column in _INDEXED:
        if column in table.c:
            connection.execute(CreateIndex(sa.Index(_unheard(column), table.c[column])))
    database.analyze(connection, table)


def swap(connection: sa.Connection, new: sa.Table, name: str, database: Database) -> None:
    """Put a table in the place of one that may be there."""
    if sa.inspect(connection).has_table(name):
        database.inherit(connection, new, name)
        drop(connection, name)
    connection.execute(_Rename(new, name))


def drop(connection: sa.Connection, name: str) -> None:
    """Drop a table."""
    table_there(name, ()).drop(connection, checkfirst=False)


@contextmanager
def staged(
    connection: sa.Connection,
    frame: pl.DataFrame,
    target: sa.Table,
    database: Database,
    *,
    compared: bool = True,
    told: Callable[[int], object] | None = None,
) -> Iterator[sa.Table]:
    """Give a temporary table with the rows of a frame, in columns like those of a target.

    Args:
        connection: to the database.
        frame: the rows.
        target: the table.
        database: whose it is.
        compared: whether its rows will be looked for by their keys.
        told: as of `Database.load`.
    """
    stage = table_there(_unheard("stage"), frame.columns)
    connection.execute(_Stage(stage, target))
    database.load(connection, stage, frame, told)
    if compared:
        connection.execute(CreateIndex(sa.Index(_unheard("stage"), *stage.primary_key, unique=True)))
        database.analyze(connection, stage)
    yield stage
    stage.drop(connection, checkfirst=False)


def delete_gone(connection: sa.Connection, target: sa.Table, stage: sa.Table, entities: sa.Table) -> int:
    """Delete those rows of some entities that the stage has not; return how many."""
    mine = target.c.entity.in_(sa.select(entities.c.entity))
    gone = sa.delete(target).where(mine, ~sa.exists().where(_same_row(target, stage)))
    return connection.execute(gone).rowcount


def upsert(connection: sa.Connection, target: sa.Table, stage: sa.Table, database: Database) -> int:
    """Insert the rows of the stage, or change those that differ; return how many."""
    keys = [column.name for column in target.primary_key]
    values = [column for column in target.c if column.name not in keys]
    insert = database.insert(target).from_select(list(stage.c.keys()), sa.select(stage).where(sa.true()))
    if values:
        changed = sa.or_(*(column.is_distinct_from(insert.excluded[column.name]) for column in values))
        new = {column.name: insert.excluded[column.name] for column in values}
        insert = insert.on_conflict_do_update(index_elements=keys, set_=new, where=changed)
    else:
        insert = insert.on_conflict_do_nothing()
    return connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount


def differing(connection: sa.Connection, target: sa.Table, stage: sa.Table) -> pl.DataFrame:
    """Return the entities of rows that a table lacks, has too many, or holds otherwise than the stage.

    Returns:
        ``entity``, ``problem``: ``missing``, ``extra`` or ``different``; sorted.
    """
    values = [column.name for column in target.c if column.name not in KEYS]
    same = _same_row(target, stage)
    other = sa.or_(sa.false(), *(target.c[name].is_distinct_from(stage.c[name]) for name in values))
    found = {
        "missing": sa.select(stage.c.entity).where(~sa.exists().where(same)),
        "extra": sa.select(target.c.entity).where(~sa.exists().where(same)),
        "different": sa.select(stage.c.entity).select_from(sa.join(stage, target, same)).where(other),
    }
    rows = [(row[0], problem) for problem, query in found.items() for row in connection.execute(query.distinct())]
    return pl.DataFrame(rows, {"entity": pl.String, "problem": pl.String}, orient="row").sort("entity", "problem")


def _same_row(target: sa.Table, stage: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(target.c[key.name] == stage.c[key.name] for key in target.primary_key))


def _unheard(what: str) -> str:
    return f"eventsource_{what}_{secrets.token_hex(8)}"


class _Rename(ExecutableDDLElement):
    """ALTER TABLE … RENAME TO …."""

    def __init__(self, table: sa.Table, name: str) -> None:
        self.table, self.name = table, name


@compiles(_Rename)
def _renaming(rename: _Rename, compiler: Any, **_: Any) -> str:
    quote = compiler.preparer
    return f"ALTER TABLE {quote.format_table(rename.table)} RENAME TO {quote.quote_identifier(rename.name)}"


class _Stage(ExecutableDDLElement):
    """CREATE TEMPORARY TABLE … with some columns of another table, and no rows."""

    def __init__(self, stage: sa.Table, target: sa.Table) -> None:
        self.stage, self.target = stage, target


@compiles(_Stage)
def _staging(staging: _Stage, compiler: Any, **_: Any) -> str:
    quote = compiler.preparer
    stage, target = quote.format_table(staging.stage), quote.format_table(staging.target)
    columns = ", ".join(quote.format_column(column) for column in staging.stage.c)
    return f"CREATE TEMPORARY TABLE {stage} AS SELECT {columns} FROM {target} WHERE 1 = 0"  # noqa: S608 - quoted
