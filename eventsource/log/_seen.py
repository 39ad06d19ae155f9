"""Which events a log holds already: 64-bit hashes of ids in sorted runs, and an exact look where one matches."""

import json
from typing import Final

import numpy as np
import polars as pl

from eventsource.event import ENVELOPE

__all__ = ["CONFLICTS", "Seen", "conflicts"]

CONFLICTS: Final = pl.Schema(
    {"event_id": pl.String(), "position": pl.Int64(), "differs": pl.String(), "raw": pl.Binary()}
)
"""An id that arrived again with other content: the position of the first, and the columns that differ."""

_COMPARED: Final = ("stream", "version", "type", "occurred_at", "recorded_at", "data", "metadata")
_JSON: Final = ("data", "metadata")


class Seen:
    """The hashes of the ids of all events up to a position; eight bytes an event.

    A hash that matches proves nothing; it only says where to look.
    """

    def __init__(self) -> None:
        self.upto = 0
        self._runs: list[np.ndarray] = []

    def add(self, event_ids: pl.Series) -> None:
        """Take in the ids of the next events; runs of like size are merged, so there are few."""
        run = np.sort(event_ids.hash().to_numpy())
        self.upto += len(run)
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        if len(run):
            self._runs.append(run)

    def maybe(self, event_ids: pl.Series) -> pl.Series:
        """Say of each id whether it may have been seen; False is certain."""
        hashes = event_ids.hash().to_numpy()
        found = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            found |= run[place] == hashes
        return pl.Series(found)


def conflicts(again: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Return those of ``again`` that differ from the first event of the same id, as `CONFLICTS`.

    Args:
        again: events that arrived again, columns of `ENVELOPE`.
        first: the events that stand, columns of `STORED`.
    """
    pairs = again.join(first, on="event_id", how="inner", suffix="|first", maintain_order="left")
    differing = [pl.col(name).ne_missing(pl.col(f"{name}|first")).alias(f"{name}|differs") for name in _COMPARED]
    suspects = pairs.with_columns(differing).filter(pl.any_horizontal(pl.col("^.*\\|differs$")))
    rows = [row for row in suspects.iter_rows(named=True) if _differences(row)]
    found = [
        {
            "event_id": row["event_id"],
            "position": row["position"],
            "differs": ", ".join(_differences(row)),
            "raw": _line(row),
        }
        for row in rows
    ]
    return pl.DataFrame(found, schema=CONFLICTS)


def _differences(row: dict[str, object]) -> list[str]:
    """Return the columns that really differ: payloads are compared as JSON values, not as bytes."""
    return [name for name in _COMPARED if row[f"{name}|differs"] and not _same(name, row)]


def _same(name: str, row: dict[str, object]) -> bool:
    texts = row[name], row[f"{name}|first"]
    if name not in _JSON or not all(isinstance(text, str) for text in texts):
        return False
    a, b = (json.loads(str(text)) for text in texts)
    return bool(a == b)


def _line(row: dict[str, object]) -> bytes:
    """Return an event as a line that a pull takes."""
    event = {name: row[name] for name in ENVELOPE if name not in _JSON and row[name] is not None}
    payload = "".join(f', "{name}": {row[name]}' for name in _JSON if row[name] is not None)
    return (json.dumps(event, ensure_ascii=False, default=_iso)[:-1] + payload + "}").encode()


def _iso(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
