"""Blocks of lines, decoded at once and column by column.

The members that a mapping names become lists of values (`eventsource.sources._line_structs`), and these become
columns of the envelope::

    mapping     event_id=["who.key", "n"], occurred_at="ts"
    lines       0   {"who": {"key": "c"}, "n": 1, "ts": "2024-01-01", …}
                1   {"who": {"key": "c"}, "n": [], …}                        another type than expected
                2   broken
                3   {"who": {"key": "d"}, "n": 2, "ts": "soon", …}           not a time
    result      rows   event_id   occurred_at         left
                0      c:1        2024-01-01          1, 2, 3

`Decoder` decodes the lines that are left one by one, which also finds the reason for a rejected line. Both ways
give the same events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from eventsource import allocation
from eventsource.sources._bulk_shape import LinesOfShape
from eventsource.sources._lines import Lines, Mask, Rows
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._times import TimeReader

__all__ = ["BulkDecoder", "BulkEvents", "is_utf8", "is_utf8_each"]

_SEGMENT: Final = 256
"""Lines that are tested together."""


@dataclass(frozen=True, slots=True)
class BulkEvents:
    """Some events of a block.

    Args:
        events: a frame of `ENVELOPE`.
        numbers: per event, the number of its line.
        left: which lines must be decoded one by one, blank ones among them.
    """

    events: pl.DataFrame
    numbers: Rows
    left: Rows

    @classmethod
    def joined(cls, some: Sequence["BulkEvents"], left: Rows) -> "BulkEvents":
        """Return the events of some, at least one, in the order of lines."""
        if len(some) == 1:
            return cls(some[0].events, some[0].numbers, left)
        numbers = np.concatenate([each.numbers for each in some])
        order = np.argsort(numbers, kind="stable")
        return cls(pl.concat([each.events for each in some])[order], numbers[order], left)


class BulkDecoder:
    """Decodes blocks of lines.

    Args:
        fields: which member is which column.
        times: how times are read.
    """

    def __init__(self, fields: FieldMapping, times: TimeReader) -> None:
        shapes = [_shape(fields, times, fields.paths.get("event_id", "event_id"))]
        if not {"event_id"} & {*fields.paths, *fields.constants}:
            # Without a mapping, "id" is read where a line has no "event_id".
            shapes.append(_shape(fields, times, "id", forbidden="event_id"))
        self._shapes = [shape for shape in shapes if shape is not None]

    def decode(self, lines: Lines, rows: Rows | None = None) -> BulkEvents | None:
        """Return the events of some lines; None if they must be decoded one by one.

        Args:
            lines: a block.
            rows: which of its lines to decode, all of them UTF-8; None: all lines.
        """
        found: list[tuple[pl.DataFrame, Rows]] = []
        left = rows
        is_valid = None if rows is not None or is_utf8(lines.data) else is_utf8_each(lines)
        with allocation.gc_paused():
            for shape in self._shapes:
                some, own, left = shape.decode(lines, left, is_valid)
                left = left if is_valid is None else left[is_valid[left]]
                found += [(some, own)] if some.height else []
                if not len(left):
                    break
        if not found or left is None:
            return None
        invalid = [] if is_valid is None else [np.flatnonzero(~is_valid)]
        left = np.sort(np.concatenate([left, *invalid]))
        return BulkEvents.joined([BulkEvents(some, own + lines.first, left) for some, own in found], left)


def _shape(
    fields: FieldMapping, times: TimeReader, event_id: str | Sequence[str], *, forbidden: str | None = None
) -> LinesOfShape | None:
    """Return the shape of lines with a mapping; None if they must be decoded one by one."""
    constants = fields.constants.keys() & {"data", "metadata", "version"}
    type_ = fields.texts.get("type")
    if constants or (type_ is not None and "@type" in type_.parts):
        return None
    try:
        paths = fields.paths if "event_id" in fields.constants else {**fields.paths, "event_id": event_id}
        return LinesOfShape(FieldMapping(paths, fields.constants, fields.hidden), times, forbidden)
    except (ValueError, TypeError):  # a struct cannot have these members
        return None


def is_utf8_each(lines: Lines) -> Mask:
    """Return which lines are UTF-8; a line that is not costs the few behind it once more."""
    is_valid, begins, data = np.ones(len(lines), np.bool_), lines.begins, memoryview(lines.data)
    low = 0
    while low < len(lines):
        high = min(low + _SEGMENT, len(lines))
        try:
            str(data[begins[low] : begins[high]], "utf-8")
        except UnicodeDecodeError as error:
            row = int(np.searchsorted(begins, begins[low] + error.start, side="right")) - 1
            is_valid[row] = False
            low = row + 1
        else:
            low = high
    return is_valid


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8; Polars tests ten times faster than Python decodes."""
    if data.isascii():
        return True
    try:
        pl.Series([data], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        return False
    return True
