"""The columns of events and of rejected lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

__all__ = [
    "CORRECTED",
    "CORRECTIONS",
    "ENVELOPE",
    "PLACED",
    "REJECTED",
    "REQUIRED",
    "RETRACTED",
    "STORED",
    "TIMESTAMP",
    "Event",
    "json_line",
    "no_events",
    "rejected_lines",
]

TIMESTAMP: Final = pl.Datetime("us", "UTC")

ENVELOPE: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "stream": pl.String(),
        "version": pl.Int64(),
        "type": pl.String(),
        "occurred_at": TIMESTAMP,
        "recorded_at": TIMESTAMP,
        "data": pl.String(),
        "metadata": pl.String(),
    }
)
"""What a source yields and `Log.append` takes, in this order."""

PLACED: Final = pl.Schema({**ENVELOPE, "file": pl.String(), "line": pl.Int64()})
"""Events that come from files: the envelope, then where each was, as in `REJECTED`."""

STORED: Final = pl.Schema({"position": pl.Int64(), **ENVELOPE})
"""What a log holds: the position, then the envelope."""

REQUIRED: Final = ("event_id", "stream", "type", "occurred_at")
"""Columns that every frame of events must have, without nulls."""

CORRECTED: Final = "$corrected"
"""The type of an event that replaces parts of an earlier one; see `eventsource.corrections`."""

RETRACTED: Final = "$retracted"
"""The type of an event that takes an earlier one back."""

CORRECTIONS: Final = (CORRECTED, RETRACTED)
"""The reserved types. Events of them belong to no entity, and no model can name them."""

REJECTED: Final = pl.Schema(
    {
        "source": pl.String(),  # name of the source
        "file": pl.String(),  # file of the line; null for an appended frame
        "line": pl.Int64(),  # number of the line in its file, from 1; of the row for Parquet
        "reason": pl.String(),
        "raw": pl.Binary(),  # the bytes of the line as they arrived, without the end of line
    }
)
"""A rejected line (dead letter): where it was, why it was rejected, and its bytes."""

_JSON: Final = ("data", "metadata")
_LINE_BREAKS: Final = str.maketrans("\r\n", "  ")


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a ``reduce`` function sees it: its payload decoded, its moment in fold order."""

    entity: str
    type: str
    at: datetime
    position: int
    event_id: str
    data: Mapping[str, Any]


def no_events() -> pl.DataFrame:
    """Return a frame of `PLACED` without rows."""
    return pl.DataFrame(schema=PLACED)


def rejected_lines(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return a frame of `REJECTED` from dicts; a member that a dict lacks becomes null."""
    return pl.DataFrame(rows, schema=REJECTED)


def json_line(event: Mapping[str, Any]) -> bytes:
    """Return a row of `ENVELOPE` as one line of JSON that a pull can read, without the end of line.

    Payloads stay verbatim, except that line breaks between their members become blanks. Nulls are left out.
    """
    members = {name: event[name] for name in ENVELOPE if event[name] is not None}
    # JSON allows a blank wherever it allows a line break, and a JSON string never contains a bare line break.
    raw = {name: msgspec.Raw(members[name].translate(_LINE_BREAKS).encode()) for name in _JSON if name in members}
    return msgspec.json.encode({**members, **raw})
