"""Lines with the members of one mapping, as columns; see the picture of `eventsource.sources._bulk`."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from eventsource.event import ENVELOPE
from eventsource.sources._bulk_texts import TextBuilder, texts_of
from eventsource.sources._line_structs import NEEDED, DecodedLines, LineStructs, Member
from eventsource.sources._mapping import REQUIRED, FieldMapping
from eventsource.sources._texts import TextColumn
from eventsource.sources._times import TimeReader
from eventsource.sources._values import MALFORMED, decode_members

__all__ = ["Lines", "LinesOfShape", "Rows"]

Rows = npt.NDArray[np.int64]

_NULL: Final = msgspec.Raw(b"null")
_ABSENT: Final = msgspec.Raw(b"null")
"""Only its identity differs from `_NULL`: the line has no member ``data``."""

_TEXTS: Final = ("event_id", "stream", "type")
_TIMES: Final = ("occurred_at", "recorded_at")
_TYPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_TEXTS, str | int),
    **dict.fromkeys(_TIMES, str | int | float),
    "version": int,
    "data": msgspec.Raw,
    "metadata": msgspec.Raw,
}
_REST: Final = "@rest"
_EMPTY_OBJECT: Final = b"{}"
_IS_GOOD: Final = pl.all_horizontal(
    pl.col(_TEXTS) != "",
    pl.col("data").str.starts_with("{"),
    pl.col("metadata").str.starts_with("{") | pl.col("metadata").is_null(),
    pl.col("occurred_at").is_not_null(),
).fill_null(value=False)
"""Required texts are not empty, payloads are objects, and times are readable."""


class Lines:
    """Some lines of a file.

    Args:
        data: their bytes.
        first: the number of the first line.
        count: how many there are.
        file: the name of the file in the ids of events.
    """

    def __init__(self, data: bytes, first: int, count: int, file: str) -> None:
        self.data, self.first, self.count, self.file = data, first, count, file

    @cached_property
    def each(self) -> list[bytes]:
        """The lines without their ends of line."""
        lines = self.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        return [line.removesuffix(b"\r") for line in lines] if b"\r\n" in self.data else lines


class LinesOfShape:
    """Lines with the members of one mapping.

    Args:
        fields: the mapping, in which the path of each column is named.
        times: how times are read.
        forbidden: a member that must be absent.

    Raises:
        ValueError: these lines must be decoded one by one.
    """

    def __init__(self, fields: FieldMapping, times: TimeReader, forbidden: str | None = None) -> None:
        self._fields, self._times = fields, times
        self._members: dict[tuple[str, ...], Member] = {}
        self._absent: list[tuple[str, ...]] = []
        for name in ENVELOPE:
            if name not in fields.constants and name not in fields.texts:
                self._want_column(name)
        for column in fields.texts.values():
            for part in column.paths:
                *_, last = part.split("|")
                is_optional = part.endswith("?") or last.startswith("@")
                self._want(part.removesuffix("?"), str | int, None if is_optional else NEEDED)
        for path in (*self._absent, *([(forbidden,)] if forbidden else ())):
            if path in self._members:
                raise ValueError(path)
            self._members[path] = Member(msgspec.Raw, _NULL)
            self._absent += [path] if path not in self._absent else []
        self._structs = LineStructs(self._members)

    def _want_column(self, name: str) -> None:
        path = str(self._fields.paths.get(name, name))
        if name in ("data", "metadata"):
            if path == _REST:
                return
            if "|" in path:
                raise ValueError(path)
            self._want(path, msgspec.Raw, _NULL if name in self._fields.paths or name == "metadata" else _ABSENT)
        else:
            self._want(path, _TYPES[name], NEEDED if name in REQUIRED else None)

    def _want(self, path: str, type_: Any, default: Any) -> None:
        """Ask for the member at a path, or for each of alternatives."""
        alternatives = path.split("|")
        if len(alternatives) > 1:
            default = None
            self._absent.append((path,))
        for each in alternatives:
            keys = tuple(each.split("."))
            self._absent += [(each,)] if len(keys) > 1 else []
            member = Member(type_ | None if default is None else type_, default)
            known = self._members.get(keys)
            if known is not None:
                if msgspec.Raw in (known.type, type_):
                    raise ValueError(path)
                default_ = NEEDED if NEEDED in (known.default, default) else default
                member = Member(known.type | member.type, default_)
            self._members[keys] = member

    def decode(self, lines: Lines, rows: Rows | None) -> tuple[pl.DataFrame, Rows, Rows]:
        """Decode some rows of a block; None: all of them.

        Returns:
            Events, their rows, and the rows that are left.
        """
        if rows is None:
            decoded = self._structs.decode(lines.data, lines.count, lambda: lines.each)
            rows = np.arange(lines.count if decoded.rows is None else len(lines.each))
        else:
            decoded = self._structs.decode_each([lines.each[row] for row in rows])
        if not decoded.structs[0]:
            return pl.DataFrame(schema=ENVELOPE), rows[:0], rows
        own = rows if decoded.rows is None else rows[np.array(decoded.rows, np.int64)]
        events, is_good = self._events(decoded, lines, own)
        left = rows[np.array(decoded.left, np.int64)]
        if is_good is None:
            return events, own, left
        return events, own[is_good], np.concatenate([left, own[~is_good]])

    def _events(
        self, decoded: DecodedLines, lines: Lines, rows: Rows
    ) -> tuple[pl.DataFrame, npt.NDArray[np.bool_] | None]:
        """Return the events of decoded lines, and of which lines; None: of all."""
        values = {name: self._column(name, decoded, len(rows)) for name in (*_TIMES, "version")}
        try:
            frame = pl.DataFrame(
                {
                    **self._texts(decoded, lines, rows),
                    **self._times_of(values),
                    "version": _integers(values["version"]),
                    "data": self._payload(decoded, lines, rows),
                    "metadata": self._metadata(decoded, lines, rows),
                }
            )
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
            return pl.DataFrame(schema=ENVELOPE), np.zeros(len(rows), np.bool_)
        is_good = self._is_good(frame, decoded, values)
        events = frame.select(*ENVELOPE).with_columns(pl.col("recorded_at").fill_null(pl.col("occurred_at")))
        if is_good.all():
            self._times.count_without_zone(values["occurred_at"])
            return events, None
        chosen = is_good.to_numpy()
        self._times.count_without_zone([values["occurred_at"][row] for row in np.flatnonzero(chosen)])
        return events.filter(is_good), chosen

    def _is_good(self, frame: pl.DataFrame, decoded: DecodedLines, values: Mapping[str, list[Any]]) -> pl.Series:
        """Return whether a line is what the mapping expects; otherwise it is decoded alone."""
        is_good = frame.select(_IS_GOOD).to_series()
        missing = values["recorded_at"].count(None)
        if missing < frame["recorded_at"].null_count():  # a missing time is not a fault, an unreadable one is
            is_missing = pl.Series([value is None for value in values["recorded_at"]])
            is_good &= frame["recorded_at"].is_not_null() | is_missing
        if frame["version"].null_count() > values["version"].count(None):
            is_good &= frame["version"].is_not_null() | pl.Series([value is None for value in values["version"]])
        for path in self._absent:
            found = self._structs.values(decoded, path)
            if any(value is not _NULL for value in found):
                is_good &= pl.Series([value is _NULL for value in found])
        return is_good

    def _column(self, name: str, decoded: DecodedLines, count: int) -> list[Any]:
        if name in self._fields.constants:
            return [self._fields.constants[name]] * count
        return self._values(decoded, str(self._fields.paths.get(name, name)))

    def _values(self, decoded: DecodedLines, path: str) -> list[Any]:
        """Return the values at a path; of alternatives, the first that is neither null nor empty."""
        lists = [self._structs.values(decoded, tuple(each.split("."))) for each in path.split("|")]
        if len(lists) == 1:
            return lists[0]
        return [
            next((value for value in each if value is not None and value != ""), None)
            for each in zip(*lists, strict=True)
        ]

    def _texts(self, decoded: DecodedLines, lines: Lines, rows: Rows) -> dict[str, pl.Series]:
        found: dict[str, pl.Series] = {}
        builder = TextBuilder(lambda path: self._values(decoded, path), lines, rows, found)
        for name in reversed(_TEXTS):  # the type first, as it may be a part of the others
            column = self._fields.texts.get(name)
            if isinstance(column, TextColumn):
                found[name] = builder.text(column)
            else:
                found[name] = texts_of(self._column(name, decoded, len(rows)))
        return found

    def _times_of(self, values: Mapping[str, list[Any]]) -> dict[str, pl.Series]:
        occurred, recorded = values["occurred_at"], values["recorded_at"]
        times = self._times.read(occurred)
        return {"occurred_at": times, "recorded_at": times if occurred == recorded else self._times.read(recorded)}

    def _payload(self, decoded: DecodedLines, lines: Lines, rows: Rows) -> pl.Series:
        path = str(self._fields.paths.get("data", "data"))
        values: list[Any] = (
            [_ABSENT] * len(rows) if path == _REST else self._structs.values(decoded, tuple(path.split(".")))
        )
        if "data" not in self._fields.paths:
            for number, value in enumerate(values):
                if value is _ABSENT:
                    values[number] = self._rest(lines.each[rows[number]])
        return _raw_texts(values).fill_null("{}")

    def _metadata(self, decoded: DecodedLines, lines: Lines, rows: Rows) -> pl.Series:
        path = str(self._fields.paths.get("metadata", "metadata"))
        if path != _REST:
            return _raw_texts(self._structs.values(decoded, tuple(path.split("."))))
        rest = [self._rest(lines.each[row]) for row in rows]
        return _raw_texts([_NULL if each == _EMPTY_OBJECT else each for each in rest])

    def _rest(self, line: bytes) -> bytes:
        """Return the members of a line that are not columns; no text if it must be decoded alone."""
        try:
            return self._fields.rest(decode_members(line))
        except MALFORMED:
            return b""


def _integers(values: list[Any]) -> pl.Series:
    """Return 64-bit integers; null for another value."""
    try:
        return pl.Series(values, dtype=pl.Int64, strict=True)
    except (TypeError, OverflowError):
        fitting = [value if type(value) is int and -(2**63) <= value < 2**63 else None for value in values]
        return pl.Series(fitting, dtype=pl.Int64)


def _raw_texts(values: list[Any]) -> pl.Series:
    """Return raw JSON values as texts, verbatim; JSON null becomes null."""
    if values.count(_NULL) == len(values):
        return pl.Series([None] * len(values), dtype=pl.String)
    raw = list(map(bytes, values))
    texts = pl.Series("text", raw, pl.Binary).cast(pl.String)
    return texts if b"null" not in raw else texts.set(texts == "null", None)
