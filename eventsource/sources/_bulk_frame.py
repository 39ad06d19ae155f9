"""Values of many lines as columns of the envelope, whatever the lines are: JSON or rows of a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from eventsource.event import ENVELOPE
from eventsource.sources._bulk_texts import TextBuilder, texts_of
from eventsource.sources._lines import Lines, Mask, Rows
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._times import TimeReader

__all__ = ["REST", "TEXTS", "TIMES", "EventColumns"]

TEXTS: Final = ("event_id", "stream", "type")
TIMES: Final = ("occurred_at", "recorded_at")
REST: Final = "@rest"
_IS_GOOD: Final = pl.all_horizontal(
    pl.col(TEXTS) != "",
    pl.col("data").str.starts_with("{"),
    pl.col("metadata").str.starts_with("{") | pl.col("metadata").is_null(),
    pl.col("occurred_at").is_not_null(),
).fill_null(value=False)
"""Required texts are not empty, payloads are objects, and times are readable."""


class EventColumns(ABC):
    """Some lines of a block as columns.

    Args:
        fields: which member is which column.
        lines: a block.
        rows: which of its lines.
    """

    def __init__(self, fields: FieldMapping, lines: Lines, rows: Rows) -> None:
        self.fields, self.lines, self.rows = fields, lines, rows

    @abstractmethod
    def values(self, path: str) -> Sequence[Any]:
        """Return the members at a path, one per line; None: absent."""

    @abstractmethod
    def payload(self) -> pl.Series:
        """Return the texts of ``data``; a text that is not an object where a line must be decoded alone."""

    @abstractmethod
    def metadata(self) -> pl.Series:
        """Return the texts of ``metadata``, as for `payload`; null: absent."""

    @abstractmethod
    def integers(self, values: Sequence[Any]) -> pl.Series:
        """Return values as integers of 64 bits; null for another value."""

    def unfit(self) -> list[pl.Series]:
        """Return which lines must be decoded alone for other reasons."""
        return []

    def first_of(self, path: str) -> Sequence[Any]:
        """Return the values at a path; of alternatives, the first that is neither null nor empty."""
        lists = [self.values(each) for each in path.split("|")]
        if len(lists) == 1:
            return lists[0]
        return [
            next((value for value in each if value is not None and value != ""), None)
            for each in zip(*lists, strict=True)
        ]

    def events(self, times: TimeReader) -> tuple[pl.DataFrame, Mask | None]:
        """Return events, and of which lines; None: of all. The others must be decoded alone."""
        values = {name: self._column(name) for name in (*TIMES, "version")}
        try:
            columns = {
                **self._texts(),
                **_times_of(values, times),
                "version": self.integers(values["version"]),
                "data": self.payload(),
                "metadata": self.metadata(),
            }
            frame = pl.DataFrame(columns)
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
            return pl.DataFrame(schema=ENVELOPE), np.zeros(len(self.rows), np.bool_)
        is_good = self._is_good(frame, values)
        events = frame.select(*ENVELOPE).with_columns(pl.col("recorded_at").fill_null(pl.col("occurred_at")))
        if is_good.all():
            times.count_without_zone(values["occurred_at"])
            return events, None
        chosen = is_good.to_numpy()
        times.count_without_zone([values["occurred_at"][row] for row in np.flatnonzero(chosen).tolist()])
        return events.filter(is_good), chosen

    def _is_good(self, frame: pl.DataFrame, values: Mapping[str, Sequence[Any]]) -> pl.Series:
        """Return whether a line is what the mapping expects; otherwise it is decoded alone."""
        is_good = frame.select(_IS_GOOD).to_series()
        for name in ("recorded_at", "version"):
            if values[name].count(None) < frame[name].null_count():  # one that is absent is not a fault
                is_absent = pl.Series([value is None for value in values[name]])
                is_good &= frame[name].is_not_null() | is_absent
        for is_unfit in self.unfit():
            is_good &= ~is_unfit
        return is_good

    def _column(self, name: str) -> Sequence[Any]:
        if name in self.fields.constants:
            return [self.fields.constants[name]] * len(self.rows)
        return self.first_of(str(self.fields.paths.get(name, name)))

    def _texts(self) -> dict[str, pl.Series]:
        found: dict[str, pl.Series] = {}
        builder = TextBuilder(self.first_of, self.lines, self.rows, found)
        for name in reversed(TEXTS):  # the type first, as it may be a part of the others
            column = self.fields.texts.get(name)
            found[name] = texts_of(self._column(name)) if column is None else builder.text(column)
        return found


def _times_of(values: Mapping[str, Sequence[Any]], times: TimeReader) -> dict[str, pl.Series]:
    occurred, recorded = values["occurred_at"], values["recorded_at"]
    found = times.read(occurred)
    return {"occurred_at": found, "recorded_at": found if occurred == recorded else times.read(recorded)}
