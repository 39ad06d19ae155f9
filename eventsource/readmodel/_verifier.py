"""The verifier: compares the rows of the tables with those that the model has."""

from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlalchemy as sa

from eventsource.progress import Progress
from eventsource.readmodel._database import Database
from eventsource.readmodel._entity_progress import EntityProgress
from eventsource.readmodel._records import Record
from eventsource.readmodel._rows import OutgrownError, Rows, dtypes_with
from eventsource.readmodel._tables import different_rows, staging_table, untyped_table

__all__ = ["Verifier"]

_SCHEMA: Final = {"entity": pl.String(), "problem": pl.String()}


@dataclass(frozen=True, slots=True)
class Verifier:
    """Compares rows in one read transaction.

    Args:
        database: the database.
        connection: the connection of the transaction.
        rows: the rows that the model has at the position of the tables.
        progress: reports entities as they are compared.
    """

    database: Database
    connection: sa.Connection
    rows: Rows
    progress: Progress

    def compare(self, record: Record) -> pl.DataFrame:
        """Return the rows that differ; see `eventsource.readmodel.ReadModel.verify`."""
        part = self.rows.in_one_slice()
        progress = EntityProgress(self.progress, "comparing")
        progress.begin(part)
        found = [
            self._compare_table(name, frame, record, progress).select(pl.lit(name).alias("table"), pl.all())
            for name, frame in part.frames.items()
        ]
        return pl.concat(found)

    def _compare_table(
        self, name: str, frame: pl.DataFrame, record: Record, progress: EntityProgress
    ) -> pl.DataFrame:
        try:
            dtypes_with(frame, record.columns)
        except OutgrownError as error:
            return pl.DataFrame({"entity": [None], "problem": [str(error)]}, _SCHEMA)
        target = untyped_table(name, frame.columns)
        with staging_table(self.connection, frame, target, self.database, on_rows=progress.add) as staging:
            found = different_rows(self.connection, target, staging)
        entities = [self.database.original_text(entity) for entity in found["entity"]]
        return found.with_columns(pl.Series("entity", entities, pl.String))
