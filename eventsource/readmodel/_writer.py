"""The writer: merges rows into the tables that exist, or replaces the tables; one transaction for all of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from eventsource.progress import Progress
from eventsource.readmodel._database import Database
from eventsource.readmodel._entity_progress import EntityProgress
from eventsource.readmodel._records import Record
from eventsource.readmodel._rows import Rows, Slice, dtypes_of_fields, dtypes_with
from eventsource.readmodel._tables import (
    create_indexes,
    create_new,
    delete_missing,
    drop,
    staging_table,
    swap,
    untyped_table,
    upsert,
)

__all__ = ["Writer", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction wrote.

    Args:
        written: rows inserted or updated.
        deleted: rows deleted.
        columns: field → dtype of its column now.
    """

    written: int
    deleted: int
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes rows in one transaction.

    Args:
        database: the database.
        connection: the connection of the transaction.
        rows: the rows that the model has.
        progress: reports entities as they are written.
    """

    database: Database
    connection: sa.Connection
    rows: Rows
    progress: Progress

    def merge(self, record: Record) -> Written:
        """Write the rows of the entities with new events, where they differ.

        Raises:
            OutgrownError: new values do not fit into the columns.
        """
        touched = self.rows.timeline.touched(record.position, self.rows.position)
        written, deleted, columns = 0, 0, record.columns
        progress = EntityProgress(self.progress, "writing")
        for part in self.rows.of(touched):
            progress.begin(part)
            for name, frame in part.frames.items():
                columns = dtypes_with(frame, columns)
                counts = self._merge_table(name, frame, touched=part, progress=progress)
                written, deleted = written + counts[0], deleted + counts[1]
        return Written(written, deleted, columns)

    def _merge_table(
        self, name: str, frame: pl.DataFrame, *, touched: Slice, progress: EntityProgress
    ) -> tuple[int, int]:
        """Merge rows into one table; return how many were written and deleted."""
        target = untyped_table(name, frame.columns)
        entities = _entities_to_delete(touched, target, frame)
        deleted, indexed = 0, len(entities) > 0
        with staging_table(
            self.connection, frame, target, self.database, indexed=indexed, on_rows=progress.add
        ) as staging:
            if indexed:
                deleted = self._delete(entities, target, staging)
            return upsert(self.connection, target, staging, self.database), deleted

    def _delete(self, entities: pl.Series, target: sa.Table, staging: sa.Table) -> int:
        with staging_table(self.connection, entities.to_frame(), target, self.database) as ids:
            return delete_missing(self.connection, target, staging, ids)

    def rebuild(self, record: Record | None) -> Written:
        """Fill new tables and swap them for those that exist."""
        tables: dict[str, sa.Table] = {}
        written, columns = 0, dict[str, str]()
        progress = EntityProgress(self.progress, "writing")
        for part in self.rows.everything():
            progress.begin(part)
            for name, frame in part.frames.items():
                if name not in tables:
                    tables[name] = create_new(self.connection, frame.schema, self.database)
                self.database.load(self.connection, tables[name], frame, progress.add)
                written, columns = written + frame.height, dtypes_of_fields(frame)
        self.progress("finishing", 0, 1)
        for name, table in tables.items():
            create_indexes(self.connection, table, self.database)
            swap(self.connection, table, name, self.database)
        target = self.rows.target
        if record is not None and record.history and not target.history:
            drop(self.connection, f"{target.table}_history")
        return Written(written, 0, columns)


def _entities_to_delete(touched: Slice, target: sa.Table, frame: pl.DataFrame) -> pl.Series:
    """Return the entities of which a table may have rows that a frame does not have.

    A state has one row per entity: only entities without a row in the frame. A history has several: all entities.
    """
    assert touched.entities is not None  # noqa: S101 - a merge names its entities
    if len(target.primary_key) > 1:
        return touched.entities
    return touched.entities.filter(~touched.entities.is_in(frame["entity"].implode()))
