"""The raw files: the demo's log as JSON Lines, with more broken lines, compressed, as CSV and as wide JSON.

The log has UUIDs, versions, milliseconds, metadata, late events, duplicates and conflicts. All other files are
made from it. Files are made once, and found in the cache folder from then on:

    events.jsonl      about 0.01 % broken lines       {"event_id": …, "type": …, "data": {"amount": 9.5}, …}
    broken.jsonl      1 % broken lines, each followed by the good one
    events.jsonl.gz   the same bytes as events.jsonl
    events.csv        a column per member             event_id,type,…,amount,address.city,…
    wide.jsonl        a fifth of the lines; 60 more members, all beside the envelope
"""

import csv
import gzip
import io
import os
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from eventsource import demo
from eventsource.atomic_write import atomic_write

__all__ = ["COLUMNS", "KINDS", "SMALL_FILES", "WIDE", "Kind", "many_files", "raw_file"]

_PER_CUSTOMER: Final = 24.6
"""Lines of the demo's log, on average."""
_BROKEN: Final = 0.01
_WIDE_SHARE: Final = 5
_ENVELOPE: Final = ("event_id", "stream", "version", "type", "occurred_at", "recorded_at")
_METADATA: Final = ("source", "correlation_id")
_MEMBERS: Final = (
    "name",
    "email",
    "country",
    "address.street",
    "address.city",
    "address.postcode",
    "address.country",
)
_MORE_MEMBERS: Final = ("channel", "plan", "price", "campaign", "reason", "order_id", "item", "amount", "quantity")
COLUMNS: Final = (*_ENVELOPE, *_METADATA, *_MEMBERS, *_MORE_MEMBERS)
"""The columns of the CSV; other members of the log are left out."""
WIDE: Final = tuple(f"m{number:02}" for number in range(60))
"""The names of the further members."""
SMALL_FILES: Final = 1_000
_WORDS: Final = ("red", "green", "blue", "a longer text with spaces", "Ünï-code", "")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of raw file.

    Args:
        file: its name.
        about: what it is, for the table.
        make: writes it from the demo's log.
    """

    file: str
    about: str
    make: Callable[[Path, BinaryIO], None]


def raw_file(cache: Path, kind: str, events: int) -> Path:
    """Return the file of a kind for about ``events`` events; make it if the cache has none."""
    folder, looks = cache / f"{events}", KINDS[kind]
    base, path = folder / KINDS["jsonl"].file, folder / looks.file
    folder.mkdir(parents=True, exist_ok=True)
    if not base.exists():
        demo.write(base, customers=max(int(events / _PER_CUSTOMER), 1))
    if not path.exists():
        with atomic_write(path) as draft, draft.open("wb") as out:
            looks.make(base, out)
    return path


def many_files(folder: Path, megabytes: float) -> Path:
    """Write 1,000 files of some megabytes: links to one file, each of which a pull has to consider by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    note = "x" * int(megabytes * _CHUNK / 10)
    times = '"occurred_at":"2024-01-01T00:00:00Z"'
    lines = (
        f'{{"event_id":"{n}","stream":"s","type":"Noted",{times},"data":{{"note":"{note}"}}}}' for n in range(10)
    )
    first = folder / "0000.jsonl"
    first.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for number in range(1, SMALL_FILES):
        os.link(first, folder / f"{number:04}.jsonl")
    return folder


def _same(base: Path, out: BinaryIO) -> None:
    raise AssertionError(f"{base} exists, so that nothing writes {out}")


def _with_broken(base: Path, out: BinaryIO) -> None:
    rng, number = random.Random(1), 0
    with base.open("rb") as lines:
        for line in lines:
            if rng.random() < _BROKEN:
                out.write(_SPOILERS[number % len(_SPOILERS)](line.rstrip(b"\n")) + b"\n")
                number += 1
            out.write(line)


def _compressed(base: Path, out: BinaryIO) -> None:
    with base.open("rb") as lines, gzip.GzipFile("", "wb", 3, out, mtime=0) as packed:
        shutil.copyfileobj(lines, packed, _CHUNK)


def _as_csv(base: Path, out: BinaryIO) -> None:
    """Write rows; the row of a broken line has no type."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for record in _records(base):
        if isinstance(record, bytes):
            rows.writerow(["broken", "customer-0", *[""] * (len(COLUMNS) - 2)])
            continue
        cells = record | record.get("metadata", {}) | record["data"]
        cells |= {f"address.{name}": value for name, value in cells.pop("address", {}).items()}
        rows.writerow([cells.get(name) for name in COLUMNS])
    text.flush()
    text.detach()  # who opened the file closes it


def _as_wide(base: Path, out: BinaryIO) -> None:
    """Write flat objects with 60 more members each: numbers, texts, flags and nulls."""
    encode, rng = msgspec.json.Encoder().encode, random.Random(2)
    for number, record in enumerate(_records(base)):
        if number % _WIDE_SHARE:
            continue
        if isinstance(record, bytes):
            out.write(record + b"\n")
            continue
        data = record.pop("data")
        more = {name: _value(index, rng.getrandbits(20)) for index, name in enumerate(WIDE)}
        out.write(encode(record | data | more) + b"\n")


def _value(index: int, bits: int) -> Any:
    values = (bits, bits / 64, _WORDS[bits % len(_WORDS)], bits % 2 == 0, f"ref-{bits:x}", None)
    return values[index % len(values)]


def _records(base: Path) -> Iterator[dict[str, Any] | bytes]:
    """Yield the lines as objects; a line that no pull can read as bytes."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with base.open("rb") as lines:
        for line in _without_ends(lines):
            record: dict[str, Any] | bytes = line
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                found = decode(line)
                record = found if "type" in found and _IMPOSSIBLE not in found["occurred_at"] else line
            yield record


def _without_ends(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line.rstrip(b"\n") for line in lines)


_IMPOSSIBLE: Final = "2024-02-30"
_SPOILERS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda line: line[: line.index(b'"data"') + 9],
    lambda line: re.sub(rb'"type":"\w+",', b"", line),
    lambda line: re.sub(rb'("occurred_at":")[0-9-]{10}', rb"\g<1>2024-02-30", line),
    lambda line: line.replace(b'"data":{', b'"data":{"\xff\xfe":0,', 1),
    lambda line: b"[" + line + b"]",
)

KINDS: Final = {
    "jsonl": Kind("events.jsonl", "JSON Lines, 0.01 % of them broken", _same),
    "broken": Kind("broken.jsonl", "JSON Lines, 1 % of them broken", _with_broken),
    "gz": Kind("events.jsonl.gz", "JSON Lines, gzip", _compressed),
    "csv": Kind("events.csv", "CSV", _as_csv),
    "wide": Kind("wide.jsonl", "wide JSON: 60 more members, a fifth of the events", _as_wide),
}
"""Key → kind of file, in the order of the table."""
