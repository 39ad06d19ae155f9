"""Lines of JSON as envelopes: a fast way for lines that fit, a careful one that says why a line does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import polars as pl

from eventsource import garbage
from eventsource.event import ENVELOPE, empty, rejected_frame
from eventsource.sources._mapping import FieldMapping, Mapped, Misfit, recognised
from eventsource.sources._streams import Block
from eventsource.sources._times import Clock

__all__ = ["Decoder", "Line"]

_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_NULL: Final = msgspec.Raw(b"null")
_IS_WHOLE: Final = pl.all_horizontal(pl.col("data", "metadata").str.starts_with("{").all()) & pl.all_horizontal(
    (pl.col("event_id", "stream", "type") != "").all()
)
"""Payloads are objects (or null), and no text that is needed is empty."""

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """Where something stood, and the bytes that stood there."""

    file: str
    number: int
    raw: bytes


@dataclass
class _Taken:
    """What the careful way takes, and what it does not."""

    mapped: list[Mapped] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)


class Decoder:
    """Turns lines and rows of one source into envelopes.

    Args:
        source: the name of the source, for rejected lines.
        mapping: which member is which column.
        clock: how times are read.
    """

    def __init__(self, source: str, mapping: FieldMapping, clock: Clock) -> None:
        self._source, self._mapping, self._clock = source, mapping, clock
        self._fast = [_fast_line(mapping, name) for name in ("event_id", "id")] if _is_flat(mapping) else []

    def block(self, block: Block, file: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of a block of JSON lines, and what was rejected."""
        data = block.data.removeprefix(_BOM) if block.first == 1 else block.data
        with garbage.paused():
            events = self._quickly(data)
        if events is not None and not block.long:
            return events, rejected_frame([])
        lines = [Line(file, number, raw) for number, raw in enumerate(_lines(data), block.first)]
        taken, rejected = self.lines(lines)
        long = [
            self._reject(
                Line(file, each.number, each.begin), f"the line has {each.length:,} bytes, beyond the limit"
            )
            for each in block.long
        ]
        return taken, pl.concat([rejected, rejected_frame(long)]).sort("line", maintain_order=True)

    def lines(self, lines: Sequence[Line]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of JSON lines, one by one; blank lines are passed over."""
        taken = _Taken()
        for line in lines:
            if line.raw.strip():
                self._take(line, taken)
        return self._framed(taken)

    def rows(self, rows: Sequence[tuple[Line, dict[str, Any] | str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of rows that have members already; a text instead of members is a reason."""
        taken = _Taken()
        for line, members in rows:
            try:
                if isinstance(members, str):
                    raise Misfit(members)  # noqa: TRY301 - one place rejects
                taken.mapped.append(self._mapping.apply(members))
                taken.lines.append(line)
            except Misfit as misfit:
                taken.rejected.append(self._reject(line, str(misfit)))
        return self._framed(taken)

    def _quickly(self, data: bytes) -> pl.DataFrame | None:
        """Decode lines at once; None where one of them needs the careful way."""
        for fast in self._fast:
            try:
                found = fast.decode_lines(data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            return self._columns(found)
        return None

    def _columns(self, found: list[Any]) -> pl.DataFrame | None:
        """Return decoded lines as a frame; None where one of them needs the careful way."""
        occurred = [line.occurred_at for line in found]
        recorded = [line.recorded_at for line in found]
        try:
            frame = pl.DataFrame(
                {
                    "event_id": pl.Series([line.event_id for line in found], dtype=pl.String),
                    "stream": pl.Series([line.stream for line in found], dtype=pl.String),
                    "version": pl.Series([line.version for line in found], dtype=pl.Int64),
                    "type": pl.Series([line.type for line in found], dtype=pl.String),
                    "occurred_at": (instants := self._clock.read(occurred)),
                    "recorded_at": instants if recorded == occurred else self._clock.read(recorded),
                    "data": _raw_texts([line.data for line in found]),
                    "metadata": _raw_texts([line.metadata for line in found]),
                }
            )
        except (pl.exceptions.PolarsError, OverflowError):
            return None
        faults = frame["occurred_at"].null_count() + frame["recorded_at"].null_count() - recorded.count(None)
        if faults or not frame.select(_IS_WHOLE).item():
            return None
        return frame.with_columns(
            pl.col("recorded_at").fill_null(pl.col("occurred_at")), pl.col("data").fill_null("{}")
        )

    def _take(self, line: Line, taken: _Taken) -> None:
        try:
            taken.mapped.append(self._mapped(line.raw))
            taken.lines.append(line)
        except Misfit as misfit:
            taken.rejected.append(self._reject(line, str(misfit)))

    def _mapped(self, raw: bytes) -> Mapped:
        try:
            raw.decode("utf-8")
            _ANY.decode(raw)
            members = _RAW.decode(raw)
        except UnicodeDecodeError as error:
            raise Misfit(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from error
        except msgspec.ValidationError as error:
            raise Misfit("not a JSON object") from error
        except msgspec.DecodeError as error:
            raise Misfit(f"not JSON: {error}") from error
        known = None if self._mapping.explicit else recognised(members)
        return known(members) if known else self._mapping.apply(members)

    def _framed(self, taken: _Taken) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return mapped lines as a frame; a time that is none makes a line rejected."""
        if not taken.mapped:
            return empty(), rejected_frame(taken.rejected)
        columns = {name: [getattr(line, name) for line in taken.mapped] for name in ENVELOPE}
        occurred, recorded = (self._clock.read(columns[name]) for name in ("occurred_at", "recorded_at"))
        given = pl.Series([value is not None for value in columns["recorded_at"]])
        bad = occurred.is_null() | (recorded.is_null() & given)
        for row in bad.arg_true():
            name = "occurred_at" if occurred[row] is None else "recorded_at"
            reason = f"{name} is not a time: {columns[name][row]!r}"
            taken.rejected.append(self._reject(taken.lines[row], reason))
        times = {"occurred_at": occurred, "recorded_at": recorded.fill_null(occurred)}
        frame = pl.DataFrame(
            {name: pl.Series(times.get(name, columns[name]), dtype=ENVELOPE[name]) for name in ENVELOPE}
        )
        rejected = rejected_frame(taken.rejected).sort("line", maintain_order=True)
        return frame.filter(~bad), rejected

    def _reject(self, line: Line, reason: str) -> dict[str, Any]:
        return {"source": self._source, "file": line.file, "line": line.number, "reason": reason, "raw": line.raw}


def _is_flat(mapping: FieldMapping) -> bool:
    """Say whether all members are on the top level, so that a struct can decode a line."""
    return not mapping.constants and not any("." in path for path in mapping.paths.values())


def _fast_line(mapping: FieldMapping, event_id: str) -> msgspec.json.Decoder[Any]:
    """Return a decoder of lines whose payload is one member; all others are ignored."""
    types: dict[str, Any] = {
        "event_id": str,
        "stream": str,
        "type": str,
        "occurred_at": str | int | float,
        "recorded_at": str | int | float | None,
        "version": int | None,
        "data": msgspec.Raw,
        "metadata": msgspec.Raw,
    }
    defaults = {"recorded_at": None, "version": None, "metadata": _NULL}
    fields = [
        (name, types[name], defaults[name]) if name in defaults else (name, types[name])
        for name in sorted(types, key=lambda name: name in defaults)
    ]
    names = {"event_id": event_id, **mapping.paths}
    return msgspec.json.Decoder(msgspec.defstruct("FastLine", fields, rename=names, gc=False))


def _raw_texts(values: list[Any]) -> pl.Series:
    """Return raw JSON values as texts, verbatim; null for null."""
    if values.count(_NULL) == len(values):
        return pl.Series([None] * len(values), dtype=pl.String)
    texts = pl.Series("text", [bytes(value) for value in values], pl.Binary).cast(pl.String)
    return texts.to_frame().select(pl.when(pl.col("text") != "null").then(pl.col("text"))).to_series()


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines of a block without their ends."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    for line in lines:
        yield line[:-1] if line.endswith(b"\r") else line
