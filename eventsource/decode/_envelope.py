"""What fields read of the envelope: the paths ``@type``, ``@stream``, ``@recorded_at`` and so on."""

from typing import Any, Final

import polars as pl

from eventsource.decode._kinds import split_by_kind
from eventsource.decode._paths import UNSET
from eventsource.dotted_paths import ENVELOPE_PATHS
from eventsource.event import TIMESTAMP

__all__ = ["envelope_columns", "envelope_values", "is_envelope"]

_KINDS: Final = {pl.String(): "text", TIMESTAMP: "time"}


def is_envelope(path: str) -> bool:
    """Return whether a path leads into the envelope."""
    return path in ENVELOPE_PATHS


def envelope_values(events: pl.DataFrame, path: str) -> list[Any]:
    """Return what a path reads; a version that the source does not give is absent."""
    values = _column(events, path)
    return [UNSET if v is None else v for v in values.to_list()] if values.null_count() else values.to_list()


def envelope_columns(column: str, events: pl.DataFrame, path: str) -> list[pl.Series]:
    """Return what a path reads as columns of kinds, texts and times without a step of Python per value."""
    values = _column(events, path)
    if (kind := _KINDS.get(values.dtype)) is None:
        return split_by_kind(column, envelope_values(events, path))
    return [values.alias(f"{column}|{kind}")]


def _column(events: pl.DataFrame, path: str) -> pl.Series:
    return events[path.removeprefix("@")]
