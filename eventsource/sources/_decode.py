"""Lines and rows as envelopes: the fast way where it goes, else a careful one that says what does not fit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.event import ENVELOPE, empty_events, rejected_lines
from eventsource.sources._fast import FastWay
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._shapes import recognised
from eventsource.sources._streams import Block
from eventsource.sources._times import Clock
from eventsource.sources._values import Mapped, Misfit, json_text, shown

__all__ = ["Decoder", "Line", "check_utf8"]

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOM: Final = b"\xef\xbb\xbf"
_PIECES: Final = 16
_FEW: Final = 4096

_Found = bytes | Mapping[str, Any] | str
"""A line's bytes, a row's members, or a reason why there are none."""

_Pair = tuple[pl.DataFrame, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Line:
    """Where something stood, and its bytes; a row of Parquet has none."""

    file: str
    number: int
    raw: bytes = b""


class Decoder:
    """Turns lines and rows of one source into envelopes.

    Args:
        source: the name of the source, for rejected lines.
        mapping: which member is which column.
        clock: how times are read.
    """

    def __init__(self, source: str, mapping: FieldMapping, clock: Clock) -> None:
        self._source, self._mapping, self._clock = source, mapping, clock
        self._fast = FastWay(mapping, clock)

    def block(self, block: Block, file: str) -> _Pair:
        """Return the events of a block of JSON lines, and what was rejected."""
        data = block.data.removeprefix(_BOM) if block.first == 1 else block.data
        events, rejected = self._some(data, block.first, block.lines, file)
        if not block.long:
            return events, rejected
        long = rejected_lines([self._reject(Line(file, one.number, one.begin), one.reason) for one in block.long])
        return events, pl.concat([rejected, long]).sort("line", maintain_order=True)

    def lines(self, lines: Iterable[Line]) -> _Pair:
        """Return the events of JSON lines, one by one; blank lines are passed over."""
        return self._take((line, line.raw) for line in lines if line.raw.strip())

    def rows(self, rows: Iterable[tuple[Line, Mapping[str, Any] | str]]) -> _Pair:
        """Return the events of rows that have members already; a text instead of members is a reason."""
        return self._take(rows)

    def _some(self, data: bytes, first: int, count: int, file: str) -> _Pair:
        """Return the events of some lines; a bad one takes only its neighbours off the fast way."""
        events = self._fast.frame(data, count)
        if events is not None:
            return events, rejected_lines([])
        lines = _lines(data)
        if count <= _FEW:
            return self.lines(Line(file, number, raw) for number, raw in enumerate(lines, first))
        step = -(-len(lines) // _PIECES)
        pieces = [(first + start, lines[start : start + step]) for start in range(0, len(lines), step)]
        pairs = [self._some(b"\n".join(piece), number, len(piece), file) for number, piece in pieces]
        return pl.concat([events for events, _ in pairs]), pl.concat([rejected for _, rejected in pairs])

    def _take(self, lines: Iterable[tuple[Line, _Found]]) -> _Pair:
        """Return the events of bytes, members or reasons, one by one."""
        taken: list[tuple[Line, _Found]] = []
        mapped: list[Mapped] = []
        rejected: list[dict[str, Any]] = []
        for line, found in lines:
            try:
                mapped.append(self._mapped(found))
                taken.append((line, found))
            except Misfit as misfit:
                rejected.append(self._reject(line, str(misfit), found))
        if not mapped:
            return empty_events(), rejected_lines(rejected)
        columns = {name: [getattr(each, name) for each in mapped] for name in ENVELOPE}
        return self._framed(columns, taken, rejected)

    def _mapped(self, found: _Found) -> Mapped:
        if isinstance(found, str):
            raise Misfit(found)
        if not isinstance(found, bytes):
            return self._mapping.apply(found)
        members = _decoded(found)
        known = None if self._mapping.explicit else recognised(members)
        return known(members) if known else self._mapping.apply(members)

    def _framed(
        self, columns: Mapping[str, list[Any]], taken: list[tuple[Line, _Found]], rejected: list[dict[str, Any]]
    ) -> _Pair:
        """Return columns as a frame; a time that is none makes a line rejected."""
        times = {name: self._clock.read(columns[name]) for name in ("occurred_at", "recorded_at")}
        bad = pl.repeat(value=False, n=len(taken), eager=True)
        for name, read in times.items():
            faults = read.is_null() & pl.Series([value is not None for value in columns[name]]) & ~bad
            for row in faults.arg_true():
                line, found = taken[row]
                value = columns[name][row]
                reason = f"{self._mapping.label(name)} {self._clock.fault(value)}: {shown(value)}"
                rejected.append(self._reject(line, reason, found))
            bad |= faults
        times["recorded_at"] = times["recorded_at"].fill_null(times["occurred_at"])
        frame = pl.DataFrame(
            {name: pl.Series(times.get(name, columns[name]), dtype=dtype) for name, dtype in ENVELOPE.items()}
        )
        return frame.filter(~bad), rejected_lines(rejected).sort("line", maintain_order=True)

    def _reject(self, line: Line, reason: str, found: _Found = b"") -> dict[str, Any]:
        raw = _json_bytes(found) if isinstance(found, Mapping) and not line.raw else line.raw
        return {"source": self._source, "file": line.file, "line": line.number, "reason": reason, "raw": raw}


def check_utf8(raw: bytes) -> None:
    """Raise a `Misfit` where bytes are not UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Misfit(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from error


def _decoded(raw: bytes) -> Mapping[str, Any]:
    """Return the members of a line, their values raw."""
    check_utf8(raw)
    try:
        return _MEMBERS.decode(raw)
    except msgspec.ValidationError as error:
        raise Misfit("not a JSON object") from error
    except RecursionError as error:
        raise Misfit("nested too deeply") from error
    except (msgspec.DecodeError, ValueError) as error:
        kind = "not UTF-8: half of a surrogate pair" if "utf-16" in str(error) else "not JSON"
        raise Misfit(f"{kind}: {error}") from error


def _lines(data: bytes) -> list[bytes]:
    """Return lines without their ends."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def _json_bytes(members: Mapping[str, Any]) -> bytes:
    try:
        return json_text(members).encode()
    except Misfit:
        return repr(members).encode()
