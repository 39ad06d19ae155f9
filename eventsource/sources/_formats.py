"""Formats of files by their ending, and the header of a table of text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from eventsource.sources._blocks import MAX_LINE
from eventsource.sources._checkpoint import UnreadableError
from eventsource.sources._compressed import COMPRESSED, DAMAGED
from eventsource.sources._csv_header import header_line
from eventsource.sources._dialect import Dialect
from eventsource.sources._json_documents import begins_with_bracket

__all__ = ["FORMATS", "csv_header", "ending_of"]

FORMATS: Final[Mapping[str, str]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".xes": "xes",
    ".jsonocel": "ocel",
    ".xmlocel": "ocel",
    ".sqlite": "ocel",
    ".parquet": "parquet",
}
"""Ending → format; a text is JSON if it begins with a bracket, else CSV."""


def ending_of(path: Path) -> str:
    """Return the ending that names the format, without the ending of the compression."""
    endings = [suffix.lower() for suffix in path.suffixes]
    return next((ending for ending in reversed(endings) if ending not in COMPRESSED), "")


def csv_header(path: Path, encoding: str | None = None) -> bytes | None:
    """Return the first row of a CSV file without its end of line; None if it is not CSV or cannot be read."""
    found = FORMATS.get(ending_of(path))
    if found != "csv" and (found != "text" or begins_with_bracket(path, encoding)):
        return None
    try:
        return header_line(path, Dialect(), encoding, limit=MAX_LINE)
    except (*DAMAGED, UnreadableError):
        return None
