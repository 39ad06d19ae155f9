"""The rows of a join: a user's frame, and what its columns ask for."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import polars as pl
from msgspec import Struct

from eventsource.errors import ModelError, MomentError
from eventsource.moment import Moment, last_instants, parse_moment
from eventsource.timeline._question import entity_ids

__all__ = ["JoinedRows", "latest_known_at"]


class JoinedRows(Struct, frozen=True):
    """The rows of a join.

    Args:
        frame: the user's frame.
        on: its column of entity ids.
        at: its column of moments.
        known_at: its column of moments of knowledge, if it has one.
    """

    frame: pl.DataFrame
    on: str
    at: str
    known_at: str | None

    @classmethod
    def of(cls, frame: Any, on: str, at: str, known_at: Moment | None) -> "JoinedRows":
        """Return the rows of a Polars or pandas frame, or of what a Polars frame is made of.

        Raises:
            ModelError: a column is missing, or ``known_at`` is both a moment and the name of a column.
        """
        rows = frame.collect() if isinstance(frame, pl.LazyFrame) else pl.DataFrame(frame)
        for column in (on, at):
            if column not in rows.columns:
                raise _missing(rows, column)
        return cls(rows, on, at, _column_of(rows, known_at))

    def check_names(self, fields: Iterable[str]) -> None:
        """Check that the frame has no columns of these names.

        Raises:
            ModelError: it has one.
        """
        if taken := sorted(set(fields) & set(self.frame.columns)):
            raise ModelError(f"the frame already has a column {taken[0]!r}", hint='prefix="customer_"')

    def asked(self, tz: str) -> pl.DataFrame:
        """Return ``entity``, ``at`` and, where rows have their own, ``known_at``, as instants.

        Raises:
            ModelError: ids that are neither texts nor integers.
            MomentError: a value that is not a moment.
        """
        names = {"at": self.at} if self.known_at is None else {"at": self.at, "known_at": self.known_at}
        moments = [last_instants(self.frame[column], tz).alias(name) for name, column in names.items()]
        return pl.DataFrame([entity_ids(self.frame[self.on], f"column {self.on!r}"), *moments])


def latest_known_at(asked: pl.DataFrame) -> datetime | None:
    """Return the latest moment of knowledge of asked rows; None: there is none."""
    latest = asked["known_at"].max()
    return latest if isinstance(latest, datetime) else None


def _column_of(rows: pl.DataFrame, known_at: Moment | None) -> str | None:
    """Return the column that ``known_at`` names; None: it is one moment, or none."""
    if not isinstance(known_at, str):
        return None
    is_column = known_at in rows.columns
    if not is_column and not _is_moment(known_at):
        raise MomentError(
            f"expected a moment or a column as known_at, got {known_at!r}",
            hint=f"the frame has the columns {', '.join(rows.columns)}",
        )
    if is_column and _is_moment(known_at):
        raise ModelError(
            f"known_at={known_at!r} is a moment, and the frame has a column of that name",
            hint="rename the column, or give the moment as a date or datetime",
        )
    return known_at if is_column else None


def _is_moment(text: str) -> bool:
    try:
        parse_moment(text)
    except MomentError:
        return False
    return True


def _missing(rows: pl.DataFrame, column: str) -> ModelError:
    return ModelError(f"the frame has no column {column!r}", hint=f"it has {', '.join(rows.columns)}")
