"""OCEL 2.0, object-centric event logs of process mining, as JSON, XML or SQLite.

Three files of one content give the same rows. An event belongs to several objects; an object has attributes that
change. Both become events, the entity of which is the object::

    event   e1  Pay  09:00  {"amount": 5}  objects: o1 as "order", c1 as "customer"
    object  o1  Order       price = 7 at 08:00

    rows    {"event": "e1", "object": "o1", "qualifier": "order", "type": "Pay", "time": "09:00", "attributes": …}
            {"event": "e1", "object": "c1", "qualifier": "customer", …}
            {"object": "o1", "type": "Order:changed", "time": "08:00", "attributes": {"price": 7}}
"""

import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from eventsource.sources._blocks import BLOCK_BYTES
from eventsource.sources._checkpoint import UnreadableError
from eventsource.sources._compressed import open_at
from eventsource.sources._json_documents import RecordScanner
from eventsource.sources._xml import elements, local_name

__all__ = ["ocel_rows"]

_SQLITE: Final = b"SQLite format 3\0"
_Row = Mapping[str, Any]


def ocel_rows(path: Path, *, limit: int) -> Iterator[_Row]:
    """Yield the events of a file, one per object, and the changes of objects.

    Args:
        path: the file; its first bytes say whether it is SQLite, XML or JSON.
        limit: the most bytes of an event or object in JSON.

    Raises:
        UnreadableError: the file is not OCEL.
    """
    try:
        yield from _rows(path, limit)
    except (AttributeError, KeyError, TypeError) as error:
        raise UnreadableError(f"an event or object is not as OCEL 2.0 has it: {error!r}") from error


def _rows(path: Path, limit: int) -> Iterator[_Row]:
    reader, _ = open_at(path, 0)
    with reader:
        head = reader.read(len(_SQLITE))
    if head == _SQLITE:
        return _from_sqlite(path)
    return _from_xml(path) if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else _from_json(path, limit)


def _event(event: _Row, attributes: _Row, objects: Iterable[tuple[Any, Any]]) -> Iterator[_Row]:
    """Yield an event once per object; an event of no object belongs to an entity of its own."""
    common = {"event": event["id"], "type": event["type"], "time": event["time"], "attributes": attributes}
    found = list(objects)
    for name, qualifier in found:
        yield {**common, "object": name, "qualifier": qualifier}
    if not found:
        yield {**common, "object": event["id"]}


def _changes(name: Any, kind: Any, attributes: Iterable[tuple[Any, Any, Any]]) -> Iterator[_Row]:
    """Yield the changes of an object, one per time."""
    by_time: dict[Any, dict[Any, Any]] = {}
    for attribute, time, value in attributes:
        by_time.setdefault(time, {})[attribute] = value
    for time, values in by_time.items():
        yield {"object": name, "type": f"{kind}:changed", "time": time, "attributes": values}


def _from_json(path: Path, limit: int) -> Iterator[_Row]:
    for event in _records(path, "events", limit):
        attributes = {each["name"]: each["value"] for each in event.get("attributes") or ()}
        objects = [(each["objectId"], each.get("qualifier")) for each in event.get("relationships") or ()]
        yield from _event(event, attributes, objects)
    for thing in _records(path, "objects", limit):
        changed = ((each["name"], each["time"], each["value"]) for each in thing.get("attributes") or ())
        yield from _changes(thing["id"], thing["type"], changed)


def _records(path: Path, name: str, limit: int) -> Iterator[dict[str, Any]]:
    scanner = RecordScanner([name], limit)
    reader, _ = open_at(path, 0)
    with reader:
        while data := reader.read(BLOCK_BYTES):
            yield from map(_decoded, scanner.feed(data))
        yield from map(_decoded, scanner.finish())


def _decoded(record: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(record, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnreadableError(f"not an event or object of OCEL: {error}") from error


def _from_xml(path: Path) -> Iterator[_Row]:
    for element, around in elements(path, ("event", "object")):
        parent = local_name(around[-1]) if around else ""
        if local_name(element) == "event" and parent == "events":
            attributes = {each.get("name", ""): each.text for each in _below(element, "attributes", "attribute")}
            links = _below(element, "objects", "relationship")
            objects = [(each.get("object-id"), each.get("qualifier")) for each in links]
            yield from _event(dict(element.attrib), attributes, objects)
        elif local_name(element) == "object" and parent == "objects":
            found = _below(element, "attributes", "attribute")
            changed = ((each.get("name"), each.get("time"), each.text) for each in found)
            yield from _changes(element.get("id"), element.get("type"), changed)


def _below(element: ET.Element, outer: str, inner: str) -> Iterator[ET.Element]:
    for child in element:
        if local_name(child) == outer:
            yield from (each for each in child if local_name(each) in (inner, "object"))


def _from_sqlite(path: Path) -> Iterator[_Row]:
    address = path.absolute().as_uri() + "?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.row_factory = sqlite3.Row
            yield from _events_of(database)
            yield from _objects_of(database)
    except sqlite3.Error as error:
        raise UnreadableError(f"not OCEL in SQLite: {error}") from error


def _events_of(database: sqlite3.Connection) -> Iterator[_Row]:
    for kind, table in database.execute("SELECT ocel_type, ocel_type_map FROM event_map_type ORDER BY 1"):
        query = f"SELECT * FROM {_quoted(f'event_{table}')} ORDER BY ocel_time, ocel_id"  # noqa: S608 - quoted
        for row in database.execute(query):
            link = "SELECT ocel_object_id, ocel_qualifier FROM event_object WHERE ocel_event_id = ? ORDER BY 1, 2"
            objects = [tuple(each) for each in database.execute(link, (row["ocel_id"],))]
            event = {"id": row["ocel_id"], "type": kind, "time": row["ocel_time"]}
            yield from _event(event, _attributes(row), objects)


def _objects_of(database: sqlite3.Connection) -> Iterator[_Row]:
    for kind, table in database.execute("SELECT ocel_type, ocel_type_map FROM object_map_type ORDER BY 1"):
        query = f"SELECT * FROM {_quoted(f'object_{table}')} ORDER BY ocel_id, ocel_time"  # noqa: S608 - quoted
        for row in database.execute(query):
            changed = row["ocel_changed_field"]
            values = {name: value for name, value in _attributes(row).items() if changed in (None, name)}
            if values:
                yield from _changes(row["ocel_id"], kind, [(n, row["ocel_time"], v) for n, v in values.items()])


def _attributes(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in row.keys() if not name.startswith("ocel_") and row[name] is not None}  # noqa: SIM118 - iterating over a row yields values


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
