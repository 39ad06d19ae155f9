"""Advice after a pull that rejected lines: how they look, and which options help `pull` to read them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import polars as pl

from eventsource.cli._config import short_path
from eventsource.cli._guess import guess_identity, rows_of
from eventsource.cli._guess_reading import ENCODINGS, guess_records, has_other_encoding
from eventsource.cli._mapping import as_options
from eventsource.sources import has_utf8_letters, hint_for

__all__ = ["advice"]

_NEEDED: Final = ("event_id", "stream", "type", "occurred_at")
_SHOWN: Final = 12
_LETTERS: Final = frozenset("ÄÖÜäöüßÀÁÂÃÇÈÉÊËÌÍÎÏÑÒÓÔÕØÙÚÛàáâãåæçèéêëìíîïñòóôõøùúûŒœŠšŽž€£§°")
_FORMATS: Final = {".ndjson": "jsonl", ".tsv": "csv", ".txt": "csv", ".jsonocel": "json", ".xmlocel": "ocel"}
"""Ending → what a file of this ending seems to hold, where that is not the ending itself."""


def advice(lines: pl.DataFrame, *, is_all: bool, given: Collection[str] = ()) -> str | None:
    """Return what helps to read rejected lines, or None if they give no clue.

    Args:
        lines: rejected lines of a pull, with ``file``, ``reason`` and ``raw``; those of the first one's file are
            looked at.
        is_all: whether no line of the pull was taken.
        given: columns that the command maps already.
    """
    if lines.is_empty():
        return None
    file = lines["file"].fill_null("")[0]
    name = short_path(file)
    again = "pull" if is_all else "pull --rejected"
    if _seems_encoded(lines, Path(file), is_all=is_all):
        encoding = f"--encoding {ENCODINGS[0]}"
        return f"{name} is not UTF-8 but probably {ENCODINGS[0]}: eventsource {again} {encoding} {name}"
    if is_all and (wide := _wide_encoding(lines["raw"][0])):
        return f"{name} seems to be UTF-16 without a mark: eventsource pull --encoding {wide} {name}"
    if not name.endswith(".json") and _hold_several(lines, is_all=is_all):
        several = "an array" if lines["raw"][0].lstrip().startswith(b"[") else "several"
        whole = "pull" if is_all else "pull --again"
        return (
            f"{name}: expected one JSON object per line, got {several}: eventsource {whole} --format json {name}"
        )
    return _about_all(lines, Path(file), name, given) if is_all else None


def _seems_encoded(lines: pl.DataFrame, file: Path, *, is_all: bool) -> bool:
    """Return whether a file seems to have another encoding than UTF-8, rather than damaged lines."""
    if not has_other_encoding(lines) or (is_all and not _is_frequent(lines, "not UTF-8")):
        return False
    return (is_all or _has_letters(lines)) and not has_utf8_letters(file)


def _wide_encoding(raw: bytes) -> str | None:
    """Return the encoding of a line of which every other byte is zero; None: it is not such a line."""
    for encoding, begin in (("utf-16-le", 1), ("utf-16-be", 0)):
        if len(raw) > 1 and not any(raw[begin::2]):
            return encoding
    return None


def _is_frequent(lines: pl.DataFrame, reason: str) -> bool:
    """Return whether at least half of some rejected lines have a reason."""
    return int(lines["reason"].str.contains(reason, literal=True).sum()) * 2 >= lines.height


def _has_letters(lines: pl.DataFrame) -> bool:
    """Return whether bytes that are not ASCII are letters in the likely encoding; damage mostly is not."""
    is_wrong = pl.col("reason").str.contains("not UTF-8", literal=True)
    raw = lines.filter(is_wrong)["raw"].head(_SHOWN)
    texts = [line.decode(ENCODINGS[0], "replace") for line in raw]
    return all(set(text) <= _LETTERS for text in ("".join(c for c in each if not c.isascii()) for each in texts))


def _hold_several(lines: pl.DataFrame, *, is_all: bool) -> bool:
    """Return whether at least half of the lines hold several objects; an array may be a line that is broken."""
    has_array = is_all and lines["raw"][0].lstrip().startswith(b"[")
    return has_array or _is_frequent(lines, "trailing characters")


def _about_all(lines: pl.DataFrame, file: Path, name: str, given: Collection[str]) -> str | None:
    """Return what helps if no line was taken: another format, the array that holds the records, or a mapping."""
    if not lines["raw"][0]:
        return _about_file(file, name)
    records = guess_records(lines["raw"][0]) if lines.height == 1 else None
    if records is not None:
        return f"{name} seems to have its records in {records!r}: eventsource pull --records {records} {name}"
    rows = rows_of(lines)
    members = list(dict.fromkeys(member for row in rows for member in row))
    missing = [
        needed
        for needed in _NEEDED
        if needed not in {*members, *given} and (needed != "event_id" or "id" not in members)
    ]
    return _mapping(name, members, missing, rows) if members and missing else None


def _about_file(file: Path, name: str) -> str | None:
    """Return what helps if a file has not the format that its ending says."""
    hint = hint_for(file, but=_FORMATS.get(file.suffix.lower(), file.suffix.lower().removeprefix(".")))
    return None if hint is None else f"{name}: {as_options(hint)}"


def _mapping(file: str, members: list[str], missing: list[str], rows: list[dict[str, Any]]) -> str:
    """Return which members there are, and the options that map the missing columns to them."""
    found = ", ".join(members[:_SHOWN]) + (", …" if len(members) > _SHOWN else "")
    identity, why = guess_identity(rows) if "event_id" in missing else ("", "")
    options = [f"--{name.replace('_', '-')} {identity if name == 'event_id' else 'NAME'}" for name in missing]
    return (
        f"the lines have {found}{f'; {why}' if why else ''}; name the members of the event: "
        f"eventsource pull --rejected {' '.join(options)}. A guess of all of them: eventsource sniff {file}"
    )
