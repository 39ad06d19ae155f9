"""The command `sniff`: what a raw file is, its first events, and the mapping to paste."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
from click.exceptions import Exit
from msgspec import Struct

from eventsource.cli._config import Project, short_path
from eventsource.cli._errors import FAILED
from eventsource.cli._guess import guess_mapping, guess_streams, rows_of
from eventsource.cli._guess_reading import ENCODINGS, guess_decimal, guess_records, has_other_encoding
from eventsource.cli._mapping import MappingOptions
from eventsource.cli._parameters import Argument
from eventsource.cli._table import print_table
from eventsource.cli._terminal import console, note, say
from eventsource.event import Batch
from eventsource.messages import counted

__all__ = ["Sniffed", "sniff", "sniffed", "source_table"]

_EVENTS: Final = 5
_SHOWN: Final = ("event_id", "stream", "type", "occurred_at", "data")


def sniff(
    mapping: MappingOptions,
    file: Annotated[str, Argument(metavar="FILE", help="A raw log.")],
) -> None:
    """Show what a raw file is: its first events, and the mapping to paste into pyproject.toml.

    Lines that are not events as they are get a guessed mapping. Nothing is written. Options override the guess.
    """
    found = sniffed(file, mapping.given)
    batch = found.batch
    for text in batch.notes:
        note(text)
    for reason, count in batch.rejected.group_by("reason").len().sort("len", descending=True).head(3).iter_rows():
        note(f"{counted(count, 'line')}: {reason}")
    if batch.events.is_empty():
        say(f"{short_path(file)}: no line could be read as an event, and no mapping could be guessed")
        raise Exit(FAILED)
    say(f"{short_path(file)}: {counted(batch.events.height, 'event')} in the first part of it; the first of them:")
    print_table(console(), batch.events.head(_EVENTS).select(_SHOWN), tz=Project.find().tz)
    say("\nto pull them like this, write into pyproject.toml:\n")
    say(source_table(file, found.mapping, found.streams))


class Sniffed(Struct, frozen=True):
    """What a raw file is.

    Args:
        batch: its first batch.
        mapping: arguments of `eventsource.source` for it: what was given, and what was guessed.
        streams: other members that could be the stream.
    """

    batch: Batch
    mapping: dict[str, Any]
    streams: list[str]


def sniffed(file: str, given: Mapping[str, Any]) -> Sniffed:
    """Return what a file is. Its mapping is guessed if it gives no event without one.

    What is not given is guessed step by step, each from the lines that the step before leaves: the encoding, the
    array that holds the records, and which member is which column.
    """
    options = dict(given)
    batch = _first_batch(file, options)
    batch, options = _in_other_encoding(file, batch, options)
    if batch.events.is_empty() and "records" not in options and batch.rejected.height == 1:
        records = guess_records(batch.rejected["raw"][0])
        if records is not None:
            options["records"] = records
            batch = _first_batch(file, options)
    rows = rows_of(batch.rejected, options.get("encoding")) if batch.events.is_empty() else []
    if rows:
        kind = Path(file).name.split(".")[0].capitalize() or "Event"
        guessed = guess_mapping(rows, kind=kind)
        if guessed and (decimal := guess_decimal(rows)):
            guessed["decimal"] = decimal
        options = {**guessed, **options}
        batch = _first_batch(file, options)
    return Sniffed(batch, options, guess_streams(rows, options) if "stream" in options and rows else [])


def _in_other_encoding(file: str, batch: Batch, options: dict[str, Any]) -> tuple[Batch, dict[str, Any]]:
    """Return the batch and the options with an encoding that reads all, if the file is not UTF-8."""
    if (
        "encoding" in options
        or batch.rejected.height < batch.events.height
        or not has_other_encoding(batch.rejected)
    ):
        return batch, options
    for encoding in ENCODINGS:
        tried = {**options, "encoding": encoding}
        other = _first_batch(file, tried)
        if not other.rejected["reason"].str.contains("cannot be read", literal=True).any():
            return other, tried
    return batch, options


def _first_batch(file: str, options: Mapping[str, Any]) -> Batch:
    (source,) = Project(Path.cwd()).sources([file], **options)
    return next(iter(source.batches({})), Batch(pl.DataFrame(), {}))


def source_table(path: str, options: Mapping[str, Any], streams: Sequence[str] = ()) -> str:
    """Return the table of a source for pyproject.toml; texts are quoted as TOML does.

    Args:
        path: the path of the source.
        options: its mapping.
        streams: other members that could be the stream, for a comment.
    """
    lines = [f"{name} = {_toml(value)}" for name, value in {"path": path, **options}.items()]
    lines += [f"# the stream could also be {', '.join(map(_toml, streams))}"] if streams else []
    return "\n".join(["[tool.eventsource.source]", *lines])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else json.dumps(name, ensure_ascii=False)
