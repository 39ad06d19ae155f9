"""Advice after a pull that appended nothing: how the lines look, and which options help `pull` to read them."""

import json
from pathlib import Path
from typing import Final

import polars as pl

from eventsource.cli._config import short_path

__all__ = ["advice"]

_NEEDED: Final = ("event_id", "stream", "type", "occurred_at")
_OTHER_SEPARATORS: Final = (";", "\t", "|")
_SHOWN: Final = 12


def advice(lines: pl.DataFrame) -> str | None:
    """Return what helps if all lines of a pull were rejected, or None if the lines give no clue.

    Args:
        lines: rejected lines, with ``file`` and ``raw``; the first one is looked at.
    """
    if lines.is_empty():
        return None
    file, raw = lines.select(pl.col("file").fill_null(""), "raw").row(0)
    text, name = raw.decode("utf-8", "replace").strip(), short_path(file)
    if text.startswith("["):
        return f"{name}: expected one JSON object per line, got an array: jq -c '.[]' {name} > events.jsonl"
    members = _members(Path(file), text)
    if len(members) == 1 and any(mark in members[0] for mark in _OTHER_SEPARATORS):
        return f"{name}: expected cells separated by commas, got {members[0]}"
    missing = [
        needed for needed in _NEEDED if needed not in members and (needed != "event_id" or "id" not in members)
    ]
    return _mapping(members, missing) if members and missing else None


def _members(file: Path, text: str) -> list[str]:
    """Return the names of a line's members, or the names of its file's columns."""
    try:
        if text.startswith("{"):
            return list(json.loads(text))
        return pl.scan_csv(file, glob=False).collect_schema().names() if ".csv" in file.suffixes else []
    except (ValueError, OSError, pl.exceptions.PolarsError):
        return []


def _mapping(members: list[str], missing: list[str]) -> str:
    """Return which members there are, and the options that map the missing columns to them."""
    found = ", ".join(members[:_SHOWN]) + (", …" if len(members) > _SHOWN else "")
    options = " ".join(f"--{name.replace('_', '-')} NAME" for name in missing)
    return f"the lines have {found}; name the members of the event: eventsource pull --rejected {options}"
