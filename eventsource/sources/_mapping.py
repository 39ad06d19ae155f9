"""Mappings: which member of a line is which column of the envelope.

Example: the mapping ``event_id="no", stream="who.key"`` and the constant ``type="Bought"``::

    line        {"no": 7, "who": {"key": "c", "name": "Ada"}, "occurred_at": "2024-01-01", "price": 1.50}
    event_id    7
    stream      c
    type        Bought
    data        {"who": {"name": "Ada"}, "price": 1.50}        every member that is not a column, verbatim
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import methodcaller
from typing import Any, Final

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE
from eventsource.sources._values import (
    MappedLine,
    is_null,
    json_key,
    json_piece,
    members,
    read_integer,
    read_object,
    read_text,
    read_time,
)

__all__ = ["FieldMapping"]

_Finder = Callable[[Mapping[str, Any]], Any]
_EMPTY_OBJECT: Final = (b"{", b"}")


@dataclass(frozen=True)
class FieldMapping:
    """Which member is which column.

    A path is dotted (``meta.ts``). A member whose name is the whole path, dots included, takes precedence.

    Args:
        paths: column → path of a member; columns that are not mapped have their own name as path
            (``event_id`` also ``id``).
        constants: column → a text that is the same for every line.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

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

    @property
    def is_explicit(self) -> bool:
        """Whether the user mapped anything."""
        return bool(self.paths or self.constants)

    def apply(self, line: Mapping[str, Any]) -> MappedLine:
        """Return the envelope of one line.

        Args:
            line: the members of the line; a value may be raw JSON (`msgspec.Raw`), which stays verbatim.

        Raises:
            LineError: a member is missing or has the wrong type.
        """
        find, label = self._finders, self._labels
        recorded, metadata = find["recorded_at"](line), find["metadata"](line)
        return MappedLine(
            event_id=read_text(label["event_id"], find["event_id"](line)),
            stream=read_text(label["stream"], find["stream"](line)),
            version=read_integer(label["version"], find["version"](line)),
            type=read_text(label["type"], find["type"](line)),
            occurred_at=read_time(label["occurred_at"], find["occurred_at"](line)),
            recorded_at=None if _is_absent(recorded) else read_time(label["recorded_at"], recorded),
            data=self._payload(line),
            metadata=None if metadata is None else read_object(label["metadata"], metadata),
        )

    def label(self, column: str) -> str:
        """Return the name of a column for reasons, with its path if that differs: ``occurred_at (meta.ts)``."""
        return self._labels[column]

    @cached_property
    def _labels(self) -> Mapping[str, str]:
        paths = {column: self.paths.get(column, column) for column in ENVELOPE}
        return {column: column if path == column else f"{column} ({path})" for column, path in paths.items()}

    @cached_property
    def _finders(self) -> Mapping[str, _Finder]:
        return {column: self._finder(column) for column in ENVELOPE}

    def _finder(self, column: str) -> _Finder:
        if column in self.constants:
            return lambda _: self.constants[column]
        if column == "event_id" and column not in self.paths:
            return lambda line: line.get("event_id" if "event_id" in line else "id")
        path = self.paths.get(column, column)
        return partial(_member_at, path) if "." in path else methodcaller("get", path)

    def _payload(self, line: Mapping[str, Any]) -> str:
        if "data" in self.paths or "data" in self.constants or "data" in line:
            return read_object(self._labels["data"], self._finders["data"](line)) or "{}"
        return b"".join(_unmapped(line, self._mapped["event_id" if "event_id" in line else "id"])).decode()

    @cached_property
    def _mapped(self) -> Mapping[str, "_MappedMembers"]:
        """The members that are not payload, by the name of the member that is the event's id."""
        columns = [name for name in ENVELOPE if name not in ("data", "event_id") and name not in self.constants]
        paths = [self.paths.get(column, column) for column in columns]
        own = {name: self.paths.get("event_id", name) for name in ("event_id", "id")}
        return {
            name: _MappedMembers.of([*paths, path] if "event_id" not in self.constants else paths)
            for name, path in own.items()
        }


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


def _member_at(path: str, line: Mapping[str, Any]) -> Any:
    """Return the member at a dotted path; a member with that whole name takes precedence."""
    if path in line:
        return line[path]
    value: Any = line
    for key in path.split("."):
        inner = members(value)
        value = None if inner is None else inner.get(key)
    return value


def _is_absent(raw: Any) -> bool:
    return is_null(raw) or raw == ""


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
