"""Advice after a pull that appended nothing: how the lines look, and which options help `pull` to read them."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from eventsource.cli._config import short_path
from eventsource.messages import counted
from eventsource.sources import csv_header

__all__ = ["advice"]

_NEEDED: Final = ("event_id", "stream", "type", "occurred_at")
_DELIMITERS: Final = ",;\t|"
_LOOKED_AT: Final = 1000
_SHOWN: Final = 12


def advice(lines: pl.DataFrame) -> str | None:
    """Return what helps if all lines of a pull were rejected, or None if the lines give no clue.

    Args:
        lines: rejected lines, with ``file`` and ``raw``; those of the first one's file are looked at.
    """
    if lines.is_empty():
        return None
    file = lines["file"].fill_null("")[0]
    texts = lines.filter(pl.col("file").fill_null("") == file)["raw"].head(_LOOKED_AT)
    name = short_path(file)
    if texts[0].lstrip().startswith(b"[") and not name.endswith(".json"):
        return f"{name}: expected one JSON object per line, got an array: eventsource pull --format json {name}"
    rows = list(_rows(Path(file), [raw.decode("utf-8", "replace") for raw in texts]))
    if not rows:
        return None
    members = list(dict.fromkeys(member for row in rows for member in row))
    missing = [
        needed for needed in _NEEDED if needed not in members and (needed != "event_id" or "id" not in members)
    ]
    return _mapping(members, missing, rows) if missing else None


def _rows(file: Path, texts: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Yield the lines of JSON, or the rows of CSV, as members; others are passed over."""
    header = csv_header(file)
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
    delimiter = max(_DELIMITERS, key=first.count)
    (names,) = csv.reader([first], delimiter=delimiter)
    for cells in csv.reader(texts, delimiter=delimiter):
        yield dict(zip(names, cells, strict=False))


def _mapping(members: list[str], missing: list[str], rows: list[dict[str, Any]]) -> str:
    """Return which members there are, and the options that map the missing columns to them."""
    found = ", ".join(members[:_SHOWN]) + (", …" if len(members) > _SHOWN else "")
    identity = _identity(members, rows) if "event_id" in missing else ("", "")
    options = [f"--{name.replace('_', '-')} {identity[0] if name == 'event_id' else 'NAME'}" for name in missing]
    return (
        f"the lines have {found}{identity[1]}; name the members of the event: "
        f"eventsource pull --rejected {' '.join(options)}"
    )


def _identity(members: list[str], rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Return a member that could be the id of events, and why: it is in all lines, and never twice."""
    count = counted(len(rows), "line")
    for member in sorted(members, key=lambda name: "id" not in name.lower()):
        values = {json.dumps(row[member]) for row in rows if row.get(member) not in (None, "")}
        if len(values) == len(rows) and not any(isinstance(row[member], dict | list) for row in rows):
            return member, f"; {member} is unique in {count}"
    return "@line", f"; none of them is unique in {count}, so each line is its own event (@line)"
