"""Conflicts: events that arrive again with the same id and other content."""

import json
from typing import Any, Final

import polars as pl

from eventsource.event import ENVELOPE, PLACED, REJECTED, json_line

__all__ = [
    "CONFLICTS",
    "CONFLICT_REASON",
    "conflict_reasons",
    "conflicts_as_rejected",
    "find_conflicts",
    "no_conflicts",
]

CONFLICTS: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "position": pl.Int64(),
        "differs": pl.String(),
        "file": pl.String(),
        "line": pl.Int64(),
    }
)
"""An id that arrived again with other content: the position of the first event, the columns that differ, where."""

CONFLICT_REASON: Final = "conflict: "
"""The reason of a rejected conflict begins with this."""

_JSON: Final = ("data", "metadata")
_COMPARED: Final = tuple(name for name in ENVELOPE if name != "event_id")
_FOUND: Final = pl.Schema({"position": pl.Int64(), "differs": pl.String(), **PLACED})


def no_conflicts() -> pl.DataFrame:
    """Return an empty frame with the columns of `find_conflicts`."""
    return pl.DataFrame(schema=_FOUND)


def find_conflicts(repeated: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Return the events of ``repeated`` that differ from the first event of the same id.

    Payloads are compared as JSON values, not as bytes: ``{"a":1, "b":2}`` equals ``{"b":2,"a":1}``.

    Args:
        repeated: events that arrived again, columns of `PLACED`.
        first: the first events of these ids, columns of `STORED`.

    Returns:
        ``position`` of the first, ``differs``, and the columns of `PLACED` as they arrived again.
    """
    pairs = repeated.join(first, on="event_id", how="inner", suffix="|first", maintain_order="left")
    is_other = [pl.col(name).ne_missing(pl.col(f"{name}|first")).alias(f"{name}|differs") for name in _COMPARED]
    pairs = pairs.with_columns(is_other).filter(pl.any_horizontal(pl.col(r"^.*\|differs$")))
    compared = pairs.select(pl.col(r"^.*\|differs$"), *_JSON, *(f"{name}|first" for name in _JSON))
    differs = [", ".join(_differences(row)) for row in compared.iter_rows(named=True)]
    found = pairs.with_columns(pl.Series("differs", differs, pl.String)).filter(pl.col("differs") != "")
    return found.select(_FOUND.names())


def conflict_reasons(conflicts: pl.DataFrame) -> pl.Series:
    """Return the column ``reason`` of a frame that has at least ``event_id`` and ``differs``.

    It does not name the position, so that a pull that is repeated after a crash gives the same reason.
    """
    pairs = conflicts.select("event_id", "differs").iter_rows()
    texts = [f"{CONFLICT_REASON}event_id '{event_id}' came before with other {names}" for event_id, names in pairs]
    return pl.Series("reason", texts, pl.String)


def conflicts_as_rejected(conflicts: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return what `find_conflicts` found as a frame of `REJECTED`: each event as a line of JSON."""
    lines = [json_line(row) for row in conflicts.iter_rows(named=True)]
    return conflicts.select(
        pl.lit(source).alias("source"),
        "file",
        "line",
        conflict_reasons(conflicts),
        pl.Series("raw", lines, pl.Binary),
    ).match_to_schema(REJECTED)


def _differences(row: dict[str, Any]) -> list[str]:
    return [
        name
        for name in _COMPARED
        if row[f"{name}|differs"] and not (name in _JSON and _is_same_json(row[name], row[f"{name}|first"]))
    ]


def _is_same_json(text: str | None, other: str | None) -> bool:
    if text is None or other is None:
        return text == other
    try:
        return _equal(json.loads(text), json.loads(other))
    except (ValueError, RecursionError):  # a number or a nesting that Python cannot decode: the bytes differ
        return False


def _equal(a: Any, b: Any) -> bool:
    """Return whether JSON values are equal; unlike with Python's ``==``, true does not equal 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(value, b[name]) for name, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
