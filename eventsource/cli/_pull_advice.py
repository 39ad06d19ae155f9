"""Advice after a pull that appended nothing: how the lines look, and which options help `pull` to read them."""

from typing import Any, Final

import polars as pl

from eventsource.cli._config import short_path
from eventsource.cli._guess import guess_identity, rows_of
from eventsource.cli._guess_reading import ENCODINGS, has_other_encoding

__all__ = ["advice"]

_NEEDED: Final = ("event_id", "stream", "type", "occurred_at")
_SHOWN: Final = 12


def advice(lines: pl.DataFrame) -> str | None:
    """Return what helps if all lines of a pull were rejected, or None if the lines give no clue.

    Args:
        lines: rejected lines, with ``file`` and ``raw``; those of the first one's file are looked at.
    """
    if lines.is_empty():
        return None
    name = short_path(lines["file"].fill_null("")[0])
    if lines["raw"][0].lstrip().startswith(b"[") and not name.endswith(".json"):
        return f"{name}: expected one JSON object per line, got an array: eventsource pull --format json {name}"
    if has_other_encoding(lines):
        return (
            f"{name} is not UTF-8 but probably {ENCODINGS[0]}: eventsource pull --encoding {ENCODINGS[0]} {name}"
        )
    rows = rows_of(lines)
    members = list(dict.fromkeys(member for row in rows for member in row))
    missing = [
        needed for needed in _NEEDED if needed not in members and (needed != "event_id" or "id" not in members)
    ]
    return _mapping(name, members, missing, rows) if members and missing else None


def _mapping(file: str, members: list[str], missing: list[str], rows: list[dict[str, Any]]) -> str:
    """Return which members there are, and the options that map the missing columns to them."""
    found = ", ".join(members[:_SHOWN]) + (", …" if len(members) > _SHOWN else "")
    identity, why = guess_identity(rows) if "event_id" in missing else ("", "")
    options = [f"--{name.replace('_', '-')} {identity if name == 'event_id' else 'NAME'}" for name in missing]
    return (
        f"the lines have {found}{f'; {why}' if why else ''}; name the members of the event: "
        f"eventsource pull --rejected {' '.join(options)}. A guess of all of them: eventsource sniff {file}"
    )
