"""What a file seems to hold, by its first bytes: for hints about files with an unknown or a wrong ending."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from eventsource.sources._compressed import DAMAGED, open_at
from eventsource.sources._dialect import DELIMITERS
from eventsource.sources._json_documents import is_document

__all__ = ["contents_of", "has_utf8_letters", "hint_for"]

_READ: Final = 64 * 1024
_BEGINNING: Final = 1024 * 1024
_MAGIC: Final = {b"SQLite format 3\0": "sqlite", b"PK\x03\x04": "zip", b"PAR1": "parquet"}
_HINTS: Final = {
    "jsonl": 'it looks like JSON Lines: format="jsonl"',
    "json": 'it looks like JSON: format="json"',
    "csv": 'it looks like CSV: format="csv"',
    "parquet": 'it looks like Parquet: format="parquet"',
    "xes": 'it looks like XES: format="xes"',
    "ocel": 'it looks like OCEL: format="ocel"',
    "zip": "it is an archive or a workbook: unpack it, or save its sheet as CSV",
}


def contents_of(path: Path, encoding: str | None = None) -> str | None:
    """Return the format that a file seems to have: one of `source`, ``sqlite`` or ``zip``; None: unknown."""
    try:
        reader, _ = open_at(path, 0, encoding=encoding)
        with reader:
            head = reader.read(_READ)
        found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x1e")
        if found is None and text.startswith((b"{", b"[")):
            found = "json" if is_document(path, encoding) else "jsonl"
    except DAMAGED:
        return None
    if found is None and text.startswith(b"<"):
        return "xes" if b"<trace" in text else "ocel" if b"<object" in text else None
    first = text.partition(b"\n")[0]
    is_table = any(delimiter.encode() in first for delimiter in DELIMITERS) and b"\0" not in first
    return found or ("csv" if is_table else None)


def hint_for(path: Path, *, but: str | None = None) -> str | None:
    """Return what helps to read a file, in Python's words; None: it is not known, or its format is ``but``."""
    found = contents_of(path)
    if found == "sqlite":
        return f"it is a database: read a table of it by its URL, sqlite:///{path}"
    return None if found == but else _HINTS.get(found or "")


def has_utf8_letters(path: Path) -> bool:
    """Return whether a line of a file's beginning has letters beyond ASCII in UTF-8."""
    try:
        reader, _ = open_at(path, 0)
        with reader:
            head = reader.read(_BEGINNING)
    except DAMAGED:
        return False
    for line in head.split(b"\n")[:-1]:
        with suppress(UnicodeDecodeError):
            if not line.isascii() and line.decode():
                return True
    return False
