"""What is read of a database: the columns, the order, and the mapping. A preset makes one for a known library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eventsource.sources._mapping import PathOrParts
from eventsource.sources._store_source import Prepare

__all__ = ["Column", "Found", "Kind", "TablePlan"]

Kind = Literal["plain", "json", "number", "bytes"]
"""How a column becomes a member: as it is; as the JSON that its text is; as the number that it is; as bytes."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read.

    Args:
        name: the name of the member.
        sql: its expression.
        kind: what its values are.
    """

    name: str
    sql: str
    kind: Kind = "plain"


@dataclass(frozen=True, slots=True)
class Found:
    """A table as it is.

    Args:
        name: its name as the user gave it.
        sql: its name in SQL.
        columns: the names of its columns, with the oid of their type on PostgreSQL.
        dialect: ``postgresql``, ``sqlite``, ….
        written_in: the zone in which Marten's server has written timestamps wrongly; None: they are right.
    """

    name: str
    sql: str
    columns: Mapping[str, int | None]
    dialect: str
    written_in: str | None = None

    def has(self, name: str) -> bool:
        """Return whether there is a column."""
        return name in self.columns

    def text(self, sql: str) -> str:
        """Return an expression as a text, where PostgreSQL has a type of its own for it."""
        return f"({sql})::text" if self.dialect == "postgresql" else sql


@dataclass(frozen=True)
class TablePlan:
    """What is read, and how its rows become events.

    Args:
        place: the name of the table, for ``@place`` and rejected rows.
        source: what follows FROM.
        columns: what is selected.
        position: the expression of the position, an integer.
        transaction: the expression of the transaction (``xid8``) that wrote the row; then the order is
            (transaction, position). None: the order is that of positions.
        where: a condition, or an empty text.
        time: the expression of the time when a row was written, for the lag; None if there is none.
        paths: column of the envelope → path, where the user names none.
        prepare: see `StoreSource.rows`.
        notes: sentences for the user at each pull.
    """

    place: str
    source: str
    columns: tuple[Column, ...]
    position: str
    transaction: str | None = None
    where: str = ""
    time: str | None = None
    paths: Mapping[str, PathOrParts] = field(default_factory=dict)
    prepare: Prepare | None = None
    notes: tuple[str, ...] = ()

    def select(self, condition: str, *, order: bool = True) -> str:
        """Return the statement that reads rows which meet a condition, in order."""
        columns = [f"{each.sql} AS {_quoted(each.name)}" for each in self.columns]
        keys = [f"{self.position} AS {_quoted('@position')}"]
        if self.transaction is not None:
            keys.append(f"({self.transaction})::text AS {_quoted('@transaction')}")
        both = " AND ".join(f"({each})" for each in (self.where, condition) if each)
        by = ", ".join(each for each in (self.transaction, self.position) if each is not None)
        end = f" ORDER BY {by}" if order else ""
        return f"SELECT {', '.join([*keys, *columns])} FROM {self.source} WHERE {both or '1 = 1'}{end}"  # noqa: S608 - quoted names and integers

    def ask(self, what: str, condition: str = "") -> str:
        """Return the statement that asks for something about the rows which meet a condition."""
        both = " AND ".join(f"({each})" for each in (self.where, condition) if each)
        return f"SELECT {what} FROM {self.source}" + (f" WHERE {both}" if both else "")  # noqa: S608 - likewise


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
