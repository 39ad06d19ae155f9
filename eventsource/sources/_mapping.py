"""Mappings: which member of a line is which column of the envelope."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import methodcaller
from typing import Any, Final

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE
from eventsource.sources._values import (
    Mapped,
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
_NOTHING: Final = (b"{", b"}")


@dataclass(frozen=True)
class FieldMapping:
    """Which member is which column.

    A path is dotted (``meta.ts``); a member whose very name is the whole path comes first.

    Args:
        paths: column → path of a member; columns not named are found under their own name
            (``event_id`` also under ``id``).
        constants: column → a text that stands for every line.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column in (*self.paths, *self.constants):
            if column not in ENVELOPE:
                raise SourceError(
                    f"{column!r} is not a column of the envelope", hint=f"columns: {', '.join(ENVELOPE)}"
                )
        if both := sorted(set(self.paths) & set(self.constants)):
            raise SourceError(f"{both[0]!r} is mapped and a constant too", hint="name it once")

    @property
    def explicit(self) -> bool:
        """Whether anything was mapped by hand."""
        return bool(self.paths or self.constants)

    def apply(self, line: Mapping[str, Any]) -> Mapped:
        """Return the envelope of one line.

        Args:
            line: the members of the line; values may be raw JSON (`msgspec.Raw`), which stays verbatim.

        Raises:
            Misfit: a member is missing or has the wrong type.
        """
        find, label = self._finders, self._labels
        recorded, metadata = find["recorded_at"](line), find["metadata"](line)
        return Mapped(
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
        """Return how reasons call a column: its name, and where it was looked for if that differs."""
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
        return partial(_followed, path) if "." in path else methodcaller("get", path)

    def _payload(self, line: Mapping[str, Any]) -> str:
        if "data" in self.paths or "data" in self.constants or "data" in line:
            return read_object(self._labels["data"], self._finders["data"](line)) or "{}"
        return b"".join(_rest(line, self._taken["event_id" if "event_id" in line else "id"])).decode()

    @cached_property
    def _taken(self) -> Mapping[str, "_Taken"]:
        """What is not payload, by the member that is the event's id."""
        columns = [name for name in ENVELOPE if name not in ("data", "event_id") and name not in self.constants]
        paths = [self.paths.get(column, column) for column in columns]
        own = {name: self.paths.get("event_id", name) for name in ("event_id", "id")}
        return {
            name: _Taken.of([*paths, path] if "event_id" not in self.constants else paths)
            for name, path in own.items()
        }


@dataclass(frozen=True)
class _Taken:
    """Members of an object that are taken: whole, or in part."""

    names: frozenset[str]
    parts: Mapping[str, "_Taken"]

    @classmethod
    def of(cls, paths: Iterable[str]) -> "_Taken":
        """Return what some paths take; a path is also a whole name."""
        paths = list(paths)
        below: dict[str, list[str]] = {}
        for path in paths:
            key, dot, more = path.partition(".")
            if dot:
                below.setdefault(key, []).append(more)
        return cls(frozenset(paths), {key: cls.of(more) for key, more in below.items()})


def _followed(path: str, line: Mapping[str, Any]) -> Any:
    """Return the member under a dotted path; one whose very name that is comes first."""
    if path in line:
        return line[path]
    value: Any = line
    for key in path.split("."):
        inner = members(value)
        value = None if inner is None else inner.get(key)
    return value


def _is_absent(raw: Any) -> bool:
    return is_null(raw) or raw == ""


def _rest(line: Mapping[str, Any], taken: _Taken) -> list[Any]:
    """Return pieces of the JSON text of the members that are not taken, verbatim.

    Of an object of which a part is taken the rest stays; one that is taken whole, part by part, goes.
    """
    pieces: list[Any] = []
    for key, value in line.items():
        if key in taken.names:
            continue
        nested = members(value) if key in taken.parts else None
        inner = _rest(nested, taken.parts[key]) if nested else [json_piece(value)]
        if not nested or len(inner) > len(_NOTHING):
            pieces += (b",", json_key(key), *inner)
    return [b"{", *pieces[1:], b"}"]
