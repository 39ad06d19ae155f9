"""What an erasure leaves of an event, and which events and lines it concerns. Nothing here writes.

Six events, of which the stream ``ada`` is erased; e1 and e5 are in it, k1 corrects e1::

    position  event_id  stream  type        data                                              afterwards
    0         e1        ada     Joined      {"email": "a@b.c"}                                {}
    1         e2        ben     Joined      {"email": "b@b.c"}                                as before
    2         k1        desk    $corrected  {"event_id": "e1", "data": {"email": "a@d.c"},    {"event_id": "e1",
                                             "reason": "moved"}                                "data": {}}
    3         e5        ada     Left        {"because": "…"}                                  {}

The metadata of an erased event is ``{"$erased": "<id of the receipt>"}``, so that everyone who reads it can see
why it has no payload. Positions, types and times stay, and so do ids and streams, unless they are to be hashed.

*Hashed ids* have the form ``erased:<salt>:<digest>``. A log has one salt, which is in the ids themselves: whoever
appends an event compares its id with them, so that an erased event that arrives again is still a duplicate. A hash
cannot be reversed, but whoever has the log can test a guess.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.event import CORRECTIONS
from eventsource.log._files import scan_in_order
from eventsource.log._version import TableVersion

__all__ = ["find_events", "hashed", "is_erased", "names_any", "replacements", "salt_in"]

_MARK: Final = '{"$erased":'
_HASHED: Final = re.compile(r"erased:([0-9a-f]{16}):[0-9a-f]{32}")
_KEPT: Final = ("event_id", "type", "occurred_at")
"""Members of a correction that stay: ids, types and times do."""
_FOUND: Final = ("position", "event_id", "stream", "type", "data", "is_erased")
_PATTERNS: Final = 20_000
"""At most this many names are looked for at once; an automaton of them all could need gigabytes."""
_WORD: Final = r"[0-9A-Za-z_\-]"


def is_erased() -> pl.Expr:
    """Return whether events were erased."""
    return pl.col("metadata").str.starts_with(_MARK).fill_null(value=False)


def mark(erasure: str) -> str:
    """Return the metadata of the events of an erasure."""
    return f'{_MARK}"{erasure}"}}'


def find_events(
    table: TableVersion, streams: Sequence[str], ids: Sequence[str], *, start: int = 0
) -> pl.DataFrame:
    """Return the events of some streams and ids, and the corrections of these events.

    Args:
        table: the events.
        streams: all of their events.
        ids: these events.
        start: only events from this position on; corrections of earlier ones are found by ``ids``.

    Returns:
        ``position``, ``event_id``, ``stream``, ``type``, ``data`` (of corrections only), ``is_erased``, by
        position.
    """
    is_correction = pl.col("type").is_in(CORRECTIONS)
    rows = scan_in_order(table, start).with_columns(is_erased().alias("is_erased"))
    is_named = pl.col("stream").is_in(list(streams)) | pl.col("event_id").is_in(list(ids))
    data = pl.when(is_correction).then("data").alias("data")
    found = rows.filter(is_named).with_columns(data).select(_FOUND).collect(engine="streaming")
    corrections = rows.filter(is_correction).select(_FOUND).collect(engine="streaming")
    erased, number = {*found["event_id"], *ids}, -1
    named = [(event_id, _target(text)) for event_id, text in corrections.select("event_id", "data").iter_rows()]
    while number < len(erased):  # a correction of a correction has no effect, but its payload is erased too
        number = len(erased)
        erased |= {event_id for event_id, target in named if target in erased}
    concerned = corrections.filter(pl.col("event_id").is_in(sorted(erased)))
    return pl.concat([found, concerned]).unique("position", keep="first").sort("position")


def replacements(
    found: pl.DataFrame, *, streams: Sequence[str], erasure: str, salt: str | None = None
) -> pl.DataFrame:
    """Return what replaces the parts of events: one row per event that is not erased in this way already.

    Args:
        found: what `find_events` returned.
        streams: the streams that are erased as a whole.
        erasure: the id of the receipt.
        salt: ids and the names of these streams are hashed with it; None: they stay.

    Returns:
        ``position``, and ``new_event_id``, ``new_stream`` (null: as before), ``new_data``, ``new_metadata``.
    """
    must_change = ~pl.col("is_erased")
    if salt is not None:
        must_change |= ~pl.col("event_id").str.starts_with(f"erased:{salt}:")
    rows = found.filter(must_change)
    new = rows.select(
        "position",
        _hashes(rows["event_id"], salt).alias("new_event_id"),
        pl.when(pl.col("stream").is_in(list(streams))).then(_hashes(rows["stream"], salt)).alias("new_stream"),
        pl.lit("{}").alias("new_data"),
        pl.lit(mark(erasure)).alias("new_metadata"),
    )
    corrections = rows.filter(pl.col("type").is_in(CORRECTIONS))
    if corrections.is_empty():
        return new
    rest = [_rest_of_correction(data, salt) for data in corrections["data"]]
    of_corrections = corrections.select("position", pl.Series("new_data", rest, pl.String))
    return new.update(of_corrections, on="position")


def _hashes(names: pl.Series, salt: str | None) -> pl.Series:
    """Return names as salted hashes; nulls without a salt."""
    hashes = {} if salt is None else {name: hashed(name, salt) for name in names.unique()}
    return pl.Series([hashes.get(name) for name in names], dtype=pl.String)


_NEW: Final = ("new_event_id", "new_stream", "new_data", "new_metadata")


def replaced(rows: pl.LazyFrame, replacement: pl.DataFrame) -> pl.LazyFrame:
    """Return events with their replacements."""
    columns = rows.collect_schema().names()
    joined = rows.join(replacement.lazy(), on="position", how="left", maintain_order="left")
    parts = [pl.coalesce(name, name.removeprefix("new_")).alias(name.removeprefix("new_")) for name in _NEW]
    return joined.with_columns(parts).select(columns)


def hashed(name: str, salt: str) -> str:
    """Return the salted hash of an id or a stream; one that is hashed already stays."""
    if _HASHED.fullmatch(name):
        return name
    digest = hashlib.blake2b(name.encode(), key=bytes.fromhex(salt), digest_size=16).hexdigest()
    return f"erased:{salt}:{digest}"


def salt_in(ids: pl.Series) -> str | None:
    """Return the salt of the hashed ids among some ids; None: none is hashed."""
    candidates = ids.filter(ids.str.starts_with("erased:"))
    return next((found[1] for text in candidates if (found := _HASHED.fullmatch(text))), None)


def names_any(lines: Sequence[bytes], names: Sequence[str]) -> list[bool]:
    """Return which lines name an id or a stream.

    A line of JSON does if one of its texts or numbers, at any depth, equals a name, or if its ``source`` and
    ``id`` make one, as in a CloudEvent. Any other line does if it contains a name as a word.

    Args:
        lines: rejected lines, as they arrived.
        names: the names.
    """
    if not names or not lines:
        return [False] * len(lines)
    wanted = set(names)
    spellings = {each for name in wanted for each in (name, json.dumps(name)[1:-1])}
    spellings |= {name.rpartition("#")[2] for name in wanted if "#" in name}
    texts = pl.Series([line.decode(errors="replace") for line in lines], dtype=pl.String)
    contained = [set[str]() for _ in lines]
    patterns = sorted(spellings - {""})
    for begin in range(0, len(patterns), _PATTERNS):
        found = texts.str.extract_many(patterns[begin : begin + _PATTERNS], overlapping=True)
        for number, inside in enumerate(found.to_list()):
            contained[number].update(inside)
    return [_names(text, wanted, inside) for text, inside in zip(texts, contained, strict=True)]


def _names(text: str, wanted: set[str], contained: set[str]) -> bool:
    """Return whether a line that contains some spellings of names also names one of them."""
    if not contained:
        return False
    try:
        line = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return any(re.search(f"(?<!{_WORD}){re.escape(each)}(?!{_WORD})", text) for each in contained)
    return not wanted.isdisjoint(_texts(line))


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in a JSON value, at any depth, and the ids of CloudEvents."""
    values = [value]
    while values:
        each = values.pop()
        if isinstance(each, dict):
            values += each.values()
            yield f"{each.get('source')}#{each.get('id')}"
        elif isinstance(each, list):
            values += each
        elif isinstance(each, str):
            yield each


def _target(data: str | None) -> str | None:
    """Return the id of the event that a correction names."""
    try:
        named = msgspec.json.decode(data or "{}", type=dict[str, msgspec.Raw]).get("event_id")
        value = None if named is None else msgspec.json.decode(named)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return str(value) if isinstance(value, str | int) else None


def _rest_of_correction(data: str, salt: str | None) -> str:
    """Return what stays of the payload of a correction: what it names, its type and time, and that it had data."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return "{}"
    rest = {name: members[name] for name in _KEPT if isinstance(members.get(name), str | int)}
    if salt is not None and "event_id" in rest:
        rest["event_id"] = hashed(str(rest["event_id"]), salt)
    if members.get("data") is not None:
        rest["data"] = {}
    return json.dumps(rest, separators=(",", ":"))
