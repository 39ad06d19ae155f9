"""Lines and rows as events: in bulk where lines are what the mapping expects, otherwise one by one.

Example: a block of 64,000 lines, of which line 40,001 is broken. `BulkDecoder` decodes all others. That one line
is decoded alone, which finds the reason why it is rejected.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from eventsource.event import ENVELOPE, PLACED, no_events, rejected_lines
from eventsource.sources._blocks import Block
from eventsource.sources._bulk import BulkDecoder, BulkEvents
from eventsource.sources._bulk_table import TableDecoder, cells_of
from eventsource.sources._csv_header import Header
from eventsource.sources._lines import Lines
from eventsource.sources._records import LineMapping
from eventsource.sources._texts import Origin
from eventsource.sources._times import TimeReader
from eventsource.sources._values import LineError, MappedLine, check_utf8, decode_members, json_text, shorten
from eventsource.sources.presets import preset_named

__all__ = ["Content", "Decoder", "EventsAndRejected", "Line", "json_bytes"]

_BOM: Final = b"\xef\xbb\xbf"
_MANY: Final = 32
"""Lines for which decoding in bulk is worth its preparation."""

Content = bytes | Mapping[str, Any] | str
"""A line's bytes, a row's members, or the reason why it has no members."""

EventsAndRejected = tuple[pl.DataFrame, pl.DataFrame]
"""A frame of `PLACED`, and one of `REJECTED`."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line is, and its bytes; a row of Parquet has none."""

    file: str
    number: int
    raw: bytes = b""


class Decoder:
    """Turns the lines and rows of one source into events.

    Args:
        source: the name of the source, for rejected lines.
        mapping: how a line becomes events.
        times: how times are read.
        short_name: returns the name that a file has in the ids of events.
    """

    def __init__(
        self, source: str, mapping: LineMapping, times: TimeReader, short_name: Callable[[str], str] = str
    ) -> None:
        self._source, self._mapping, self.times = source, mapping, times
        self._given_name, self._short_name = short_name, lru_cache(short_name)
        fields = mapping.fields_of_lines
        self._bulk = BulkDecoder(fields, times) if fields is not None else None
        self._table = TableDecoder(fields, times) if fields is not None else None
        self._recognised: dict[str, BulkDecoder] = {}  # by the name of the known format

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of, for a worker process."""
        mapping = replace(self._mapping, fields=replace(self._mapping.fields), preset=None)
        preset = self._mapping.preset.name if self._mapping.preset is not None else None
        return _decoder_of, (self._source, mapping, preset, self.times, self._given_name)

    def decode(self, block: Block, header: Header | None, file: str) -> EventsAndRejected:
        """Return the events of a block, and the rejected lines; ``header`` is that of CSV."""
        return self.block(block, file) if header is None else self.table(block, header, file)

    def block(self, block: Block, file: str) -> EventsAndRejected:
        """Return the events of a block of JSON lines, and the rejected lines."""
        data = block.data.removeprefix(_BOM) if block.first == 1 else block.data
        events, rejected = self._lines(Lines(data, block.first, self._short_name(file)), file)
        if not block.long:
            return events, rejected
        long = [self._reject(Line(file, line.number, line.begin), line.reason) for line in block.long]
        return events, pl.concat([rejected, rejected_lines(long)]).sort("line", maintain_order=True)

    def lines(self, lines: Iterable[Line]) -> EventsAndRejected:
        """Return the events of JSON lines, one by one; blank lines are skipped."""
        return self._decode_each((line, line.raw) for line in lines if line.raw.strip())

    def rows(self, rows: Iterable[tuple[Line, Mapping[str, Any] | str]]) -> EventsAndRejected:
        """Return the events of rows that are members already; a text instead of members is a reason."""
        return self._decode_each(rows)

    def _lines(self, lines: Lines, file: str) -> EventsAndRejected:
        def record(row: int, raw: bytes) -> tuple[Line, Content]:
            return Line(file, lines.first + row, raw), raw

        return self.records(lines, file, record)

    def records(
        self, lines: Lines, file: str, record: Callable[[int, bytes], tuple[Line, Content]]
    ) -> EventsAndRejected:
        """Return the events of some lines, those that `BulkDecoder` leaves decoded one by one.

        Args:
            lines: the lines; blank ones are skipped.
            file: their file.
            record: row, bytes → what is decoded one by one: the line and its bytes, its members, or a reason.
        """
        bulk = None if self._bulk is None else self._bulk.decode(lines)
        return self._with_left(lines, self._with_recognised(lines, bulk), file, record)

    def _with_recognised(self, lines: Lines, bulk: BulkEvents | None) -> BulkEvents | None:
        """Return events with those of lines that are left and of known formats, if these are many."""
        left = np.arange(len(lines)) if bulk is None else bulk.left
        if len(left) < _MANY:
            return bulk
        rows: dict[str, list[int]] = {}
        for row, line in zip(left.tolist(), lines.some(left.tolist()), strict=True):
            try:
                found = self._mapping.recognised_fields(_members_of(line))
            except LineError:
                continue
            if found is not None:
                name, fields = found
                rows.setdefault(name, []).append(row)
                if name not in self._recognised:
                    self._recognised[name] = BulkDecoder(fields, self.times)
        some = [self._recognised[name].decode(lines, np.array(own)) for name, own in rows.items()]
        more = [each for each in some if each is not None]
        if not more:
            return bulk
        taken = np.concatenate([each.numbers for each in more]) - lines.first
        return BulkEvents.joined([*([] if bulk is None else [bulk]), *more], np.setdiff1d(left, taken))

    def table(self, block: Block, header: Header, file: str) -> EventsAndRejected:
        """Return the events of a block of CSV of which each line is a row, and the rejected lines."""
        lines = Lines(block.data, block.first, self._short_name(file))
        cells = cells_of(block.data, header.delimiter)
        bulk = None if self._table is None else self._table.decode(lines, cells, header)

        def record(row: int, raw: bytes) -> tuple[Line, Content]:
            return Line(file, lines.first + row, raw), header.row(cells[row], raw)

        return self._with_left(lines, bulk, file, record)

    def _with_left(
        self,
        lines: Lines,
        bulk: BulkEvents | None,
        file: str,
        record: Callable[[int, bytes], tuple[Line, Content]],
    ) -> EventsAndRejected:
        """Return events with those of the lines that are left, in the order of lines."""
        rows = range(len(lines)) if bulk is None else bulk.left.tolist()
        left = (record(row, raw) for row, raw in zip(rows, lines.some(rows), strict=True) if raw.strip())
        events, rejected = self._decode_each(left)
        if bulk is None:
            return events, rejected
        line = pl.Series("line", bulk.numbers, pl.Int64)
        found = bulk.events.with_columns(pl.lit(file, pl.String).alias("file"), line)
        if events.is_empty():
            return found, rejected
        order = np.argsort(np.concatenate([bulk.numbers, events["line"].to_numpy()]), kind="stable")
        return pl.concat([found, events])[order], rejected

    def _decode_each(self, lines: Iterable[tuple[Line, Content]]) -> EventsAndRejected:
        """Return the events of bytes, members or reasons, one by one."""
        good: list[tuple[Line, Content]] = []
        owners: list[int] = []  # per event, which of the good lines it comes from
        mapped: list[MappedLine] = []
        rejected: list[dict[str, Any]] = []
        for line, content in lines:
            try:
                found = self._map(line, content)
            except LineError as error:
                rejected.append(self._reject(line, str(error), content))
                continue
            mapped += found
            owners += [len(good)] * len(found)
            good.append((line, content))
        if not mapped:
            return no_events(), rejected_lines(rejected)
        times, faults = self._times(mapped, owners)
        rejected += [self._reject(good[owner][0], reason, good[owner][1]) for owner, reason in faults.items()]
        all_rejected = rejected_lines(rejected).sort("line", maintain_order=True)
        kept = [row for row, owner in enumerate(owners) if owner not in faults]
        if not kept:
            return no_events(), all_rejected
        columns: dict[str, Any] = {name: [getattr(mapped[row], name) for row in kept] for name in ENVELOPE}
        columns |= {name: instants.gather(kept) for name, instants in times.items()}
        taken = [good[owners[row]][0] for row in kept]
        columns |= {"file": [line.file for line in taken], "line": [line.number for line in taken]}
        return pl.DataFrame(columns, schema=PLACED), all_rejected

    def _map(self, line: Line, content: Content) -> list[MappedLine]:
        if isinstance(content, str):
            raise LineError(content)
        origin = Origin(self._short_name(line.file), line.number, line.raw)
        if not isinstance(content, bytes):
            return self._mapping.apply(content, origin)
        return self._mapping.apply(_members_of(content), origin)

    def _times(
        self, mapped: Sequence[MappedLine], owners: Sequence[int]
    ) -> tuple[dict[str, pl.Series], dict[int, str]]:
        """Return the times of events, and line → reason for the lines of which one cannot be read.

        Args:
            mapped: the events.
            owners: the line of each event.
        """
        times: dict[str, pl.Series] = {}
        faults: dict[int, str] = {}
        for name in ("occurred_at", "recorded_at"):
            values = [getattr(each, name) for each in mapped]
            times[name] = self.times.read(values)
            is_bad = times[name].is_null() & pl.Series([value is not None for value in values])
            for row in is_bad.arg_true():
                label = self._mapping.label(name, mapped[row].type)
                reason = f"{label} is not a time: {shorten(values[row])}"
                faults.setdefault(owners[row], reason)
        pairs = zip(mapped, owners, strict=True)
        self.times.count_without_zone([each.occurred_at for each, owner in pairs if owner not in faults])
        times["recorded_at"] = times["recorded_at"].fill_null(times["occurred_at"])
        return times, faults

    def _reject(self, line: Line, reason: str, content: Content = b"") -> dict[str, Any]:
        raw = json_bytes(content) if isinstance(content, Mapping) and not line.raw else line.raw
        return {"source": self._source, "file": line.file, "line": line.number, "reason": reason, "raw": raw}


def _decoder_of(source: str, mapping: LineMapping, preset: str | None, *how: Any) -> Decoder:
    return Decoder(source, replace(mapping, preset=preset_named(preset) if preset else None), *how)


def _members_of(raw: bytes) -> Mapping[str, Any]:
    """Return the members of a line, their values as raw JSON."""
    check_utf8(raw)
    try:
        return decode_members(raw)
    except msgspec.ValidationError as error:
        raise LineError("not a JSON object") from error
    except RecursionError as error:
        raise LineError("nested too deeply") from error
    except (msgspec.DecodeError, ValueError) as error:
        kind = "not UTF-8: half of a surrogate pair" if "utf-16" in str(error) else "not JSON"
        raise LineError(f"{kind}: {error}") from error


def json_bytes(members: Mapping[str, Any]) -> bytes:
    """Return members as JSON; as Python writes them if JSON cannot hold a value."""
    try:
        return json_text(members).encode()
    except LineError:
        return repr(members).encode()
