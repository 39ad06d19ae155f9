"""A service: it repeats rounds at an interval, tries again after failures, and stops at a signal."""

import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self

from eventsource.atomic_write import atomic_write
from eventsource.errors import FaultError, MomentError, ReadModelBusyError, ReadModelError
from eventsource.messages import first_line
from eventsource.retry import pause_before_retry
from eventsource.stop_signal import StopSignal

__all__ = ["Behind", "Round", "Service", "Status", "seconds_of"]

_TEMPORARY: Final = (OSError, ReadModelBusyError)
"""A retry may succeed after these: storage, databases, locks (`LogError` and `DatabaseError` are OSErrors)."""

_FIRST, _LONGEST = 1.0, 60.0
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Round(Protocol):
    """What a round did, of a read model or of a pull."""

    @property
    def position(self) -> int:
        """The position that was reached."""

    @property
    def rebuilt(self) -> str:
        """Why tables were rebuilt; empty if they were not."""

    @property
    def done(self) -> str:
        """What was done, in words; empty if there was nothing to do."""


class Behind(Protocol):
    """How far something is behind after a round."""

    @property
    def events(self) -> int | None:
        """How many events."""

    @property
    def seconds(self) -> float | None:
        """The age of the oldest of them."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a round went, or that a round is under way.

    Args:
        state: ``following`` after a successful round; ``held`` where an event that cannot be folded holds the
            tables at their last position; ``retrying`` after a failure; ``stopped`` at the end; ``failed`` after
            the last failure. Only health files say ``starting``, and ``refreshing`` during a
            round: they show that the service is alive.
        time: when the state began.
        refreshed: what the last successful refresh did; None before it.
        lag: how far behind it was after it.
        failures: how many rounds failed in a row.
        last_error: the first line of the last error, also after a later success; where the state is ``held``, all
            of it: the event, and what to type.
        pause: seconds to the next round.
    """

    state: Literal["starting", "refreshing", "following", "held", "retrying", "stopped", "failed"]
    time: datetime
    refreshed: Round | None
    lag: Behind | None
    failures: int
    last_error: str | None
    pause: float

    def __str__(self) -> str:
        if self.state == "held":
            return f"held: {self.last_error}"
        if self.state == "retrying":
            return f"attempt {self.failures + 1} in {self.pause:.1f} s: {self.last_error}"
        if self.state != "following" or self.refreshed is None:
            return self.state
        return f"{self.lag}; {self.refreshed.done}" if self.refreshed.done else str(self.lag)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, for a health file."""
        return {
            "state": self.state,
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "pid": os.getpid(),
            "position": self.refreshed.position if self.refreshed else None,
            "lag": _lag(self.lag) if self.lag else None,
            "failures": self.failures,
            "last_error": self.last_error,
        }


def _lag(lag: Behind) -> dict[str, float | int | None]:
    return {"events": lag.events, "seconds": None if lag.seconds is None else round(lag.seconds, 3)}


def seconds_of(every: float | str) -> float:
    """Return a duration in seconds.

    Raises:
        MomentError: it is not a duration, or not longer than zero.
    """
    found = _DURATION.fullmatch(every.strip()) if isinstance(every, str) else None
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else every
    if isinstance(seconds, str) or not 0 < seconds < threading.TIMEOUT_MAX:
        raise MomentError(f"expected a duration, got {every!r}", hint='such as "30s", "5m" or a number of seconds')
    return seconds


@dataclass(frozen=True, slots=True)
class Service:
    """How rounds are repeated; see `eventsource.readmodel.ReadModel.follow` for the arguments and errors."""

    every: float
    retries: int | None = None
    health: Path | None = None
    tell: Callable[[Status], object] | None = None

    @classmethod
    def of(
        cls,
        every: float | str,
        retries: int | None,
        health: str | Path | None,
        tell: Callable[[Status], object] | None,
    ) -> Self:
        """Return a service after a check of its arguments."""
        file = None if health is None else Path(health)
        if file is not None and not file.parent.is_dir():
            raise ReadModelError(
                f"{file} cannot be written: the folder {file.parent} does not exist",
                hint=f"mkdir -p {file.parent}",
            )
        return cls(seconds_of(every), retries, file, tell)

    def run(self, refresh: Callable[[], Round], lag: Callable[[], Behind]) -> None:
        """Do a round at each interval until a signal; a round that runs is finished first."""
        status = Status("starting", datetime.now(UTC), None, None, 0, None, 0.0)
        self._write(status)
        with StopSignal() as stop:
            while not stop.wait(status.pause):
                self._write(replace(status, state="refreshing", time=datetime.now(UTC)))
                try:
                    status = self._round(status, refresh, lag)
                except Exception as error:
                    self._report(
                        replace(status, state="failed", time=datetime.now(UTC), last_error=first_line(error))
                    )
                    raise
                self._report(status)
        self._report(replace(status, state="stopped", time=datetime.now(UTC)))

    def _round(self, before: Status, refresh: Callable[[], Round], lag: Callable[[], Behind]) -> Status:
        try:
            refreshed, behind = refresh(), lag()
        except FaultError as error:
            # The tables keep their position until the event is corrected: no retry helps, and none is counted.
            why = " ".join(str(error).splitlines())
            return replace(
                before, state="held", time=datetime.now(UTC), lag=lag(), last_error=why, pause=self.every
            )
        except _TEMPORARY as error:
            failures = before.failures + 1
            if self.retries is not None and failures > self.retries:
                raise
            return Status(
                "retrying",
                datetime.now(UTC),
                before.refreshed,
                before.lag,
                failures,
                first_line(error),
                _pause(failures),
            )
        return Status("following", datetime.now(UTC), refreshed, behind, 0, before.last_error, self.every)

    def _write(self, status: Status) -> None:
        if self.health is None:
            return
        try:
            with atomic_write(self.health, is_private=True) as draft:
                draft.write_text(f"{json.dumps(status.to_dict())}\n", encoding="utf-8")
        except OSError as error:
            raise ReadModelError(
                f"the health file {self.health} cannot be written: {error.strerror or error}",
                hint="free some space, or name another file with --health; what was committed is safe",
            ) from error

    def _report(self, status: Status) -> None:
        self._write(status)
        if self.tell is not None:
            self.tell(status)


def _pause(failures: int) -> float:
    """Return the seconds until the next attempt: up to 1 s at first, up to a minute after many failures."""
    return pause_before_retry(failures, first=_FIRST, longest=_LONGEST, jitter=0.5)
