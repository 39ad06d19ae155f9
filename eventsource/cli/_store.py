"""The commands `store init`, `append`, `read` and `streams`: the write side on the command line."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import polars as pl

from eventsource.cli._errors import UsageError
from eventsource.cli._output import OutputOptions
from eventsource.cli._parameters import Argument, Option
from eventsource.cli._terminal import say
from eventsource.messages import counted
from eventsource.store import EXISTS, NO_STREAM, EventStore, StoredEvent

__all__ = ["store_append", "store_init", "store_read", "store_streams"]

UrlArgument = Annotated[
    str, Argument(metavar="URL", help="The database: sqlite:///shop.db or postgresql://user@host/database.")
]
StreamArgument = Annotated[str, Argument(metavar="STREAM", help="The name of the stream.")]
TableOption = Annotated[str, Option("--table", metavar="NAME", help="The table of the store.")]

_EXPECTED = {"no-stream": NO_STREAM, "exists": EXISTS}
_SCHEMA = {
    "stream": pl.String(),
    "version": pl.Int64(),
    "type": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "recorded_at": pl.Datetime("us", "UTC"),
    "event_id": pl.String(),
    "data": pl.String(),
    "metadata": pl.String(),
}


def store_init(url: UrlArgument, *, table: TableOption = "events") -> None:
    """Create the table of a store, with its indexes and triggers, where they do not exist."""
    EventStore(url, table=table).init()
    say(f"the table {table} is ready for events")


def store_append(
    url: UrlArgument,
    stream: StreamArgument,
    file: Annotated[
        str | None, Argument(metavar="FILE", help="Events as JSON Lines. Default: the standard input.")
    ] = None,
    *,
    expected_version: Annotated[
        str | None,
        Option(
            "--expected-version",
            metavar="NUMBER|no-stream|exists",
            help="What the stream must have now: the version that you have read, no event, or at least one event.",
        ),
    ] = None,
    table: TableOption = "events",
) -> None:
    """Append events to a stream, all or nothing.

    Each line is an object with a type, and perhaps event_id, occurred_at, metadata; the payload is the member
    data, or all other members. The same event ids again are the same append: nothing happens.
    """
    lines = sys.stdin if file is None or file == "-" else Path(file).open(encoding="utf-8")  # noqa: SIM115 - closed below
    with lines:
        events = list(_events(lines))
    version = EventStore(url, table=table).append(stream, events, _expected(expected_version))
    say(f"{counted(len(events), 'event')} appended; {stream} has version {version}")


def store_read(
    shown: OutputOptions,
    url: UrlArgument,
    stream: Annotated[
        str | None, Argument(metavar="STREAM", help="The name of the stream. Default: all streams.")
    ] = None,
    *,
    from_version: Annotated[int, Option("--from", metavar="VERSION", min=1, help="The first version.")] = 1,
    to_version: Annotated[int | None, Option("--to", metavar="VERSION", help="The last version.")] = None,
    table: TableOption = "events",
) -> None:
    """Show the events of a stream, or of all streams in the order in which a pull reads them."""
    store = EventStore(url, table=table)
    if stream is None and (from_version > 1 or to_version is not None):
        hint = "eventsource store read URL STREAM --from 2"
        raise UsageError("expected a stream with --from and --to, which are its versions, got none", hint=hint)
    found = store.read_all() if stream is None else store.read(stream, from_version, to_version)
    shown.show(pl.DataFrame([_row(event) for event in found], _SCHEMA), stream or "All streams")


def store_streams(shown: OutputOptions, url: UrlArgument, *, table: TableOption = "events") -> None:
    """List the streams of a store, with their versions."""
    streams = EventStore(url, table=table).streams()
    rows = {"stream": [each.name for each in streams], "version": [each.version for each in streams]}
    shown.show(pl.DataFrame(rows, {"stream": pl.String(), "version": pl.Int64()}), "Streams")


def _events(lines: Any) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError as error:
            raise UsageError(f"line {number}: expected JSON: {error}", hint='{"type": "OrderPlaced"}') from error
        if not isinstance(event, dict):
            raise UsageError(
                f"line {number}: expected an object, got {line.strip()[:60]}", hint='{"type": "OrderPlaced"}'
            )
        yield event


def _expected(text: str | None) -> Any:
    if text is None or text in _EXPECTED:
        return _EXPECTED.get(text or "")
    if not text.isdecimal():
        raise UsageError(
            f"--expected-version: expected a number, no-stream or exists, got {text!r}",
            hint="--expected-version 3",
        )
    return int(text)


def _row(event: StoredEvent) -> dict[str, Any]:
    return {
        **{name: getattr(event, name) for name in _SCHEMA if name not in ("data", "metadata")},
        "data": event.text,
        "metadata": event.metadata_text,
    }
