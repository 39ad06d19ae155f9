"""A mapping guessed from lines that are not events as they are; the user checks it."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from eventsource.cli._guess_times import TIMES, find_times
from eventsource.messages import counted
from eventsource.sources import csv_header, guessed_delimiter

__all__ = ["guess_identity", "guess_mapping", "guess_streams", "rows_of"]

_LOOKED_AT: Final = 1000
_DEPTH: Final = 3
_MOST_TYPES: Final = 100
_PROPOSED: Final = 3
_FEW: Final = 20
"""Lines below which it says nothing that all values differ."""
_TYPES: Final = re.compile(
    r"type|event|activity|action|kind|verb|operation|aktivit|acti|ereignis|evento|^art$|status|name$|what",
    re.IGNORECASE,
)
_STREAMS: Final = re.compile(
    r"case|customer|user|account|client|order|session|device|entity|subject|stream|vorgang|kunde|dossier|id$|who|key"
    r"|nr$|no$",
    re.IGNORECASE,
)
_ENTITY_IDS: Final = re.compile(
    r"(id|nr|no|key|number|code)$|(^|[._])(case|customer|user|account|client|order|session|device|vorgang|kunde|who)$",
    re.IGNORECASE,
)
"""Names that say what an entity is, and not what it is called or how it is doing."""
_IDS: Final = re.compile(r"event.?id|uuid|guid|^id$|id$|number|nr$|^no$|key|beleg", re.IGNORECASE)


def rows_of(lines: pl.DataFrame, encoding: str | None = None) -> list[dict[str, Any]]:
    """Return the rejected lines of one file as members, JSON or rows of CSV; others are passed over.

    Args:
        lines: with ``file`` and ``raw``; those of the first one's file are looked at, at most 1,000.
        encoding: that of the file; lines themselves are UTF-8.
    """
    if lines.is_empty():
        return []
    file = lines["file"].fill_null("")[0]
    raw = lines.filter(pl.col("file").fill_null("") == file)["raw"].head(_LOOKED_AT)
    return list(_rows(Path(file), [text.decode("utf-8", "replace") for text in raw], encoding))


def guess_identity(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return a member that could be the id of events, and why: it is in all lines, and never twice.

    Of a few lines it must also have the name of an id.
    """
    columns, count = _columns(rows), counted(len(rows), "line")
    in_all = {name: values for name, values in columns.items() if len(set(values)) == len(values) == len(rows)}
    unique = [
        name
        for name, values in in_all.items()
        if not find_times({name: values}) and (len(rows) >= _FEW or name == "" or _IDS.search(name))
    ]
    if unique:
        best = _best(unique, _IDS)
        return best, f"{best} is unique in {count}"
    return "@line", f"none of them is unique in {count}, so each line is its own event (@line)"


def guess_mapping(rows: Sequence[Mapping[str, Any]], *, kind: str) -> dict[str, Any]:
    """Return arguments of `eventsource.source` for lines that look like these.

    ``occurred_at`` is a member whose values are times, with their ``time_format`` if they need one; ``type`` one
    with few different texts; ``stream`` one whose values repeat; ``event_id`` one whose values do not, else the
    line. What cannot be guessed is left out; without a time nothing is guessed.

    Args:
        rows: the members of some lines.
        kind: the type of all events, if no member is the type.
    """
    columns = _columns(rows)
    formats = find_times(columns)
    times = list(formats)
    found: dict[str, Any] = {"event_id": guess_identity(rows)[0]}
    texts = {name: values for name, values in columns.items() if name not in times}
    types = [name for name, values in texts.items() if _TYPES.search(name) and _are_types(values)]
    if times and not types and len(times) > 1:
        found["events"] = [{"type": _title(name), "occurred_at": name} for name in times]
        found["event_id"] = [found["event_id"], "@type"]
    elif times:
        found["occurred_at"] = _best(times, TIMES)
        found |= {"type": _best(types, _TYPES)} if types else {"constants": {"type": kind}}
    used = times if "events" in found else [found["occurred_at"]] if times else []
    if named := sorted({formats[name] for name in used} - {""}):
        found["time_format"] = named
    candidates = _streams({name: values for name, values in texts.items() if name not in types[:1]}, found)
    if candidates:
        found["stream"] = candidates[0]
    elif not isinstance(found["event_id"], str):
        found["stream"] = found["event_id"][0]
    return found if times else {}


def guess_streams(rows: Sequence[Mapping[str, Any]], mapping: Mapping[str, Any]) -> list[str]:
    """Return the members that could be the stream in place of the one that was guessed, the most likely first."""
    columns = _columns(rows)
    used = {mapping.get("stream"), mapping.get("type"), *find_times(columns)}
    return [name for name in _streams(columns, mapping) if name not in used][:_PROPOSED]


def _streams(columns: Mapping[str, Sequence[str]], mapping: Mapping[str, Any]) -> list[str]:
    """Return the members that could be the stream, the most likely first.

    Their values repeat. The id of the events comes last. Values that differ come before one that is always the
    same, the names of ids before others; then the word decides (a case before a customer before an order), then
    how often values repeat.
    """
    different = {name: len(set(values)) for name, values in columns.items()}
    repeated = [name for name in columns if different[name] < len(columns[name]) or name == mapping["event_id"]]
    candidates = [name for name in repeated or columns if _STREAMS.search(name)] or repeated
    return sorted(
        candidates,
        key=lambda name: (
            name == mapping["event_id"],
            different[name] == 1,
            not _ENTITY_IDS.search(name),
            _rank(name, _STREAMS),
            different[name] - len(columns[name]),
        ),
    )


def _rows(file: Path, texts: Sequence[str], encoding: str | None) -> Iterator[dict[str, Any]]:
    header = csv_header(file, encoding)
    if header is None:
        for text in texts:
            try:
                row = json.loads(text)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row
        return
    first = header.decode("utf-8", "replace").splitlines()[-1]  # a line sep=; may be above it
    delimiter = guessed_delimiter(first)
    (names,) = csv.reader([first], delimiter=delimiter)
    for cells in csv.reader(texts, delimiter=delimiter):
        yield {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()}


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return path → its values as texts, those that are there, of members that are neither arrays nor null."""
    columns: dict[str, list[str]] = {}
    for row in rows:
        for path, value in _scalars(row):
            columns.setdefault(path, []).append(value)
    return columns


def _scalars(row: Mapping[str, Any], above: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if isinstance(value, dict) and depth < _DEPTH:
            yield from _scalars(value, f"{above}{name}.", depth + 1)
        elif value is not None and not isinstance(value, dict | list | bool):
            yield above + name, str(value)


def _are_types(values: Sequence[str]) -> bool:
    different = len(set(values))
    return different <= _MOST_TYPES and (different < len(values) or len(values) < _FEW)


def _best(names: Sequence[str], wanted: re.Pattern[str]) -> str:
    """Return the name that matches first in the alternatives of a pattern; the first name of equal ones."""
    return min(names, key=lambda name: _rank(name, wanted))


def _rank(name: str, wanted: re.Pattern[str]) -> int:
    """Return which of the alternatives of a pattern is the first that is in a name."""
    alternatives = wanted.pattern.split("|")
    found = (number for number, each in enumerate(alternatives) if re.search(each, name, re.IGNORECASE))
    return next(found, len(alternatives))


def _title(name: str) -> str:
    """Return a type for a time: ``ShippedDate`` and ``shipped_at`` are Shipped."""
    last = name.rsplit(".", 1)[-1]
    plain = re.sub(r"(?i)[_ -]?(date|time|timestamp|at|on)$", "", last) or last
    return plain[0].upper() + plain[1:]
