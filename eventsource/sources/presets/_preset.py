"""A preset: the mapping of a known format, and how its lines are recognised."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventsource.sources._mapping import FieldMapping, PathOrParts

__all__ = ["Preset", "has"]

_Line = Mapping[str, Any]


class Preset:
    """A format that is read without a mapping.

    Args:
        name: its name, as in ``preset="stripe"``.
        title: what it is, for lists.
        recognises: returns whether a line is of this format; None: it is read only if it is named.
        prepare: returns the records of a line, with members that begin with ``=`` for what is computed; None: the
            line is one record.
        reader: arguments for `eventsource.source` that the format also needs, such as ``columns``.
        is_utc: whether times that name no zone are UTC, whatever the zone of the source is.
        hidden: see `FieldMapping`.
        **paths: the mapping, see `FieldMapping`.
    """

    def __init__(
        self,
        name: str,
        title: str,
        *,
        recognises: Callable[[_Line], bool] | None = None,
        prepare: Callable[[_Line], list[_Line]] | None = None,
        reader: Mapping[str, Any] | None = None,
        is_utc: bool = False,
        hidden: Sequence[str] = (),
        **paths: PathOrParts,
    ) -> None:
        self.name, self.title, self.reader, self.is_utc = name, title, reader or {}, is_utc
        self.fields = FieldMapping(paths, {}, hidden)
        self._recognises, self._prepare = recognises, prepare

    @property
    def is_mapping(self) -> bool:
        """Whether a line is one record, as it is."""
        return self._prepare is None

    def recognises(self, line: _Line) -> bool:
        """Return whether a line is of this format."""
        return self._recognises is not None and self._recognises(line)

    def records(self, line: _Line) -> list[_Line]:
        """Return the records of a line.

        Raises:
            LineError: it is not of this format.
        """
        return [line] if self._prepare is None else self._prepare(line)


def has(*names: str) -> Callable[[_Line], bool]:
    """Return a function that says whether a line has all of some members."""
    needed = frozenset(names)
    return lambda line: line.keys() >= needed
