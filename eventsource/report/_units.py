"""Schedules for other programs: systemd timers and lines of crontab."""

import shlex
from pathlib import Path

from eventsource.errors import ReportError
from eventsource.report._cron import systemd_calendar
from eventsource.report._definition import Definition

__all__ = ["crontab_lines", "systemd_units"]


def systemd_units(definition: Definition, folder: Path, program: str) -> dict[str, str]:
    """Return the units of a report, file name → content: a service that runs it once, and its timer.

    Args:
        definition: a definition with a schedule.
        folder: the folder of the project.
        program: the path of ``eventsource``.

    Raises:
        ReportError: a path has a line break.
    """
    schedule = definition.settings.schedule
    assert schedule is not None  # noqa: S101 - the callers pass scheduled ones
    name, catches_up = f"eventsource-report-{definition.name}", str(schedule.catch_up != "none").lower()
    service = f"""[Unit]
Description=Report {definition.name}

[Service]
Type=oneshot
WorkingDirectory={_escaped(str(folder))}
ExecStart={_quoted(program)} report run {definition.name}
"""
    timer = f"""[Unit]
Description=When report {definition.name} runs

[Timer]
OnCalendar={systemd_calendar(schedule.cron, schedule.tz)}
Persistent={catches_up}

[Install]
WantedBy=timers.target
"""
    return {f"{name}.service": service, f"{name}.timer": timer}


def crontab_lines(definition: Definition, folder: Path, program: str) -> str:
    """Return the lines of a report in a crontab; for arguments and errors see `systemd_units`."""
    schedule = definition.settings.schedule
    assert schedule is not None  # noqa: S101 - likewise
    words = [shlex.quote(_one_line(text)) for text in (str(folder), program)]
    command = f"cd {words[0]} && {words[1]} report run {definition.name}"
    return f"CRON_TZ={schedule.tz}\n{schedule.cron} {command.replace('%', chr(92) + '%')}\n"


def _quoted(text: str) -> str:
    r"""Return a text as a word of ``ExecStart``: in quotes, with ``\``, ``"``, ``%`` and ``$`` escaped."""
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    return _one_line(text).replace("%", "%%")


def _one_line(text: str) -> str:
    if any(ord(letter) < ord(" ") for letter in text):
        raise ReportError(f"expected a path without control characters, got {text!r}", hint="move the project")
    return text
