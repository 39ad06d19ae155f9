"""Schedules: which runs are due, and a service that runs them in the foreground.

```text
            last run                  now
   ───●───────●───────○───────○───────┼───●───
      Mon     Tue     Wed     Thu         Fri      ○ missed: the machine was off

   catch_up = "none"      waits for Fri
   catch_up = "latest"    runs for Thu
   catch_up = "all"       runs for Wed, then for Thu; relative moments count from those days
```

A run that begins within a minute of its moment was not missed.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from eventsource.atomic_write import atomic_write
from eventsource.errors import DefinitionError, EventsourceError
from eventsource.report._cron import due_moments, next_moment
from eventsource.report._definition import Definition
from eventsource.report._settings import Schedule
from eventsource.report._utc_minutes import utc_minute
from eventsource.retry import pause_before_retry

__all__ = ["Clock", "Scheduler", "SchedulerStatus", "SystemClock", "due_runs"]

_GRACE: Final = timedelta(minutes=1)
_MOST: Final = 100
"""Missed runs of a report that ``catch_up = "all"`` runs at most: the newest."""
_LONGEST_WAIT: Final = 60.0
"""Seconds after which the clock is read again: it may have been set, or the machine slept."""
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 600.0


def due_runs(schedule: Schedule, last: datetime, now: datetime) -> list[datetime]:
    """Return the moments for which a report must run now, oldest first.

    Args:
        schedule: its schedule.
        last: the last moment that was run for, or the moment at which the service began.
        now: now.
    """
    moments = list(due_moments(schedule.cron, schedule.tz, last, now))[-_MOST:]
    if schedule.catch_up == "all":
        return moments
    latest = moments[-1:]
    return latest if schedule.catch_up == "latest" else [each for each in latest if now - each <= _GRACE]


class Clock(Protocol):
    """The time, and waiting; tests have one of their own."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""

    def wait(self, seconds: float) -> bool:
        """Wait; return whether the service was stopped meanwhile."""


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """What a scheduler does.

    Args:
        state: ``waiting``, ``running``, ``retrying`` or ``stopped``.
        time: since when.
        report: the report that runs, or ran last; empty: none has.
        outcome: how the last run ended: ``ok``, ``stale``, ``checks``, ``failed``; empty: none has.
        failures: how many runs failed in a row, of any report.
        due: when the next run begins; None: there is none.
    """

    state: Literal["waiting", "running", "retrying", "stopped"]
    time: datetime
    report: str = ""
    outcome: str = ""
    failures: int = 0
    due: datetime | None = None

    def __str__(self) -> str:
        last = f"; {self.report}: {self.outcome}" if self.report and self.outcome else ""
        if self.state in ("running", "retrying"):
            return f"{self.state} {self.report}"
        due = f", next run at {utc_minute(self.due)}" if self.due and self.state == "waiting" else ""
        return f"{self.state}{due}{last}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, for a health file."""
        return {
            "state": self.state,
            "time": self.time.isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "report": self.report,
            "outcome": self.outcome,
            "failures": self.failures,
            "next": None if self.due is None else self.due.isoformat(timespec="seconds"),
        }


@dataclass
class Scheduler:
    """Runs reports when they are due, one after another, until it is stopped.

    Args:
        definitions: the reports; those without a schedule are left out.
        run: runs a report for the moment of its schedule, and returns how it ended.
        last: gives the last moment for which a report was run; None: it never was.
        clock: the time, and waiting.
        tell: called with each status.
        health: a file that always has the newest status as JSON; None: there is none.
    """

    definitions: Sequence[Definition]
    run: Callable[[Definition, datetime], str]
    last: Callable[[str], datetime | None]
    clock: Clock
    tell: Callable[[SchedulerStatus], object]
    health: Path | None = None

    def serve(self) -> None:
        """Run until the clock says that the service was stopped. A run that is under way is finished first."""
        begin = self.clock.now()
        handled = {each.name: self.last(each.name) or begin for each in self._scheduled()}
        status = SchedulerStatus("waiting", begin)
        while True:
            for definition, moment in self._due(handled):
                handled[definition.name] = moment
                status = self._run(definition, moment, status)
                if self.clock.wait(0):
                    break
            now = self.clock.now()
            for definition in self._scheduled():  # what a policy leaves out is not due again
                moments = due_moments(_of(definition).cron, _of(definition).tz, handled[definition.name], now)
                if _of(definition).catch_up == "none":
                    handled[definition.name] = max([handled[definition.name], *moments])
            due = self._next(handled)
            status = replace(status, state="waiting", time=now, due=due)
            self._report(status)
            seconds = _LONGEST_WAIT if due is None else min((due - now).total_seconds(), _LONGEST_WAIT)
            if self.clock.wait(max(seconds, 0.0)):
                self._report(replace(status, state="stopped", time=self.clock.now()))
                return

    def _scheduled(self) -> list[Definition]:
        return [each for each in self.definitions if each.settings.schedule is not None]

    def _due(self, handled: dict[str, datetime]) -> Iterator[tuple[Definition, datetime]]:
        """Yield what is due, oldest first; the clock is read for each report once."""
        now = self.clock.now()
        found = [
            (moment, each.name, each)
            for each in self._scheduled()
            for moment in due_runs(_of(each), handled[each.name], now)
        ]
        for moment, _, definition in sorted(found, key=lambda one: one[:2]):
            yield definition, moment

    def _next(self, handled: dict[str, datetime]) -> datetime | None:
        moments = (next_moment(_of(each).cron, _of(each).tz, handled[each.name]) for each in self._scheduled())
        return min((moment for moment in moments if moment is not None), default=None)

    def _run(self, definition: Definition, moment: datetime, before: SchedulerStatus) -> SchedulerStatus:
        """Run a report; again after errors that its schedule names, with growing pauses."""
        schedule, failures = _of(definition), 0
        status = replace(before, state="running", time=self.clock.now(), report=definition.name, outcome="")
        while True:
            self._report(replace(status, state="running"))
            try:
                outcome = self.run(definition, moment)
            except (EventsourceError, OSError) as error:
                failures += 1
                outcome = "checks" if type(error).__name__ == "ChecksFailedError" else "failed"
                is_last = failures > schedule.retries or not _is_named(error, schedule.retry_on)
                pause = pause_before_retry(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, jitter=0.5)
                if not is_last and not isinstance(error, DefinitionError):
                    status = replace(status, state="retrying", time=self.clock.now())
                    self._report(status)
                    if not self.clock.wait(pause):
                        continue
            bad = 0 if outcome == "ok" else before.failures + 1
            return replace(status, time=self.clock.now(), outcome=outcome, failures=bad)

    def _report(self, status: SchedulerStatus) -> None:
        if self.health is not None:
            with suppress(OSError), atomic_write(self.health, is_private=True) as draft:
                draft.write_text(f"{json.dumps(status.to_dict())}\n", encoding="utf-8")
        self.tell(status)


class SystemClock:
    """The clock of the machine; `stop` ends a wait."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float) -> bool:
        """Wait; return whether the service was stopped meanwhile."""
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        """Stop the service."""
        self._stopped.set()


def _of(definition: Definition) -> Schedule:
    assert definition.settings.schedule is not None  # noqa: S101 - only scheduled ones are asked for it
    return definition.settings.schedule


def _is_named(error: BaseException, names: Sequence[str]) -> bool:
    """Return whether an error is of a kind that a schedule names; that of a cell counts by its own name."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    failure = getattr(error, "failure", None)
    return bool(set(names) & (kinds | ({failure.kind} if failure is not None else set())))
