"""Events that arrive again under the same id but with other content."""

import json
from typing import Any, Final

import polars as pl

from eventsource.event import ENVELOPE, REJECTED, json_line

__all__ = ["CONFLICT", "CONFLICTS", "conflicts", "kept_aside"]

CONFLICTS: Final = pl.Schema({"event_id": pl.String(), "position": pl.Int64(), "differs": pl.String()})
"""An id that arrived again with other content: the position of the first, and the columns that differ."""

CONFLICT: Final = "conflict: "
"""How the reason begins under which a conflict is kept aside."""

_JSON: Final = ("data", "metadata")
_COMPARED: Final = tuple(name for name in ENVELOPE if name != "event_id")


def conflicts(again: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Return the events of ``again`` that differ from the first of the same id.

    Payloads are compared as JSON values, not as bytes: ``{"a":1, "b":2}`` is ``{"b":2,"a":1}``.

    Args:
        again: events that arrived again, columns of `ENVELOPE`.
        first: the events that stand, columns of `STORED`.

    Returns:
        ``position`` of the first, ``differs``, and the columns of `ENVELOPE` as they arrived again.
    """
    pairs = again.join(first, on="event_id", how="inner", suffix="|first", maintain_order="left")
    other = [pl.col(name).ne_missing(pl.col(f"{name}|first")).alias(f"{name}|differs") for name in _COMPARED]
    pairs = pairs.with_columns(other).filter(pl.any_horizontal(pl.col(r"^.*\|differs$")))
    differs = [", ".join(_differences(row)) for row in pairs.iter_rows(named=True)]
    found = pairs.with_columns(pl.Series("differs", differs, pl.String)).filter(pl.col("differs") != "")
    return found.select("position", "differs", *ENVELOPE)


def kept_aside(differing: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return what `conflicts` found as a frame of `REJECTED`: each event as a line of JSON.

    The reason names no position: a pull that is repeated after a crash must say the same again.
    """
    reason = pl.format(CONFLICT + "event_id '{}' came before with other {}", "event_id", "differs")
    lines = [json_line(row) for row in differing.iter_rows(named=True)]
    return differing.select(
        pl.lit(source).alias("source"),
        pl.lit(None, pl.String).alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        reason.alias("reason"),
        pl.Series("raw", lines, pl.Binary),
    ).match_to_schema(REJECTED)


def _differences(row: dict[str, Any]) -> list[str]:
    return [
        name
        for name in _COMPARED
        if row[f"{name}|differs"] and not (name in _JSON and _same_json(row[name], row[f"{name}|first"]))
    ]


def _same_json(text: str | None, other: str | None) -> bool:
    if text is None or other is None:
        return text == other
    try:
        return _equal(json.loads(text), json.loads(other))
    except (ValueError, RecursionError):  # a number too long, a nesting too deep: only the bytes can tell
        return False


def _equal(a: Any, b: Any) -> bool:
    """Compare JSON values; unlike Python's ``==``, true is not 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(value, b[name]) for name, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
