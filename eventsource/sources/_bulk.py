"""Blocks of lines of one shape, decoded at once and column by column.

msgspec decodes all lines of a block into structs whose members are made from the mapping::

    mapping     stream="who.key", occurred_at="ts"
    line        {"event_id": "1", "who": {"key": "c"}, "type": "T", "ts": "2024-01-01", "data": {"a": 1}}
    struct      Line(event_id: str | int, stream: …, type: str, occurred_at: …, data: Raw, metadata: Raw = null)
    columns     event_id = [line.event_id for line in lines], stream = [line.other_1.stream for line in lines], …

A block that does not fit (a line has another shape, a value has another type, a time cannot be read) gives None,
and `Decoder` decodes its lines one by one. Both ways give the same events.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec
import polars as pl

from eventsource import allocation
from eventsource.event import ENVELOPE
from eventsource.sources._mapping import FieldMapping
from eventsource.sources._times import TimeReader
from eventsource.sources._values import MALFORMED

__all__ = ["BulkDecoder"]

_NULL: Final = msgspec.Raw(b"null")
_TYPES: Final[Mapping[str, Any]] = {
    "event_id": str | int,
    "stream": str | int,
    "type": str,
    "occurred_at": str | int | float,
    "data": msgspec.Raw,
    "version": int | None,
    "recorded_at": str | int | float | None,
    "metadata": msgspec.Raw,
}
_DEFAULTS: Final[Mapping[str, Any]] = {"version": None, "recorded_at": None, "metadata": _NULL}
_IS_VALID: Final = pl.all_horizontal(pl.col("data", "metadata").str.starts_with("{").all()) & pl.all_horizontal(
    (pl.col("event_id", "stream", "type") != "").all()
)
"""Payloads are objects (or null), and required texts are not empty."""

_Getter = Callable[[list[Any]], list[Any]]

_TOP_LEVEL: Final[Mapping[str, _Getter]] = {
    "event_id": lambda found: [line.event_id for line in found],
    "stream": lambda found: [line.stream for line in found],
    "version": lambda found: [line.version for line in found],
    "type": lambda found: [line.type for line in found],
    "occurred_at": lambda found: [line.occurred_at for line in found],
    "recorded_at": lambda found: [line.recorded_at for line in found],
    "data": lambda found: [line.data for line in found],
    "metadata": lambda found: [line.metadata for line in found],
}
"""Spelt out, as the interpreter reads a constant attribute twice as fast as `attrgetter` does."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """A decoder of lines, and how to get the columns from its structs.

    Args:
        decoder: returns one struct per line.
        columns: column → how to get its values from the structs.
        forbidden: members that must be absent; otherwise the lines are decoded one by one.
    """

    decoder: msgspec.json.Decoder[Any]
    columns: Mapping[str, _Getter]
    forbidden: tuple[_Getter, ...]


class BulkDecoder:
    """Decodes blocks of lines of one shape.

    Args:
        mapping: which member is which column.
        times: how times are read.
    """

    def __init__(self, mapping: FieldMapping, times: TimeReader) -> None:
        self._times, self._constants = times, mapping.constants
        paths = {name: str(mapping.paths.get(name, name)) for name in ENVELOPE if name not in mapping.constants}
        # A member whose name has the dots of a path, such as "who.key", would be read before the path.
        dotted = [path for path in paths.values() if "." in path]
        shapes = [_shape(paths, forbidden=dotted)]
        if paths.get("event_id") == "event_id" and "event_id" not in mapping.paths:
            # Without a mapping, "id" is read where a line has no "event_id".
            shapes.append(_shape({**paths, "event_id": "id"}, forbidden=[*dotted, "event_id"]))
        has_parts = bool(mapping.texts) or mapping.has_alternatives
        is_possible = not has_parts and not mapping.constants.keys() & {"data", "metadata", "version"}
        self._shapes = [shape for shape in shapes if shape is not None and is_possible]

    def decode(self, data: bytes, lines: int) -> pl.DataFrame | None:
        """Return the events of some lines; None if they must be decoded one by one.

        Args:
            data: the lines.
            lines: how many there are.
        """
        if not self._shapes or not _is_utf8(data):
            return None
        with allocation.gc_paused():
            for shape in self._shapes:
                try:
                    found = shape.decoder.decode_lines(data)
                except MALFORMED:
                    continue
                return self._frame(found, shape) if _has_one_object_per_line(data, lines, len(found)) else None
        return None

    def _frame(self, found: list[Any], shape: _Shape) -> pl.DataFrame | None:
        if any(value is not _NULL for get in shape.forbidden for value in get(found)):
            return None
        columns = {name: values(found) for name, values in shape.columns.items()}
        columns |= {name: [value] * len(found) for name, value in self._constants.items()}
        try:
            series = {name: self._series(name, columns[name]) for name in ENVELOPE if name != "recorded_at"}
            is_same = columns["recorded_at"] == columns["occurred_at"]
            series["recorded_at"] = series["occurred_at"] if is_same else self._times.read(columns["recorded_at"])
            frame = pl.DataFrame({name: series[name] for name in ENVELOPE})
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
            return None
        missing, unreadable = columns["recorded_at"].count(None), frame["occurred_at"].null_count()
        unreadable += frame["recorded_at"].null_count() - missing  # a missing time is not a fault
        if unreadable > 0 or not frame.select(_IS_VALID).item():
            return None
        self._times.count_without_zone(columns["occurred_at"])
        return frame.with_columns(
            pl.col("recorded_at").fill_null(pl.col("occurred_at")), pl.col("data").fill_null("{}")
        )

    def _series(self, name: str, values: list[Any]) -> pl.Series:
        if name == "occurred_at":
            return self._times.read(values)
        if name in ("data", "metadata"):
            return _raw_texts(values)
        try:
            return pl.Series(values, dtype=ENVELOPE[name], strict=True)
        except TypeError:  # integers where texts are expected
            return pl.Series(list(map(str, values)), dtype=ENVELOPE[name], strict=True)


def _shape(paths: Mapping[str, str], *, forbidden: list[str]) -> _Shape | None:
    """Return the shape of lines with these paths (column → path); None if no struct can have it."""
    attributes: dict[str, str] = {}
    try:
        tree = _tree(paths) | dict.fromkeys(forbidden)
        decoder = msgspec.json.Decoder(_struct(tree, attributes))
    except ValueError:  # two columns have one path, or a struct cannot have a member of that name
        return None
    columns = {column: _getter(attributes[column]) for column in paths}
    return _Shape(decoder, columns, tuple(_getter(attributes[f".{name}"]) for name in forbidden))


def _tree(paths: Mapping[str, str]) -> dict[str, Any]:
    """Return member → its column, or the members below it."""
    tree: dict[str, Any] = {}
    for column, path in paths.items():
        *above, last = path.split(".")
        branch = tree
        for key in above:
            branch = branch.setdefault(key, {})
            if not isinstance(branch, dict):
                raise ValueError(path)  # noqa: TRY004 - a path of the mapping is at fault, not a type
        if last in branch:
            raise ValueError(path)
        branch[last] = column
    return tree


def _struct(tree: Mapping[str, Any], attributes: dict[str, str], above: str = "") -> type[msgspec.Struct]:
    """Return a struct with the members of a tree, and add the attribute of each column to ``attributes``.

    Members that are not columns are added as ``.<name>``.
    """
    required: list[tuple[str, Any]] = []
    optional: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    for number, (key, column) in enumerate(tree.items()):
        name = column if isinstance(column, str) else f"other_{number}"
        names[name] = key
        attributes[column if isinstance(column, str) else f".{key}"] = above + name
        if isinstance(column, dict):
            required.append((name, _struct(column, attributes, f"{above}{name}.")))
        elif column is None:
            optional.append((name, msgspec.Raw, _NULL))
        elif column in _DEFAULTS:
            optional.append((name, _TYPES[column], _DEFAULTS[column]))
        else:
            required.append((name, _TYPES[column]))
    return msgspec.defstruct("Line", [*required, *optional], rename=names, gc=False)


def _getter(attribute: str) -> _Getter:
    get = attrgetter(attribute)
    return _TOP_LEVEL.get(attribute) or (lambda found: list(map(get, found)))


def _has_one_object_per_line(data: bytes, lines: int, found: int) -> bool:
    """Return whether each object has a line of its own; the decoder also accepts two objects in one line.

    The bytes ``}``, end of line, ``{`` occur between two objects only, never inside an object.
    """
    if found == lines == data.count(b"}\n{") + 1 and data.startswith(b"{"):
        return True
    filled = [line for each in data.split(b"\n") if (line := each.strip())]
    return len(filled) == found and all(line.startswith(b"{") and line.endswith(b"}") for line in filled)


def _is_utf8(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


def _raw_texts(values: list[Any]) -> pl.Series:
    """Return raw JSON values as texts, verbatim; JSON null becomes null."""
    if values.count(_NULL) == len(values):
        return pl.Series([None] * len(values), dtype=pl.String)
    raw = list(map(bytes, values))
    texts = pl.Series("text", raw, pl.Binary).cast(pl.String)
    return texts if b"null" not in raw else texts.set(texts == "null", None)
