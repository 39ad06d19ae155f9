"""Mappings: which member of a record is which column of the envelope. A record is a line, a row, or a part of one.

Example: the mapping ``event_id="no", stream="who.key"`` and the constant ``type="Bought"``::

    line        {"no": 7, "who": {"key": "c", "name": "Ada"}, "occurred_at": "2024-01-01", "price": 1.50}
    event_id    7
    stream      c
    type        Bought
    data        {"who": {"name": "Ada"}, "price": 1.50}        every member that is not a column, verbatim

Texts may have several parts, see `eventsource.sources._texts`. A line may have several records, see
`eventsource.sources._records`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import methodcaller
from typing import Any, Final

import msgspec

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE
from eventsource.sources._texts import Origin, TextColumn
from eventsource.sources._values import (
    MappedLine,
    is_null,
    json_key,
    json_piece,
    json_text,
    members,
    read_integer,
    read_object,
    read_text,
    read_time,
)

__all__ = ["READ_AGAIN", "REQUIRED", "FieldMapping", "PathOrParts", "is_absent", "member_at"]

READ_AGAIN: Final = (
    "from the start: eventsource pull --again. Events that the log has stay as they are: if their stream, type or "
    "time was wrong, pull into a new log"
)
"""What to do after a mapping was changed; ``to read it`` comes before."""

REQUIRED: Final = ("event_id", "stream", "type", "occurred_at")

PathOrParts = str | Sequence[str]
"""A path, a part such as ``@line``, a pattern such as ``{org}/{user}``, or a list of paths and parts."""

_Finder = Callable[[Mapping[str, Any]], Any]
_TextFinder = Callable[[Mapping[str, Any], Origin, str], str]
_TEXTS: Final = ("event_id", "stream", "type")
_REST: Final = "@rest"
"""The path of metadata if it consists of all members that are not columns."""
_EMPTY_OBJECT: Final = (b"{", b"}")


@dataclass(frozen=True)
class FieldMapping:
    """Which member is which column.

    A path is dotted (``meta.ts``). A member whose name is the whole path, dots included, takes precedence. Of
    alternatives (``user|device``) the first one counts that is there and not null. ``metadata`` may be ``@rest``:
    all members that are not columns.

    Args:
        paths: column → path of a member; columns that are not mapped have their own name as path
            (``event_id`` also ``id``). ``event_id``, ``stream`` and ``type`` may have several parts.
        constants: column → a text that is the same for every record.
        hidden: paths of members that are not payload either, such as times of other events of the same row.
    """

    paths: Mapping[str, PathOrParts] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    hidden: Sequence[str] = ()

    def __post_init__(self) -> None:
        for column in (*self.paths, *self.constants):
            if column not in ENVELOPE:
                raise SourceError(
                    f"expected a column of the envelope, got {column!r}", hint=f"columns: {', '.join(ENVELOPE)}"
                )
        if both := sorted(set(self.paths) & set(self.constants)):
            raise SourceError(
                f"column {both[0]!r} has both a member and a constant", hint="map each column only once"
            )
        for column, path in self.paths.items():
            if column not in _TEXTS and not isinstance(path, str):
                raise SourceError(
                    f"{column}: expected a path, got {path!r}",
                    hint=f"only {', '.join(_TEXTS)} may have several parts",
                )
        _ = self.texts  # an unknown part is noticed now, not at the first line

    @cached_property
    def texts(self) -> Mapping[str, TextColumn]:
        """The text columns that are made of several parts, or of one that no member holds."""
        columns = {name: TextColumn(name, self.paths[name]) for name in _TEXTS if name in self.paths}
        return {name: column for name, column in columns.items() if not column.is_path}

    def apply(self, record: Mapping[str, Any], origin: Origin) -> MappedLine:
        """Return the envelope of one record.

        Args:
            record: its members; a value may be raw JSON (`msgspec.Raw`), which stays verbatim.
            origin: where it comes from.

        Raises:
            LineError: a member is missing or has the wrong type.
        """
        find, text, label = self._finders, self._text_finders, self._labels
        recorded, metadata = find["recorded_at"](record), self._metadata(record)
        kind = text["type"](record, origin, "") if self._needs_type else ""
        return MappedLine(
            event_id=text["event_id"](record, origin, kind),
            stream=text["stream"](record, origin, kind),
            version=read_integer(label["version"], find["version"](record)),
            type=kind or text["type"](record, origin, ""),
            occurred_at=read_time(label["occurred_at"], find["occurred_at"](record)),
            recorded_at=None if is_absent(recorded) else read_time(label["recorded_at"], recorded),
            data=self._payload(record),
            metadata=None if metadata is None else read_object(label["metadata"], metadata),
        )

    @cached_property
    def _needs_type(self) -> bool:
        return any("@type" in part for column in self.texts.values() for part in column.parts)

    def label(self, column: str) -> str:
        """Return the name of a column for reasons, with its path if that differs: ``occurred_at (meta.ts)``."""
        return self._labels[column]

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        paths = {column: self.paths.get(column, column) for column in ENVELOPE}
        return {
            column: column if path == column or str(path).startswith("=") else f"{column} ({path})"
            for column, path in paths.items()
        }

    @cached_property
    def _finders(self) -> Mapping[str, _Finder]:
        return {column: self._finder(column) for column in ENVELOPE if column not in self.texts}

    @cached_property
    def _text_finders(self) -> Mapping[str, _TextFinder]:
        return {column: self._text_finder(column) for column in _TEXTS}

    def _finder(self, column: str) -> _Finder:
        if column in self.constants:
            return lambda _: self.constants[column]
        if column == "event_id" and column not in self.paths:
            return lambda line: line.get("event_id" if "event_id" in line else "id")
        path = str(self.paths.get(column, column))
        return partial(member_at, path) if "." in path or "|" in path else methodcaller("get", path)

    def _text_finder(self, column: str) -> _TextFinder:
        if column in self.texts:
            text = self.texts[column].text
            return lambda record, origin, kind: text(record, lambda path: member_at(path, record), origin, kind)
        find, label = self._finders[column], self._labels[column]
        return lambda record, *_: read_text(label, find(record))

    def is_missing(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record lacks a member of a required column."""
        return any(is_null(self._finders[column](record)) for column in REQUIRED if column in self._finders)

    def is_absent(self, column: str, record: Mapping[str, Any]) -> bool:
        """Return whether a column is not mapped, and the record has no member of its name."""
        if column in self.paths or column in self.constants:
            return False
        return is_null(self._finders[column](record))

    def _metadata(self, record: Mapping[str, Any]) -> Any:
        if self.paths.get("metadata") != _REST:
            return self._finders["metadata"](record)
        rest = self.rest(record)
        return msgspec.Raw(rest) if len(rest) > len(_EMPTY_OBJECT) else None

    def rest(self, record: Mapping[str, Any]) -> bytes:
        """Return the JSON text of the members that are not columns, verbatim."""
        mapped = self._mapped["event_id" if "event_id" in record else "id"]
        if mapped.parts.keys().isdisjoint(record):
            return json_text({name: value for name, value in record.items() if name not in mapped.names}).encode()
        return b"".join(_unmapped(record, mapped))

    def plain_rest(self, names: Sequence[str]) -> list[str] | None:
        """Return which members of a record are not columns; None if one of them has parts that are columns."""
        mapped = self._mapped["event_id" if "event_id" in names else "id"]
        if not mapped.parts.keys().isdisjoint(names):
            return None
        return [name for name in names if name not in mapped.names]

    def _payload(self, line: Mapping[str, Any]) -> str:
        if "data" in self.paths or "data" in self.constants or "data" in line:
            return read_object(self._labels["data"], self._finders["data"](line)) or "{}"
        return self.rest(line).decode()

    @cached_property
    def _mapped(self) -> Mapping[str, "_MappedMembers"]:
        """The members that are not payload, by the name of the member that is the event's id."""
        columns = [name for name in ENVELOPE if name != "event_id" and (name != "data" or name in self.paths)]
        paths = [*self.hidden, *(path for column in columns for path in self._paths_of(column, column))]
        return {
            name: _MappedMembers.of([*paths, *self._paths_of("event_id", name)]) for name in ("event_id", "id")
        }

    def _paths_of(self, column: str, default: str) -> list[str]:
        """Return the path of the member that is a column, and so not payload.

        Members of a text with several parts, and alternatives, are payload too: no column holds all of them.
        """
        if column in self.constants or column in self.texts:
            return []
        path = str(self.paths.get(column, default))
        return [] if "|" in path else [path]


@dataclass(frozen=True)
class _MappedMembers:
    """Members of an object that are columns, or that contain members that are columns."""

    names: frozenset[str]
    parts: Mapping[str, "_MappedMembers"]

    @classmethod
    def of(cls, paths: Iterable[str]) -> "_MappedMembers":
        """Return the members at some paths; a path may also be the whole name of a member."""
        paths = list(paths)
        below: dict[str, list[str]] = {}
        for path in paths:
            key, dot, more = path.partition(".")
            if dot:
                below.setdefault(key, []).append(more)
        return cls(frozenset(paths), {key: cls.of(more) for key, more in below.items()})


def member_at(path: str, line: Mapping[str, Any]) -> Any:
    """Return the member at a dotted path, or the first of alternatives that is not null.

    A member with that whole name takes precedence.
    """
    if path in line:
        return line[path]
    if "|" in path:
        found = (member_at(alternative, line) for alternative in path.split("|"))
        return next((value for value in found if not is_absent(value)), None)
    value: Any = line
    for key in path.split("."):
        inner = members(value)
        value = None if inner is None else inner.get(key)
    return value


def is_absent(raw: Any) -> bool:
    """Return whether a value is absent: no member, null, or an empty text as in CSV."""
    return is_null(raw) or raw == "" or (isinstance(raw, msgspec.Raw) and bytes(raw) == b'""')


def _unmapped(line: Mapping[str, Any], mapped: _MappedMembers) -> list[Any]:
    """Return pieces of the JSON text of the members that are not mapped, verbatim.

    An object with some mapped members keeps the others. If all its members are mapped, it is left out.
    """
    pieces: list[Any] = []
    for key, value in line.items():
        if key in mapped.names:
            continue
        nested = members(value) if key in mapped.parts else None
        inner = _unmapped(nested, mapped.parts[key]) if nested else [json_piece(value)]
        if not nested or len(inner) > len(_EMPTY_OBJECT):
            pieces += (b",", json_key(key), *inner)
    return [b"{", *pieces[1:], b"}"]
