"""Schedules with a clock of their own: clock changes, missed times, failures, and other programs' formats."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsource import report
from eventsource.errors import DefinitionError, LogError, ReportError
from eventsource.report._cron import due_moments, next_moment, systemd_calendar
from eventsource.report._definition import Definition
from eventsource.report._execute import Failure
from eventsource.report._schedule import due_runs
from eventsource.report._settings import Schedule, Settings


def at(text: str) -> datetime:
    """Return an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestClock:
    """A clock that only a wait moves; it stops the service at a moment."""

    __test__ = False

    def __init__(self, now: datetime, until: datetime) -> None:
        self.time, self.until = now, until
        self.waited: list[float] = []

    def now(self) -> datetime:
        """Return the moment that the waits have led to."""
        return self.time

    def wait(self, seconds: float) -> bool:
        """Move the clock."""
        self.waited.append(seconds)
        self.time += timedelta(seconds=seconds)
        return self.time >= self.until


def definition(name: str = "daily", **schedule: Any) -> Definition:
    """Return a definition with a schedule; its file need not exist."""
    settings = Settings(title="T", notebook="n.ipynb", schedule=Schedule(**{"cron": "0 6 * * *", **schedule}))
    return Definition(name, Path(f"{name}.toml"), "", settings)


def served(
    clock: TestClock,
    definitions: list[Definition],
    run: Callable[[Definition, datetime], str],
    last: dict[str, datetime] | None = None,
    health: Path | None = None,
) -> list[report.SchedulerStatus]:
    """Serve until the clock ends; return what was reported."""
    said: list[report.SchedulerStatus] = []
    report.Scheduler(definitions, run, (last or {}).get, clock, said.append, health).serve()
    return said


@pytest.mark.parametrize(
    ("cron", "tz", "since", "until", "moments"),
    [
        ("30 2 * * *", "Europe/Warsaw", "2024-03-30T12:00", "2024-04-01T12:00", ["31T01:30", "01T00:30"]),
        ("30 2 * * *", "Europe/Warsaw", "2024-10-26T12:00", "2024-10-28T12:00", ["27T00:30", "28T01:30"]),
        (
            "0 * * * *",
            "Europe/Warsaw",
            "2024-10-26T23:30",
            "2024-10-27T02:30",
            ["27T00:00", "27T01:00", "27T02:00"],
        ),
        ("0 9 * * 0", "UTC", "2024-06-01T00:00", "2024-06-10T00:00", ["02T09:00", "09T09:00"]),
        ("0 9 * * mon", "America/New_York", "2024-06-01T00:00", "2024-06-10T14:00", ["03T13:00", "10T13:00"]),
        ("0 0 31 * *", "UTC", "2024-01-01T00:00", "2024-05-01T00:00", ["31T00:00", "31T00:00"]),
    ],
)
def test_moments_of_a_schedule(cron: str, tz: str, since: str, until: str, moments: list[str]) -> None:
    """A time that is skipped runs once, one that is repeated the first time only; Sunday is 0."""
    found = [f"{moment:%dT%H:%M}" for moment in due_moments(cron, tz, at(since), at(until))]
    assert found == moments


def test_the_next_moment_and_systemd() -> None:
    """The next one is later than now; a day that never comes has none; systemd gets lists and names."""
    assert next_moment("0 6 * * *", "UTC", at("2024-06-01T06:00")) == at("2024-06-02T06:00")
    assert next_moment("0 6 30 2 *", "UTC", at("2024-06-01T06:00")) is None
    assert systemd_calendar("0,30 7-9 * * mon-fri", "UTC") == "Mon,Tue,Wed,Thu,Fri *-*-* 7,8,9:0,30:00 UTC"
    assert systemd_calendar("0 6 1 */3 *", "Europe/Warsaw") == "*-1,4,7,10-1 6:0:00 Europe/Warsaw"


@pytest.mark.parametrize(
    ("catch_up", "now", "days"),
    [
        ("none", "2024-06-05T05:00", []),
        ("latest", "2024-06-05T05:00", [4]),
        ("all", "2024-06-05T05:00", [2, 3, 4]),
        ("none", "2024-06-05T06:00", [5]),
        ("latest", "2024-06-05T06:00", [5]),
    ],
)
def test_missed_runs(catch_up: Any, now: str, days: list[int]) -> None:
    """After a pause of three days the policy decides; a run within a minute of its moment was not missed."""
    schedule = Schedule(cron="0 6 * * *", catch_up=catch_up)
    assert [moment.day for moment in due_runs(schedule, at("2024-06-01T06:00"), at(now))] == days


def test_a_service_runs_what_is_due(tmp_path: Path) -> None:
    """Missed runs first, then each when it is due, in order; status, health file and a clean stop."""
    ran: list[tuple[str, str]] = []
    clock = TestClock(at("2024-06-03T07:00"), at("2024-06-05T08:00"))
    health = tmp_path / "health.json"
    both = [definition("daily", catch_up="all"), definition("weekly", cron="0 6 * * wed", catch_up="none")]
    last = {"daily": at("2024-06-01T06:00"), "weekly": at("2024-05-01T06:00")}

    def run(each: Definition, due: datetime) -> str:
        ran.append((each.name, f"{due:%d}"))
        return "stale" if each.name == "weekly" else "ok"

    said = served(clock, both, run, last, health)
    assert ran == [("daily", "02"), ("daily", "03"), ("daily", "04"), ("daily", "05"), ("weekly", "05")]
    assert max(clock.waited) <= 60
    assert str(said[-1]) == "stopped; weekly: stale"
    assert any(str(status) == "waiting, next run at 2024-06-05 06:00 UTC; daily: ok" for status in said)
    found = json.loads(health.read_text())
    assert [found[name] for name in ("state", "report", "outcome", "failures")] == [
        "stopped",
        "weekly",
        "stale",
        1,
    ]
    assert oct(health.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("error", "retries", "tries", "outcome"),
    [
        (LogError("the log is locked", hint="wait"), 2, 3, "ok"),
        (LogError("the log is locked", hint="wait"), 1, 2, "failed"),
        (ReportError("cell 3 failed", hint="see"), 5, 1, "failed"),
        (report.ChecksFailedError("x", Failure("checks")), 5, 1, "checks"),
        (DefinitionError("broken", hint="correct it"), 5, 1, "failed"),
    ],
)
def test_retries(error: Exception, retries: int, tries: int, outcome: str) -> None:
    """Only errors that the schedule names are tried again, with pauses; a check that fails is never a success."""
    attempts: list[datetime] = []
    clock = TestClock(at("2024-06-03T05:59"), at("2024-06-03T06:30"))

    def run(_: Definition, due: datetime) -> str:
        attempts.append(due)
        if len(attempts) < 3:
            raise error
        return "ok"

    said = served(clock, [definition(retries=retries)], run)
    assert attempts == [at("2024-06-03T06:00")] * tries
    assert (said[-1].outcome, said[-1].failures) == (outcome, 0 if outcome == "ok" else 1)
    assert [status.state for status in said].count("retrying") == tries - 1


def test_a_run_that_was_killed_is_due_again(tmp_path: Path) -> None:
    """The ledger calls it killed, and its moment does not count as done."""
    code = (
        "import os, sys\nfrom datetime import datetime, UTC\nfrom pathlib import Path\n"
        "from eventsource.report import Ledger\n"
        "with Ledger(Path(sys.argv[1])).recording('daily', 'r', {}, datetime(2024, 6, 3, 6, tzinfo=UTC)):\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=os.environ)
    ledger = report.Ledger(tmp_path)
    assert ledger.history().select("report", "status", "seconds").rows() == [("daily", "killed", None)]
    assert ledger.last_due("daily") is None
    with ledger.recording("daily", "r", {}, at("2024-06-03T06:00")) as entry:
        entry.finish("ok", "")
    assert ledger.last_due("daily") == at("2024-06-03T06:00")
    assert ledger.history("daily", 1)["status"].to_list() == ["ok"]


def test_units_and_crontab_lines() -> None:
    """Paths are quoted for each; % is special in both."""
    units = report.systemd_units(definition(tz="Europe/Warsaw"), Path("/srv/my shop%"), '/opt/a "b"/eventsource')
    assert list(units) == ["eventsource-report-daily.service", "eventsource-report-daily.timer"]
    service, timer = units.values()
    assert "WorkingDirectory=/srv/my shop%%\n" in service
    assert 'ExecStart="/opt/a \\"b\\"/eventsource" report run daily\n' in service
    assert "OnCalendar=*-*-* 6:0:00 Europe/Warsaw\nPersistent=true\n" in timer
    lines = report.crontab_lines(definition(), Path("/srv/my shop%"), "/bin/eventsource")
    assert lines == "CRON_TZ=UTC\n0 6 * * * cd '/srv/my shop\\%' && /bin/eventsource report run daily\n"
    with pytest.raises(ReportError, match="control characters"):
        report.crontab_lines(definition(), Path("/srv/a\nb"), "eventsource")
