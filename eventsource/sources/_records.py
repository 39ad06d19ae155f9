"""Lines with several events: elements of an array (``explode``), and several times in one row (``events``).

``explode="items"``: one event per element, with the members around it. Here with ``event_id=["id", "@index"]``::

    line     {"id": 7, "items": [{"sku": "a"}, {"sku": "b"}]}
    records  {"id": 7, "items": {"sku": "a"}}                        7:0
             {"id": 7, "items": {"sku": "b"}}                        7:1

``events=[{"type": "Ordered", "occurred_at": "OrderDate"}, {"type": "Shipped", "occurred_at": "ShippedDate"}]``:
one event per time that is there. Here with ``event_id=["id", "@type"]``::

    row      id  OrderDate   ShippedDate
             8   2024-01-01                                          8:Ordered at 2024-01-01; not shipped yet

A line counts as a whole: if one of its events is rejected, the line is rejected, and none of its events is
appended.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import msgspec

from eventsource.errors import SourceError
from eventsource.sources._mapping import FieldMapping, PathOrParts, is_absent, member_at
from eventsource.sources._texts import Origin
from eventsource.sources._values import MALFORMED, LineError, MappedLine, is_null, members, plain, shorten
from eventsource.sources.presets import Preset, recognised

__all__ = ["LineMapping"]

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class LineMapping:
    """How a line becomes events.

    Args:
        fields: which member of a record is which column.
        explode: the path of an array whose elements are records; None: the line is one record.
        separator: separates the elements of an array that is written as a text, such as ``";"``.
        preset: the known format that was named; None: a line is recognised if it lacks a member that is needed.
        events: per event that a record may have, its ``type``, the path of its ``occurred_at``, and other columns
            in which it differs from ``fields``. Empty: each record is one event.
        defaults: column → path, for columns that are neither mapped nor members of a line, if the line lacks a
            member that is needed, or is of a known format.

    Raises:
        SourceError: an entry of ``events`` has no ``type`` or ``occurred_at``, or is wrong as a mapping is.
    """

    fields: FieldMapping
    explode: str | None = None
    separator: str | None = None
    events: Sequence[Mapping[str, PathOrParts]] = ()
    preset: Preset | None = None
    defaults: Mapping[str, PathOrParts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for event in self.events:
            if not isinstance(event, Mapping) or not all(isinstance(event.get(n), str) for n in _REQUIRED):
                raise SourceError(
                    f"events: expected a type and the path of occurred_at, got {event!r}",
                    hint='events=[{"type": "Ordered", "occurred_at": "OrderDate"}]',
                )
        if self.separator is not None and self.explode is None:
            raise SourceError("separator needs explode", hint='explode="tags", separator=";"')
        _ = self._mappings

    @property
    def fields_of_lines(self) -> FieldMapping | None:
        """The mapping of lines of which each is one event, if it has the required members; None: of no line."""
        if self.explode is not None or self.events:
            return None
        if self.preset is None:
            return self.fields
        is_all = self.preset.is_mapping and not self.defaults
        return self._with_preset(self.preset).fields if is_all else None

    def recognised_fields(self, line: Mapping[str, Any]) -> tuple[str, FieldMapping] | None:
        """Return the name of the known format of a line, and the mapping of all lines of that format.

        None: the line is of none, or `apply` does more with it than to apply a mapping.
        """
        is_plain = self.preset is None and self.explode is None and not self.events and not self.defaults
        if not is_plain or not self.fields.is_missing(line):
            return None
        preset = recognised(line)
        if preset is None or preset.is_utc or not preset.is_mapping:
            return None
        return preset.name, self._with_preset(preset).fields

    @property
    def times_of_rows(self) -> tuple[str, ...]:
        """The columns of times that a table must have: those of ``events``, if a row is not exploded first."""
        return () if self.explode is not None else tuple(str(event["occurred_at"]) for event in self.events)

    def apply(self, line: Mapping[str, Any], origin: Origin) -> list[MappedLine]:
        """Return the events of a line, none if its array is empty.

        Raises:
            LineError: a record is not an event, or has none of the times.
        """
        is_missing = self.preset is None and self.fields.is_missing(line)
        preset = recognised(line) if is_missing else self.preset
        if preset is None:
            return (self.with_defaults(line) if is_missing else self).apply_fields(line, origin)
        mapping = self._with_preset(preset).with_defaults(line)
        events = [event for record in preset.records(line) for event in mapping.apply_fields(record, origin)]
        return list(map(_in_utc, events)) if preset.is_utc else events

    def apply_fields(self, line: Mapping[str, Any], origin: Origin) -> list[MappedLine]:
        """Return the events of a line that is not of a known format; see `apply`."""
        if self.explode is None and not self.events:
            return [self.fields.apply(line, origin)]
        return [event for record, where in self._records(line, origin) for event in self._events_of(record, where)]

    def _events_of(self, record: Mapping[str, Any], where: Origin) -> list[MappedLine]:
        """Return the events of a record; the error of an element says which one it is."""
        try:
            return [mapping.apply(record, where) for mapping in self._mappings_of(record)]
        except LineError as error:
            if where.element is None:
                raise
            raise LineError(f"{error} (element {where.element} of {self.explode})") from error

    def label(self, name: str, kind: str) -> str:
        """Return how errors name a column of an event; with ``events``, by the path of its type."""
        path = next((str(each[name]) for each in self.events if each["type"] == kind and name in each), None)
        return self.fields.label(name) if path is None else f"{name} ({path})"

    def _with_preset(self, preset: Preset) -> "LineMapping":
        """Return the mapping of a preset, in which what was given beside it takes precedence."""
        if preset.name not in self._merged:
            given, known = self.fields, preset.fields
            paths = {name: path for name, path in known.paths.items() if name not in given.constants}
            fields = FieldMapping({**paths, **given.paths}, given.constants, (*known.hidden, *given.hidden))
            self._merged[preset.name] = replace(self, fields=fields)
        return self._merged[preset.name]

    def with_defaults(self, line: Mapping[str, Any]) -> "LineMapping":
        """Return the mapping with the defaults for columns that are not mapped, and that the line lacks."""
        absent = tuple(name for name in self.defaults if self.fields.is_absent(name, line))
        if absent not in self._completed:
            paths = {name: self.defaults[name] for name in absent}
            fields = replace(self.fields, paths={**paths, **self.fields.paths})
            self._completed[absent] = replace(self, fields=fields, defaults={})
        return self._completed[absent]

    @cached_property
    def _completed(self) -> dict[tuple[str, ...], "LineMapping"]:
        return {}

    @cached_property
    def _merged(self) -> dict[str, "LineMapping"]:
        return {}

    def _records(self, line: Mapping[str, Any], origin: Origin) -> Iterator[tuple[Mapping[str, Any], Origin]]:
        if self.explode is None:
            yield line, origin
            return
        array = member_at(self.explode, line)
        for number, element in enumerate(_elements(array, self.explode, self.separator)):
            yield _with_member(line, self.explode, element), replace(origin, element=number)

    def _mappings_of(self, record: Mapping[str, Any]) -> list[FieldMapping]:
        if not self.events:
            return [self.fields]
        found = [mapping for path, mapping in self._mappings if not is_absent(member_at(path, record))]
        if not found:
            raise LineError(f"no event: all of {', '.join(path for path, _ in self._mappings)} are absent")
        return found

    @cached_property
    def _mappings(self) -> list[tuple[str, FieldMapping]]:
        """Per entry of ``events``, the path of its time and its mapping."""
        fields = self.fields
        times = [str(event["occurred_at"]) for event in self.events]
        found = []
        for event, time in zip(self.events, times, strict=True):
            own = {column: path for column, path in event.items() if column != "type"}
            paths = {column: path for column, path in fields.paths.items() if column != "type"} | own
            constants = {name: text for name, text in fields.constants.items() if name not in own}
            constants["type"] = str(event["type"])
            found.append((time, replace(fields, paths=paths, constants=constants, hidden=times)))
        return found


_REQUIRED: Final = ("type", "occurred_at")
_WITHOUT_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\d[ T][\d:.]+")


def _in_utc(event: MappedLine) -> MappedLine:
    """Return an event whose times that name no zone are UTC."""
    times = {name: getattr(event, name) for name in ("occurred_at", "recorded_at")}
    local: dict[str, Any] = {
        name: f"{time}Z" for name, time in times.items() if isinstance(time, str) and _WITHOUT_ZONE.fullmatch(time)
    }
    return replace(event, **local) if local else event


def _elements(array: Any, path: str, separator: str | None) -> Sequence[Any]:
    """Return the elements of an array; raw JSON, a text that contains it, or a text with a separator."""
    if array is None:
        raise LineError(f"{path} is missing")
    if isinstance(array, Sequence) and not isinstance(array, str):
        return array
    value = array if isinstance(array, msgspec.Raw) else plain(array)
    text = bytes(value).decode() if isinstance(value, msgspec.Raw) else value
    if is_null(value) or text == "":
        return ()
    if isinstance(value, msgspec.Raw) and text.startswith('"'):
        text = plain(value)
    if separator is not None and isinstance(text, str) and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(separator) if part.strip()]
    try:
        return _LIST.decode(text)
    except (*MALFORMED, TypeError) as error:
        raise LineError(f"{path} is not an array: {shorten(array)}") from error


def _with_member(line: Mapping[str, Any], path: str, value: Any) -> Mapping[str, Any]:
    """Return a copy of an object with another member at a dotted path."""
    if path in line or "." not in path:
        return {**line, path: value}
    key, _, rest = path.partition(".")
    return {**line, key: _with_member(members(line.get(key)) or {}, rest, value)}
