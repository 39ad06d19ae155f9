"""Rows of CSV, decoded at once and column by column. Each row is a line; see `eventsource.sources._bulk` for JSON.

Example: the mapping ``stream="who"``, and the columns ``id``, ``who``, ``type``, ``occurred_at`` and ``n``::

    line     7,Ada,Bought,2024-01-01,3        cells ["7", "Ada", "Bought", "2024-01-01", "3"]
    columns  event_id 7   stream Ada   type Bought   occurred_at 2024-01-01   data {"n":"3"}

A row with another number of cells, or that lacks what the mapping needs, is left.
"""

import csv
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from eventsource import allocation
from eventsource.sources._bulk import BulkEvents, is_utf8, is_utf8_each
from eventsource.sources._bulk_frame import REST, EventColumns
from eventsource.sources._csv_header import Header
from eventsource.sources._lines import Lines, Rows
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._times import TimeReader
from eventsource.sources._values import MALFORMED, decode_members, json_text

__all__ = ["TableDecoder", "cells_of", "has_a_row_per_line"]


def has_a_row_per_line(data: bytes, delimiter: str) -> bool:
    """Return whether each of some whole lines is a row, so that they can be decoded without other lines."""
    if delimiter == '"' or b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
        return False
    if b'"' not in data:
        return True
    texts = _texts(data)
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    try:
        return sum(1 for _ in csv.reader(texts, strict=True, delimiter=delimiter)) == len(texts)
    except csv.Error:
        return False


def cells_of(data: bytes, delimiter: str) -> list[list[str]]:
    """Return the cells of each line; the lines are as `has_a_row_per_line` says."""
    texts = _texts(data)
    if b'"' not in data:
        return [text.split(delimiter) for text in texts]
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    return list(csv.reader(texts, strict=True, delimiter=delimiter))


def _texts(data: bytes) -> list[str]:
    texts = data.decode("utf-8", "surrogateescape").split("\n")
    if not texts[-1]:
        texts.pop()
    return [text.removesuffix("\r") for text in texts] if b"\r" in data else texts


class TableDecoder:
    """Decodes blocks of rows.

    Args:
        fields: which column of the table is which column of the envelope.
        times: how times are read.
    """

    def __init__(self, fields: FieldMapping, times: TimeReader) -> None:
        self._fields, self._times = fields, times

    def decode(self, lines: Lines, cells: Sequence[Sequence[str]], header: Header) -> BulkEvents | None:
        """Return the events of rows; None if they must be decoded one by one.

        Args:
            lines: a block of lines.
            cells: of each of them.
            header: what the rows have in common.
        """
        names = header.columns.names
        fields = _fields_of_table(self._fields, names)
        if fields is None:
            return None
        is_row = np.array([len(each) == len(names) for each in cells], np.bool_)
        if not is_utf8(lines.data):
            is_row &= is_utf8_each(lines)
        rows, left = np.flatnonzero(is_row), np.flatnonzero(~is_row)
        if not len(rows):
            return None
        with allocation.gc_paused():
            table = zip(*(cells[row] for row in rows.tolist()), strict=True)
            columns = {name: _values(column, header) for name, column in zip(names, table, strict=True)}
            events, is_good = _TableColumns(fields, lines, rows, header, columns).events(self._times)
        if is_good is None:
            return BulkEvents(events, rows + lines.first, left)
        return BulkEvents(events, rows[is_good] + lines.first, np.sort(np.concatenate([left, rows[~is_good]])))


class _TableColumns(EventColumns):
    """Columns of a table as columns of the envelope.

    Args:
        fields: see `EventColumns`, as ``lines`` and ``rows``.
        header: what the rows have in common.
        columns: name → cells; None: absent.
    """

    def __init__(
        self,
        fields: FieldMapping,
        lines: Lines,
        rows: Rows,
        header: Header,
        columns: dict[str, list[str | None]],
    ) -> None:
        super().__init__(fields, lines, rows)
        self._header, self._columns = header, columns

    def values(self, path: str) -> Sequence[Any]:
        return self._columns.get(path) or [None] * len(self.rows)

    def integers(self, values: Sequence[Any]) -> pl.Series:
        texts = pl.Series("version", values, pl.String)
        is_integer = texts.str.contains("^-?[0-9]{1,19}$").fill_null(value=False)
        return texts.set(~is_integer, None).cast(pl.Int64, strict=False)

    def unfit(self) -> list[pl.Series]:
        is_guessed = "event_id" not in self.fields.constants and {"event_id", "id"} <= self._columns.keys()
        if not is_guessed or self.fields.paths.get("event_id") != "event_id":
            return []
        return [pl.Series([value is None for value in self._columns["event_id"]])]  # its id may be ``id``

    def payload(self) -> pl.Series:
        path = str(self.fields.paths.get("data", "data"))
        values = self.values(path)
        if "data" in self.fields.paths:
            objects = ["{}" if value is None else _object(value) for value in values]
            return pl.Series(objects, dtype=pl.String)
        if path not in self._columns:
            return pl.Series(self._rest, dtype=pl.String)
        rest = self._rest
        return pl.Series(
            [rest[row] if value is None else _object(value) for row, value in enumerate(values)], dtype=pl.String
        )

    def metadata(self) -> pl.Series:
        path = str(self.fields.paths.get("metadata", "metadata"))
        if path == REST:
            return pl.Series([None if each == "{}" else each for each in self._rest], dtype=pl.String)
        return pl.Series(
            [None if value is None else _object(value) for value in self.values(path)], dtype=pl.String
        )

    @cached_property
    def _rest(self) -> list[str]:
        """The texts of the members that are not columns of the envelope."""
        columns = self._header.columns
        members = self.fields.plain_rest(list(dict.fromkeys(columns.members_of.values())))
        kept = [name for name, member in columns.members_of.items() if members is None or member in members]
        rows = zip(*(self._columns[name] for name in kept), strict=True) if kept else iter([()] * len(self.rows))
        cells = ({n: c for n, c in zip(kept, row, strict=True) if c is not None} for row in rows)
        if members is None:  # one of them has parts that are columns
            return [self.fields.rest(columns.members(each)).decode() for each in cells]
        return [json_text(columns.members(each)) for each in cells]


def _fields_of_table(fields: FieldMapping, names: Sequence[str]) -> FieldMapping | None:
    """Return the mapping of a table with these columns; None if its rows must be decoded one by one."""
    if fields.constants.keys() & {"data", "metadata", "version"}:
        return None
    type_ = fields.texts.get("type")
    if type_ is not None and "@type" in type_.parts:
        return None
    parts = [part.removesuffix("?") for column in fields.texts.values() for part in column.paths]
    paths = [path for path in fields.paths.values() if isinstance(path, str) and path != REST]
    for path in (*parts, *paths):
        for each in {path, *path.split("|")}:
            is_object = any(name.startswith(f"{each}.") for name in names) and each not in names
            if is_object or ("|" in each and each in names):
                return None
    if "event_id" in fields.paths or "event_id" in fields.constants:
        return fields
    own = "event_id" if "event_id" in names else "id"
    return FieldMapping({**fields.paths, "event_id": own}, fields.constants, fields.hidden)


def _values(column: Sequence[str], header: Header) -> list[str | None]:
    """Return the values of cells, as `Dialect.cell` reads them."""
    if header.dialect.decimal != ".":
        return [header.dialect.cell(text) for text in column]
    if all(map(str.strip, column)):
        return list(column)
    return [text if text.strip() else None for text in column]


def _object(text: str) -> str:
    """Return the text of an object; an empty text if it is not one."""
    try:
        decode_members(text.strip())
    except MALFORMED:
        return ""
    return text.strip()
