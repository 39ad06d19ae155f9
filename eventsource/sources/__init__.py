"""Where events come from: files of JSON, CSV and Parquet; and stores that a URL names.

How bytes become events
-----------------------

::

    file         a.jsonl.gz                                      `Reader`: uncompressed bytes from any offset
                     │
    blocks       whole lines, about 4 MB          1 {"id": 1 …   `blocks`: numbers the lines
                     │                            2 {"id": 2 …
                     │                            3 broken
                     │
    frames       what the mapping expects: all at once           `BulkDecoder`: columns of a block
                 the other lines one by one                      `Decoder`: events, and rejected lines
                     │
    chunks       events, rejected, consumed                      `Chunk`: after each block, how much was consumed
                     │
    batches      about 250,000 events or 64 MB                   `Batch`: events of one or many files, with the
                                                                 checkpoint: offset, lines, digest of each file

A pull resumes per file. A file that did not change is skipped, one that grew yields its new lines, and one that
was rewritten is read again from its start. See `eventsource.sources._checkpoint` for the numbers.

Blocks of CSV in which each line is a row are decoded like those of JSON. Where a row spans lines, rows are parsed
one by one. A row of Parquet is a row of a frame. Both become members, and are then decoded like a line of JSON.

A URL names a store: a database, a broker. See `eventsource.sources._schemes` for the table of them, and
`eventsource.sources._store_source` for what they share.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from eventsource.errors import SourceError
from eventsource.event import ENVELOPE, Source
from eventsource.moment import time_zone
from eventsource.sources._blocks import MAX_LINE
from eventsource.sources._contents import has_utf8_letters, hint_for
from eventsource.sources._dialect import Dialect, guessed_delimiter
from eventsource.sources._formats import csv_header
from eventsource.sources._mapping import FieldMapping, PathOrParts
from eventsource.sources._options import FileOptions
from eventsource.sources._records import LineMapping
from eventsource.sources._schemes import open_url, scheme_of
from eventsource.sources._store_source import RecordMapping
from eventsource.sources._texts import RECORD_MEMBERS, is_record_member
from eventsource.sources._times import UNITS, TimeReader
from eventsource.sources.files import Files
from eventsource.sources.presets import PRESETS, preset_named

__all__ = ["PRESETS", "csv_header", "guessed_delimiter", "has_utf8_letters", "hint_for", "source"]


def source(  # noqa: PLR0913 - one argument for each thing that logs differ in
    where: str | Path | Sequence[str | Path],
    *,
    tz: str = "UTC",
    unit: str | None = None,
    time_format: str | Sequence[str] = (),
    epoch: str = "utc",
    format: str | None = None,  # noqa: A002 - the word users look for
    max_line: int = MAX_LINE,
    constants: Mapping[str, str] | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    columns: Sequence[str] | None = None,
    records: str | None = None,
    preset: str | None = None,
    explode: str | None = None,
    separator: str | None = None,
    events: Sequence[Mapping[str, PathOrParts]] = (),
    workers: int | None = None,
    **members: Any,
) -> Source:
    """Return a source of events, for `Log.pull`.

    Formats are JSON Lines, other JSON, CSV, Parquet, XES and OCEL, by the ending of the file (``.jsonl``,
    ``.ndjson``, ``.json``, ``.csv``, ``.tsv``, ``.txt``, ``.parquet``, ``.xes``, ``.jsonocel``, ``.xmlocel``,
    ``.sqlite``). All but Parquet and SQLite may be compressed (``.gz``, ``.zst``). Without a mapping, a line's
    members have the names of the envelope (``event_id`` also ``id``), and known formats such as CloudEvents are
    recognised. Members that are not columns are the payload, unless there is a member ``data``.

    Args:
        where: a path, a folder (all its files, recursively), a glob, or several of them, read in order of path; or
            the URL of a store.
        tz: the zone of times that name none.
        unit: the unit of epoch numbers, ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``; default: guessed from their size.
        time_format: the format of times that are not ISO 8601, see ``strftime``, such as ``"%d.%m.%Y %H:%M"`` or
            ``"%Y%m%d"``; or several formats. Times in other formats are read as usual.
        epoch: ``"local"`` if numbers count from 1970 in the zone ``tz``, as some databases write them.
        format: ``"jsonl"``, ``"json"``, ``"csv"`` or ``"parquet"``; default: by the file's ending. ``"json"`` is
            an array of records, compact or pretty, or records one after another. A file that ends in ``.json``
            may be this or JSON Lines.
        max_line: the most bytes of a line; longer lines are rejected.
        constants: column → a text that is the same for every line, such as ``{"type": "PageView"}``.
        encoding: the encoding of texts, such as ``"cp1252"``; default: UTF-8, or UTF-16 if a file begins with its
            byte order mark.
        delimiter: what separates the cells of CSV; default: a line ``sep=;``, or whichever of ``,`` ``;`` tab and
            ``|`` gives the first row the most cells.
        decimal: ``","`` if cells of CSV have decimal commas: ``1.234,50`` is then read as ``1234.50``.
        columns: the names of the columns of CSV, if the first row does not name them.
        records: the dotted path of the array that holds the records of a JSON document, such as ``"Records"``.
        preset: the name of a known format (`eventsource.sources.PRESETS`); default: formats are recognised by the
            members of each line that lacks a member of the envelope. ``**members`` take precedence.
        explode: the dotted path of an array: each of its elements becomes an event, with the members around it.
            The element takes the place of the array, so that ``items.sku`` is a member of it.
        separator: separates the elements of an array that is written as a text, such as ``";"``.
        events: several events per line, one for each time that is there, such as ``[{"type": "Ordered",
            "occurred_at": "OrderDate"}, {"type": "Shipped", "occurred_at": "ShippedDate"}]``. ``type`` is the text
            itself; other columns may be given too, and differ from ``**members`` for this event.
        workers: how many processes decode files of more than 256 MB; 1: this one alone. Events, their order and
            rejected lines are the same. Default: the environment variable ``EVENTSOURCE_WORKERS``, or one per
            processor, at most 8.
        **members: column → dotted path of the member that holds it, such as ``event_id="id"``,
            ``stream="customer.id"``, ``occurred_at="ts"``, ``data="payload"``. If ``data`` is not mapped, the
            payload consists of the members that are not columns. ``event_id``, ``stream`` and ``type`` may also be
            a list of paths (joined by ``:``), a pattern such as ``"{org}/{user}"``, or have the parts ``@line``
            (file and line), ``@hash`` (of the line), ``@file``, ``@index`` (of the element of ``explode``) and
            ``@type``. For a URL, the options of its store too, such as ``table``; and the members ``@key``,
            ``@headers``, ``@place``, ``@position`` and ``@time`` of a record may be mapped.

    A last line without an end of line is decoded if it is a whole JSON object. Otherwise someone may be writing
    it, and it is left for the next pull. In CSV an empty or blank cell is an absent member, and every other cell
    is a text. A column without a name is called ``""``. A column ``customer.name`` of CSV or Parquet is the member
    ``name`` of an object ``customer``, unless there is also a column ``customer``.

    Raises:
        SourceError: an unknown scheme, column, unit or format. A file that does not exist is noticed when it is
            read.
    """
    is_url = isinstance(where, str) and scheme_of(where) is not None
    is_of_store = is_url and preset not in PRESETS
    known = preset_named(preset) if preset is not None and not is_of_store else None
    reader = dict(known.reader) if known is not None else {}
    given = {"format": format, "records": records, "delimiter": delimiter, "columns": columns}
    reader |= {name: value for name, value in given.items() if value is not None}
    own = {name: value for name, value in members.items() if is_url and name not in ENVELOPE}
    paths = {name: path for name, path in members.items() if path is not None and name not in own}
    fields = FieldMapping(paths, constants or {})
    mapping = LineMapping(fields, explode, separator, events, known)
    formats = [time_format] if isinstance(time_format, str) else list(time_format)
    time_zone(tz)
    times = _time_reader("UTC" if known is not None and known.is_utc else tz, unit, formats, epoch)
    dialect = Dialect(reader.get("delimiter"), decimal, reader.get("columns"))
    options = FileOptions(
        reader.get("format"), encoding, reader.get("records"), dialect, max_line, workers=workers
    )
    digest = _digest(fields, mapping, options, [tz, unit, formats, epoch])
    if is_url:
        _refuse_options_of_files({**given, "encoding": encoding})
        known_options = {name: value for name, value in reader.items() if name not in given}
        own |= {"preset": preset} if is_of_store else {}
        own = {name: value for name, value in {**known_options, **own}.items() if value is not None}
        return open_url(str(where), RecordMapping(mapping, times, digest), own)
    _check_members_of_lines(fields)
    files = [_path(each) for each in ([where] if isinstance(where, str | Path) else where)]
    return Files(files, mapping=mapping, times=times, options=options, digest=digest)


def _time_reader(tz: str, unit: str | None, formats: Sequence[str], epoch: str) -> TimeReader:
    """Return what reads times, whose zone is known to exist; see `source`."""
    if epoch not in ("utc", "local"):
        raise SourceError(f"expected epoch utc or local, got {epoch!r}", hint='epoch="local"')
    if unit is not None and unit not in UNITS:
        raise SourceError(f"expected a unit of epoch numbers, got {unit!r}", hint=f"units: {', '.join(UNITS)}")
    return TimeReader(tz, unit, formats, is_local=epoch == "local")


def _refuse_options_of_files(given: Mapping[str, Any]) -> None:
    """Raise a `SourceError` if an option of files was given for a URL."""
    for name in (name for name, value in given.items() if value is not None):
        raise SourceError(f"{name} is for files, got a URL", hint=f"leave {name} out")


def _check_members_of_lines(fields: FieldMapping) -> None:
    """Raise a `SourceError` for a path that only a record of a store has."""
    for name, path in fields.paths.items():
        for part in fields.texts[name].paths if name in fields.texts else [str(path)]:
            if any(is_record_member(path) for path in part.split("|")):
                raise SourceError(
                    f"{name}: {part!r} is a member of messages and rows of a store, not of lines of files",
                    hint=f"{', '.join(RECORD_MEMBERS)} are for URLs",
                )


def _digest(fields: FieldMapping, mapping: LineMapping, options: FileOptions, times: Sequence[Any]) -> int:
    """Return a number of 63 bits that tells one mapping from another."""
    known = mapping.preset.name if mapping.preset is not None else None
    parts = [
        sorted(fields.paths.items()),
        sorted(fields.constants.items()),
        [mapping.explode, mapping.separator, [sorted(event.items()) for event in mapping.events], known],
        [options.format, options.encoding, options.records],
        [options.dialect.delimiter, options.dialect.decimal, options.dialect.columns],
        times,
    ]
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8], "big") >> 1


def _path(where: str | Path) -> str:
    if scheme_of(str(where)) is not None:
        raise SourceError(
            f"expected a path, a glob, a folder or a file:// URL among several, got {str(where)!r}",
            hint="give the URL of a store alone",
        )
    _, separator, path = str(where).partition("://")
    return url2pathname(path.removeprefix("localhost")) if separator else str(where)
