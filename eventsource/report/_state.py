"""The state of the logs that a report reads: pinned before the run, described in the manifest."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import polars as pl

from eventsource.errors import LogError, ReportError
from eventsource.log import Log, Pin

__all__ = ["LogState", "pins_of", "states_of"]

_EMPTY: Final = (None, None)


@dataclass(frozen=True, slots=True)
class LogState:
    """A log up to a position.

    Args:
        path: its absolute path or URL; manifests have it relative to a folder.
        identity: its id.
        position: only events before it count.
        at: when it was pinned; lines that were rejected later do not count.
        occurred_at: when the last event happened; None: there are no events.
        recorded_at: the last moment at which an event was recorded.
        rejected: lines that were not taken.
    """

    path: str
    identity: str
    position: int
    at: datetime
    occurred_at: datetime | None
    recorded_at: datetime | None
    rejected: int

    @classmethod
    def of(cls, path: str, pin: Pin | None, now: datetime) -> Self:
        """Return the state of a log at a pin, or at its end.

        Raises:
            LogError: the log does not exist, or has fewer events than the pin says.
        """
        log = Log(path, create=False)
        head = log.head
        position, at = (head, now) if pin is None else (pin.position, pin.at)
        if position > head:
            raise LogError(
                f"{path} has {head:,} events, but the report was made of {position:,}",
                hint="restore the log from a newer backup",
            )
        moments = pl.col("occurred_at").max(), pl.col("recorded_at").max()
        occurred, recorded = log.scan(upto=position).select(*moments).collect().row(0) if position else _EMPTY
        rejected = log.rejected().filter(pl.col("rejected_at") <= at).height
        where = path if "://" in path else os.path.realpath(path)
        return cls(where, log.identity, position, at, occurred, recorded, rejected)

    def to_dict(self, folder: Path) -> dict[str, Any]:
        """Return it for a manifest, with its path relative to a folder."""
        return {
            "path": self.path if "://" in self.path else Path(os.path.relpath(self.path, folder)).as_posix(),
            "identity": self.identity,
            "position": self.position,
            "pinned_at": self.at.isoformat(),
            "last_occurred_at": _text(self.occurred_at),
            "last_recorded_at": _text(self.recorded_at),
            "rejected": self.rejected,
        }

    @classmethod
    def from_dict(cls, members: Mapping[str, Any], folder: Path) -> Self:
        """Return the state that a manifest describes.

        Raises:
            ReportError: the manifest lacks a member.
        """
        try:
            path = str(members["path"])
            return cls(
                path if "://" in path else os.path.realpath(folder / path),
                str(members["identity"]),
                int(members["position"]),
                datetime.fromisoformat(members["pinned_at"]),
                _moment(members["last_occurred_at"]),
                _moment(members["last_recorded_at"]),
                int(members["rejected"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReportError(f"the manifest lacks the state of a log: {error}", hint="run it again") from error


def states_of(
    paths: Iterable[str], now: datetime, *, pins: Mapping[str, Pin | None] | None = None
) -> list[LogState]:
    """Return the states of logs, at their pins where there are some; logs that do not exist have none.

    Two paths of one log are one log: its rejected lines count once.
    """
    found = []
    for where in dict.fromkeys(path if "://" in path else os.path.realpath(path) for path in paths):
        try:
            state = LogState.of(where, (pins or {}).get(where), now)
        except LogError:
            if "://" in where or Path(where, "events").exists() or where in (pins or {}):
                raise
            continue  # the notebook makes it
        if state.position:
            found.append(state)
    return found


def pins_of(states: Iterable[LogState]) -> dict[str, Pin | None]:
    """Return the pins of some states."""
    return {state.path: Pin(state.position, state.at) for state in states}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
