"""The command `report schedule`: when reports run, for systemd, cron, or as a service of its own."""

import shutil
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from eventsource.cli._config import Project
from eventsource.cli._errors import MissingError, UsageError, explained
from eventsource.cli._models import load_plan
from eventsource.cli._parameters import Option
from eventsource.cli._report import OutOption, folder_of_pages
from eventsource.cli._terminal import complain, note, say
from eventsource.errors import EventsourceError
from eventsource.stop_signal import StopSignal

__all__ = ["schedule"]

_POLL = 0.5
"""Seconds after which the main thread looks whether the service has ended by itself."""


def schedule(
    *,
    print_as: Annotated[
        Literal["systemd", "cron"] | None,
        Option("--print", help="Print units of systemd or lines of a crontab only. Default: both."),
    ] = None,
    foreground: Annotated[
        bool, Option("--foreground", help="Run the reports when they are due, until stopped by Ctrl-C or SIGTERM.")
    ] = False,
    health: Annotated[
        Path | None,
        Option("--health", metavar="FILE", help="With --foreground: a file for the status as JSON."),
    ] = None,
    out: OutOption = None,
) -> None:
    """Print the schedules of reports for systemd and cron, or run them in the foreground."""
    from eventsource import report

    project = Project.find()
    known = report.definitions(project.folder / "reports")
    scheduled = [each for each in known if each.settings.schedule is not None]
    if not scheduled:
        raise MissingError(
            "no report has a schedule", hint='add to reports/NAME.toml: [schedule] cron = "0 6 1 * *"'
        )
    if health is not None and not foreground:
        raise UsageError("--health needs --foreground", hint="eventsource report schedule --foreground")
    if foreground:
        _serve(scheduled, project, out, health)
        return
    program = shutil.which("eventsource") or f"{Path(sys.executable).parent}/eventsource"
    for each in scheduled:
        if print_as != "cron":
            for name, content in report.systemd_units(each, project.folder, program).items():
                say(f"# ~/.config/systemd/user/{name}\n{content}")
        if print_as != "systemd":
            say(report.crontab_lines(each, project.folder, program))


def _serve(scheduled: list, project: Project, out: Path | None, health: Path | None) -> None:  # type: ignore[type-arg]  # of definitions, whose module is slow to import
    """Run a scheduler in a thread: nbclient sets signal handlers of its own where it runs in the main thread."""
    from eventsource import report

    pages = folder_of_pages(project, out)
    clock = report.SystemClock()

    def run(definition: report.Definition, due: datetime) -> str:
        try:
            made = report.run(
                definition.file,
                out=pages,
                root=project.folder,
                log=project.located(project.log),
                due=due,
                load_model=lambda name: load_plan(name, project.folder),
            )
        except EventsourceError as error:
            complain("Error", f"{definition.name}: {explained(error)[0]}")
            raise
        return made.status

    ledger = report.Ledger(pages / ".private")
    scheduler = report.Scheduler(scheduled, run, ledger.last_due, clock, _line(), health)
    failed: list[BaseException] = []

    def serve() -> None:
        try:
            scheduler.serve()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failed.append(error)

    thread = threading.Thread(target=serve, name="scheduler")
    with StopSignal() as stop:
        thread.start()
        while thread.is_alive():
            if stop.wait(_POLL):
                clock.stop()
                note("stopping after the run that is under way")
                break
        thread.join()
    if failed:
        raise failed[0]


def _line() -> Callable[[object], None]:
    """Return a function that prints a status where it differs from the one before."""
    printed = [""]

    def show(status: object) -> None:
        if str(status) != printed[0]:
            printed[0] = str(status)
            say(printed[0])

    return show
