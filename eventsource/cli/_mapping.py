"""The options that say how lines become events. They have the names of the arguments of `eventsource.source`."""

import re
import shlex
from typing import Annotated, Any, Final, Literal

from msgspec import Struct
from msgspec.structs import asdict

from eventsource.cli._errors import UsageError
from eventsource.cli._parameters import Option

__all__ = ["MappingOptions", "as_options"]

_COLUMNS: Final = "Mapping: which member of a line is which column"
_EVENTS: Final = "Mapping: which events a line is"
_STORES: Final = "Stores: what is read of a database, with a URL"
_FILES: Final = "Files: how they are written"
_ARGUMENT: Final = re.compile(r'\b([a-z_]+)="([^"]*)"')
_LIST_ARGUMENT: Final = re.compile(r'\b([a-z_]+)=\["([^"]+)", "([^"]+)"\]')
_EVENTS_ARGUMENT: Final = re.compile(r'\bevents=\[\{"type": "(\w+)", "occurred_at": "(\w+)"\}\]')
_PARTS: Final = ("event_id", "stream", "type")


def _path(column: str, text: str) -> Any:
    """Return an option that names the member of a line for a column."""
    return Option(f"--{column}", metavar="PATH", help=text, panel=_COLUMNS)


def _event(name: str, metavar: str, text: str) -> Any:
    return Option(f"--{name}", metavar=metavar, help=text, panel=_EVENTS)


def _store(name: str, metavar: str, text: str) -> Any:
    return Option(f"--{name}", metavar=metavar, help=text, panel=_STORES)


def _file(name: str, metavar: str, text: str) -> Any:
    return Option(f"--{name}", metavar=metavar, help=text, panel=_FILES)


class MappingOptions(Struct, frozen=True):
    """How lines become events; see `eventsource.source`."""

    event_id: Annotated[
        list[str] | None,
        _path(
            "event-id",
            "The unique id of the event: a dotted path, a pattern such as {org}/{id}, @line, or @hash. "
            "Repeated: the parts of the id.",
        ),
    ] = None
    stream: Annotated[
        list[str] | None, _path("stream", "The stream of the event, often the entity; as --event-id.")
    ] = None
    type: Annotated[list[str] | None, _path("type", "The type of the event; as --event-id.")] = None
    occurred_at: Annotated[str | None, _path("occurred-at", "When the event was true (valid time).")] = None
    recorded_at: Annotated[str | None, _path("recorded-at", "When the source recorded it (transaction time).")] = (
        None
    )
    version: Annotated[str | None, _path("version", "The number of the event in its stream.")] = None
    data: Annotated[str | None, _path("data", "The payload. Default: all members that are not mapped.")] = None
    metadata: Annotated[
        str | None,
        _path("metadata", "Members about the event that are not payload; @rest: all that are not mapped."),
    ] = None
    constant: Annotated[
        list[str] | None,
        Option(
            "--constant",
            metavar="COLUMN=TEXT",
            help="The same value for every line, such as type=PageView. May be repeated.",
            panel=_COLUMNS,
        ),
    ] = None
    tz: Annotated[
        str | None,
        Option(
            "--tz",
            metavar="ZONE",
            help="Time zone of times without one. Default: that of the project.",
            panel=_COLUMNS,
        ),
    ] = None
    unit: Annotated[
        str | None,
        Option("--unit", metavar="s|ms|us|ns", help="Unit of times that are numbers since 1970.", panel=_COLUMNS),
    ] = None
    time_format: Annotated[
        list[str] | None,
        Option(
            "--time-format",
            metavar="FORMAT",
            help="Format of times that are not ISO 8601, see strftime, such as %d.%m.%Y. May be repeated.",
            panel=_COLUMNS,
        ),
    ] = None
    epoch: Annotated[
        Literal["utc", "local"] | None,
        Option("--epoch", help="local: numbers count from 1970 in the zone of --tz.", panel=_COLUMNS),
    ] = None
    preset: Annotated[
        str | None,
        _event(
            "preset",
            "NAME",
            "A known format, such as stripe; its lines are recognised without it, too. With the URL of a "
            "database: the library that wrote its tables, such as axon.",
        ),
    ] = None
    records: Annotated[
        str | None,
        _event("records", "PATH", "The array that holds the records of a JSON document, such as Records."),
    ] = None
    explode: Annotated[
        str | None,
        _event("explode", "PATH", "An array: each of its elements is an event, with the members around it."),
    ] = None
    separator: Annotated[
        str | None, _event("separator", "TEXT", "Separates the elements, if that array is written as a text.")
    ] = None
    events: Annotated[
        list[str] | None,
        _event(
            "events",
            "TYPE=PATH",
            "Several events per line, one per time that is there, such as Shipped=ShippedDate. May be repeated.",
        ),
    ] = None
    table: Annotated[str | None, _store("table", "NAME", "The table, perhaps with its schema.")] = None
    query: Annotated[str | None, _store("query", "SELECT", "A query instead of a table.")] = None
    position: Annotated[
        str | None, _store("position", "COLUMN", "The column of integers that grows with each row.")
    ] = None
    format: Annotated[
        str | None,
        _file("format", "jsonl|json|csv|parquet|xes|ocel", "Default: by the ending of the file."),
    ] = None
    encoding: Annotated[
        str | None, _file("encoding", "NAME", "Encoding of the texts, such as cp1252. Default: UTF-8.")
    ] = None
    delimiter: Annotated[
        str | None,
        _file("delimiter", "TEXT", "What separates the cells of CSV. Default: guessed from the first row."),
    ] = None
    decimal: Annotated[str | None, _file("decimal", ".|,", "A comma, if cells of CSV have decimal commas.")] = None
    columns: Annotated[
        str | None, _file("columns", "NAME,NAME,…", "The columns of CSV, if the first row does not name them.")
    ] = None
    max_line: Annotated[
        int | None,
        Option("--max-line", metavar="BYTES", min=1, help="Reject lines that are longer.", panel=_FILES),
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that were typed, as arguments of `eventsource.source`."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        for name in _PARTS:
            if len(found.get(name, ())) == 1:
                (found[name],) = found[name]
        if "columns" in found:
            found["columns"] = found["columns"].split(",")
        if found.get("delimiter") == "\\t":
            found["delimiter"] = "\t"
        if "constant" in found:
            found["constants"] = dict(_pairs("--constant", found.pop("constant"), "type=PageView"))
        if "events" in found:
            pairs = _pairs("--events", found["events"], "Shipped=ShippedDate")
            found["events"] = [{"type": kind, "occurred_at": path} for kind, path in pairs]
        return found


def as_options(hint: str) -> str:
    """Return a hint that names arguments of `eventsource.source` with options of the command line instead."""
    hint = _EVENTS_ARGUMENT.sub(lambda found: f"--events {found[1]}={found[2]}", hint)
    hint = _LIST_ARGUMENT.sub(
        lambda found: f"--{_dashed(found[1])} {found[2]} --{_dashed(found[1])} {found[3]}", hint
    )
    return _ARGUMENT.sub(lambda found: f"--{_dashed(found[1])} {shlex.quote(found[2])}", hint)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _pairs(option: str, texts: list[str], example: str) -> list[tuple[str, str]]:
    """Return texts with ``=`` as pairs.

    Raises:
        UsageError: a text has none.
    """
    if wrong := [text for text in texts if "=" not in text]:
        raise UsageError(f"{option}: expected NAME=TEXT, got {wrong[0]!r}", hint=f"{option} {example}")
    return [(name, text) for name, _, text in (each.partition("=") for each in texts)]
