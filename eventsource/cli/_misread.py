"""What to do where a pull could take nothing: how its lines look, and which option says how to read them."""

import json
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.cli._config import near

__all__ = ["next_step"]

_NEEDED: Final = ("event_id", "stream", "type", "occurred_at")
_OTHER_MARKS: Final = (";", "\t", "|")
_SHOWN: Final = 12


def next_step(lines: pl.DataFrame) -> str | None:
    """Return what helps with lines of which none could be taken; None: nobody knows.

    Args:
        lines: rejected lines, with ``file`` and ``raw``.
    """
    if lines.is_empty():
        return None
    file, raw = lines.select(pl.col("file").fill_null(""), "raw").row(0)
    text, name = raw.decode("utf-8", "replace").strip(), near(file)
    if text.startswith("["):
        return f"{name} holds a JSON array, but one object per line is needed: jq -c '.[]' {name} > events.jsonl"
    members = _members(Path(file), text)
    if len(members) == 1 and any(mark in members[0] for mark in _OTHER_MARKS):
        return f"the cells of {name} are not separated by commas: {members[0]}"
    missing = [
        needed for needed in _NEEDED if needed not in members and (needed != "event_id" or "id" not in members)
    ]
    return _mapping(members, missing) if members and missing else None


def _members(file: Path, text: str) -> list[str]:
    """Return the names of a line's members, or of its file's columns."""
    try:
        if text.startswith("{"):
            return list(json.loads(text))
        return pl.scan_csv(file, glob=False).collect_schema().names() if ".csv" in file.suffixes else []
    except (ValueError, OSError, pl.exceptions.PolarsError):
        return []


def _mapping(members: list[str], missing: list[str]) -> str:
    told = ", ".join(members[:_SHOWN]) + (", …" if len(members) > _SHOWN else "")
    options = " ".join(f"--{name.replace('_', '-')} NAME" for name in missing)
    return f"its lines have {told}; say which is which, and offer them again: --rejected {options}"
