"""Lines and rows as events: in bulk if all lines have one shape, otherwise line by line, with reasons for faults.

Example: a block of 64,000 lines, of which line 40,001 is broken. `BulkDecoder` refuses the block. So it is cut
into 16 pieces of 4,000 lines, of which `BulkDecoder` decodes 15. The piece with the broken line has at most 4,096
lines and is decoded line by line: 3,999 events and one rejected line.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.event import ENVELOPE, empty_events, rejected_lines
from eventsource.sources._blocks import Block
from eventsource.sources._bulk import BulkDecoder
from eventsource.sources._records import LineMapping
from eventsource.sources._texts import Origin
from eventsource.sources._times import TimeReader
from eventsource.sources._values import LineError, MappedLine, json_text, shorten

__all__ = ["Decoder", "Line", "check_utf8"]

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOM: Final = b"\xef\xbb\xbf"
_PIECES: Final = 16
_SINGLE_LINES: Final = 4096
"""A piece with a fault and at most so many lines is decoded line by line."""

_Content = bytes | Mapping[str, Any] | str
"""A line's bytes, a row's members, or the reason why it has no members."""

_EventsAndRejected = tuple[pl.DataFrame, pl.DataFrame]


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
        self._source, self._mapping, self._times, self._short_name = source, mapping, times, lru_cache(short_name)
        self._bulk = BulkDecoder(mapping.fields, times) if mapping.is_plain else None

    def block(self, block: Block, file: str) -> _EventsAndRejected:
        """Return the events of a block of JSON lines, and the rejected lines."""
        data = block.data.removeprefix(_BOM) if block.first == 1 else block.data
        events, rejected = self._piece(data, block.first, block.lines, file)
        if not block.long:
            return events, rejected
        long = [self._reject(Line(file, line.number, line.begin), line.reason) for line in block.long]
        return events, pl.concat([rejected, rejected_lines(long)]).sort("line", maintain_order=True)

    def lines(self, lines: Iterable[Line]) -> _EventsAndRejected:
        """Return the events of JSON lines, one by one; blank lines are skipped."""
        return self._decode_each((line, line.raw) for line in lines if line.raw.strip())

    def rows(self, rows: Iterable[tuple[Line, Mapping[str, Any] | str]]) -> _EventsAndRejected:
        """Return the events of rows that are members already; a text instead of members is a reason."""
        return self._decode_each(rows)

    def _piece(self, data: bytes, first: int, count: int, file: str) -> _EventsAndRejected:
        """Return the events of some lines; see the example of this module."""
        events = None if self._bulk is None else self._bulk.decode(data, count)
        if events is not None:
            return events, rejected_lines([])
        lines = _split_lines(data)
        if count <= _SINGLE_LINES:
            return self.lines(Line(file, number, raw) for number, raw in enumerate(lines, first))
        step = -(-len(lines) // _PIECES)
        pieces = [(first + start, lines[start : start + step]) for start in range(0, len(lines), step)]
        pairs = [self._piece(b"\n".join(piece), number, len(piece), file) for number, piece in pieces]
        return pl.concat([events for events, _ in pairs]), pl.concat([rejected for _, rejected in pairs])

    def _decode_each(self, lines: Iterable[tuple[Line, _Content]]) -> _EventsAndRejected:
        """Return the events of bytes, members or reasons, one by one."""
        good: list[tuple[Line, _Content]] = []
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
            return empty_events(), rejected_lines(rejected)
        events, faults = self._frame({name: [getattr(each, name) for each in mapped] for name in ENVELOPE}, owners)
        rejected += [self._reject(good[owner][0], reason, good[owner][1]) for owner, reason in faults.items()]
        return events, rejected_lines(rejected).sort("line", maintain_order=True)

    def _map(self, line: Line, content: _Content) -> list[MappedLine]:
        if isinstance(content, str):
            raise LineError(content)
        origin = Origin(self._short_name(line.file), line.number, line.raw)
        if not isinstance(content, bytes):
            return self._mapping.apply(content, origin)
        return self._mapping.apply(_decode_members(content), origin)

    def _frame(self, columns: Mapping[str, list[Any]], owners: list[int]) -> tuple[pl.DataFrame, dict[int, str]]:
        """Return the events of the lines whose times can all be read, and line → reason for the others."""
        times = {name: self._times.read(columns[name]) for name in ("occurred_at", "recorded_at")}
        faults: dict[int, str] = {}
        for name, instants in times.items():
            is_bad = instants.is_null() & pl.Series([value is not None for value in columns[name]])
            for row in is_bad.arg_true():
                value = columns[name][row]
                reason = f"{self._mapping.fields.label(name)} is not a time: {shorten(value)}"
                faults.setdefault(owners[row], reason)
        self._times.count_without_zone(columns["occurred_at"])
        times["recorded_at"] = times["recorded_at"].fill_null(times["occurred_at"])
        frame = pl.DataFrame(
            {name: pl.Series(times.get(name, columns[name]), dtype=dtype) for name, dtype in ENVELOPE.items()}
        )
        return frame.filter(~pl.Series(owners).is_in(list(faults))) if faults else frame, faults

    def _reject(self, line: Line, reason: str, content: _Content = b"") -> dict[str, Any]:
        raw = _json_bytes(content) if isinstance(content, Mapping) and not line.raw else line.raw
        return {"source": self._source, "file": line.file, "line": line.number, "reason": reason, "raw": raw}


def check_utf8(raw: bytes) -> None:
    """Raise a `LineError` if bytes are not UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from error


def _decode_members(raw: bytes) -> Mapping[str, Any]:
    """Return the members of a line, their values as raw JSON."""
    check_utf8(raw)
    try:
        return _MEMBERS.decode(raw)
    except msgspec.ValidationError as error:
        raise LineError("not a JSON object") from error
    except RecursionError as error:
        raise LineError("nested too deeply") from error
    except (msgspec.DecodeError, ValueError) as error:
        kind = "not UTF-8: half of a surrogate pair" if "utf-16" in str(error) else "not JSON"
        raise LineError(f"{kind}: {error}") from error


def _split_lines(data: bytes) -> list[bytes]:
    """Return lines without their ends of line."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def _json_bytes(members: Mapping[str, Any]) -> bytes:
    try:
        return json_text(members).encode()
    except LineError:
        return repr(members).encode()
