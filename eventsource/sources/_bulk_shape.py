"""Lines with the members of one mapping, as columns; see the picture of `eventsource.sources._bulk`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from eventsource.event import ENVELOPE
from eventsource.sources._bulk_frame import REST, TEXTS, TIMES, EventColumns
from eventsource.sources._line_structs import NEEDED, DecodedLines, LineStructs, Member
from eventsource.sources._lines import Lines, Mask, Rows
from eventsource.sources._mapping import REQUIRED, FieldMapping
from eventsource.sources._times import TimeReader
from eventsource.sources._values import MALFORMED, decode_members

__all__ = ["LinesOfShape"]

_NULL: Final = msgspec.Raw(b"null")

_TYPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(TEXTS, str | int),
    **dict.fromkeys(TIMES, str | int | float),
    "version": int,
    "data": msgspec.Raw,
    "metadata": msgspec.Raw,
}
_EMPTY_OBJECT: Final = b"{}"


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
            if path == REST:
                return
            if "|" in path:
                raise ValueError(path)
            self._want(path, msgspec.Raw, _NULL if name in self._fields.paths or name == "metadata" else None)
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
            may_be_null = default is None and type_ is not msgspec.Raw  # raw JSON tells null from absent
            member = Member(type_ | None if may_be_null else type_, default)
            known = self._members.get(keys)
            if known is not None:
                if msgspec.Raw in (known.type, type_):
                    raise ValueError(path)
                default_ = NEEDED if NEEDED in (known.default, default) else default
                member = Member(known.type | member.type, default_)
            self._members[keys] = member

    def decode(self, lines: Lines, rows: Rows | None, is_valid: Mask | None) -> tuple[pl.DataFrame, Rows, Rows]:
        """Decode lines.

        Args:
            lines: a block.
            rows: which of its lines; None: all of them.
            is_valid: for all lines, which of them may be decoded, as they are UTF-8; None: all of them.

        Returns:
            Events, their rows, and the rows that are left.
        """
        if rows is None:
            decoded = self._structs.decode(lines, is_valid)
            rows = np.arange(len(lines))
        else:
            decoded = self._structs.decode(Lines(b"".join(line + b"\n" for line in lines.some(rows.tolist()))))
        if not decoded.height:
            return pl.DataFrame(schema=ENVELOPE), rows[:0], rows
        own = np.delete(rows, np.array(decoded.left, np.int64))
        columns = _StructColumns(self._fields, lines, own, (self._structs, decoded, self._absent))
        events, is_good = columns.events(self._times)
        left = rows[np.array(decoded.left, np.int64)]
        if is_good is None:
            return events, own, left
        return events, own[is_good], np.concatenate([left, own[~is_good]])


class _StructColumns(EventColumns):
    """Structs as columns.

    Args:
        fields: see `EventColumns`, as ``lines`` and ``rows``.
        found: how members are found in structs, the structs, and the members that must be absent.
    """

    def __init__(
        self,
        fields: FieldMapping,
        lines: Lines,
        rows: Rows,
        found: tuple[LineStructs, DecodedLines, Sequence[tuple[str, ...]]],
    ) -> None:
        super().__init__(fields, lines, rows)
        self._structs, self._decoded, self._absent = found

    def values(self, path: str) -> Sequence[Any]:
        return self._structs.values(self._decoded, tuple(path.split(".")))

    def integers(self, values: Sequence[Any]) -> pl.Series:
        return _integers(values)

    def unfit(self) -> list[pl.Series]:
        found = [self._structs.values(self._decoded, path) for path in self._absent]
        return [
            pl.Series([value is not _NULL for value in values])
            for values in found
            if any(value is not _NULL for value in values)
        ]

    def payload(self) -> pl.Series:
        path = str(self.fields.paths.get("data", "data"))
        values = [None] * len(self.rows) if path == REST else self.values(path)
        if None in values:  # the members of these lines that are not columns are their payload
            absent = [number for number, value in enumerate(values) if value is None]
            values = list(values)
            for number, line in zip(absent, self.lines.some(self.rows[absent].tolist()), strict=True):
                values[number] = self._rest(line)
        return _raw_texts(values).fill_null("{}")

    def metadata(self) -> pl.Series:
        path = str(self.fields.paths.get("metadata", "metadata"))
        if path != REST:
            return _raw_texts(self.values(path))
        rest = map(self._rest, self.lines.some(self.rows.tolist()))
        return _raw_texts([_NULL if each == _EMPTY_OBJECT else each for each in rest])

    def _rest(self, line: bytes) -> Any:
        """Return the members of a line that are not columns; no text if it must be decoded alone."""
        try:
            return self.fields.rest(decode_members(line))
        except MALFORMED:
            return b""


def _integers(values: Sequence[Any]) -> pl.Series:
    """Return 64-bit integers; null for another value."""
    try:
        return pl.Series(values, dtype=pl.Int64, strict=True)
    except (TypeError, OverflowError):
        fitting = [value if type(value) is int and -(2**63) <= value < 2**63 else None for value in values]
        return pl.Series(fitting, dtype=pl.Int64)


def _raw_texts(values: Sequence[Any]) -> pl.Series:
    """Return raw JSON values as texts, verbatim; JSON null becomes null.

    Joined and split they are fewer objects, which is faster. No value has an end of line: values are parts of
    lines.
    """
    joined = pl.Series("text", [b"\n".join(values)], pl.Binary).cast(pl.String)
    texts = joined.str.split("\n").explode()
    is_null = texts == "null"
    return texts.set(is_null, None) if is_null.any() else texts
