"""The commands `refresh`, `lag` and `follow`: keep an SQL table equal to a model, once or as a service."""

import shlex
from dataclasses import asdict
from typing import Annotated, Final, Literal

import polars as pl
from click.exceptions import Exit
from msgspec import Struct

from eventsource.cli._config import Project
from eventsource.cli._errors import FAILED, MissingError, UsageError
from eventsource.cli._formats import json
from eventsource.cli._models import load_plan
from eventsource.cli._options import FaultsOption, HealthOption, LogOption, ModelOption, RetriesOption
from eventsource.cli._output import deliver
from eventsource.cli._parameters import Option
from eventsource.cli._progress import Bar
from eventsource.cli._status_line import StatusLine
from eventsource.cli._table import print_table
from eventsource.cli._terminal import console, note, say
from eventsource.errors import ReadModelError
from eventsource.messages import counted
from eventsource.progress import Progress
from eventsource.readmodel import ReadModel
from eventsource.service import Service
from eventsource.timeline import Timeline

__all__ = ["follow", "lag", "refresh"]

_EVERY: Final = "5s"
_SHOWN: Final = 25
_PANEL: Final = "Read model"


class Target(Struct, frozen=True):
    """The read model: the table, its database, and the model it is kept equal to."""

    to: Annotated[
        str | None,
        Option(
            "--to",
            metavar="URL",
            envvar="EVENTSOURCE_READMODEL",
            help="The database: sqlite:///file.db or postgresql+psycopg://user@host/database. Put a password into"
            " PGPASSWORD or ~/.pgpass. Default: url in pyproject.toml.",
            panel=_PANEL,
        ),
    ] = None
    table: Annotated[
        str | None,
        Option(
            "--table",
            metavar="NAME",
            help="The table. Default: the model's name in lower case.",
            panel=_PANEL,
        ),
    ] = None
    history: Annotated[
        bool | None,
        Option(
            "--history/--no-history",
            help="Also keep a table …_history with one row per interval (SCD2).",
            panel=_PANEL,
            show_default=False,
        ),
    ] = None
    log: LogOption = None
    model: ModelOption = None
    faults: FaultsOption = "raise"

    def readmodel(self, project: Project, progress: Progress | None = None) -> ReadModel:
        """Return the read model that the options and the project describe.

        Args:
            project: the project.
            progress: called while rows are written.

        Raises:
            UsageError: there is no database, or its URL or the table's name is invalid.
        """
        settings = project.readmodel
        url = self.to or _located(settings.url, project)
        if url is None:
            raise UsageError(
                "expected a database, got none",
                hint='--to sqlite:///customers.db, or url = "…" under [tool.eventsource.readmodel]',
            )
        history = settings.history if self.history is None else self.history
        plan = load_plan(self.model or project.model, project.folder)
        timeline = Timeline(project.open(self.log), plan, faults=self.faults, progress=Bar())
        table = self.table or settings.table
        try:
            return ReadModel(timeline, url, table=table, history=history, progress=progress)
        except ReadModelError as error:
            raise UsageError.of(error) from error

    def typed(self, command: str, url: str) -> str:
        """Return a command with these options, as a user types it; ``url`` has no password."""
        given = {"--to": self.to and url, "--table": self.table, "--log": self.log, "--model": self.model}
        given["--faults"] = None if self.faults == "raise" else self.faults
        words = [word for option, value in given.items() if value for word in (option, value)]
        history = {None: [], True: ["--history"], False: ["--no-history"]}[self.history]
        return shlex.join(["eventsource", command, *words, *history])


def refresh(
    target: Target,
    *,
    rebuild: Annotated[
        bool,
        Option("--rebuild", help="Write new tables and swap them with the old ones; readers see no gap."),
    ] = False,
    verify: Annotated[
        bool, Option("--verify", help="Then compare every row with the model; exit code 1 if one differs.")
    ] = False,
) -> None:
    """Update an SQL table to the end of the log; only rows that differ are written.

    The first refresh creates the table. Each refresh is one transaction, and running it again changes nothing.
    """
    with Bar() as bar:
        readmodel = target.readmodel(Project.find(), bar)
        done = readmodel.rebuild() if rebuild else readmodel.refresh()
    say(f"{readmodel.table} {done}")
    if verify:
        with bar:
            wrong = readmodel.verify()
        _report_differences(wrong, escaped=readmodel.lag().escaped)


def lag(
    target: Target,
    *,
    form: Annotated[Literal["text", "json"], Option("--format", "-f", help="How to show the lag.")] = "text",
) -> None:
    """Show how far an SQL table is behind the log.

    The lag is a number of events, and the age of the oldest of them in seconds. It also says whether the next
    refresh will rebuild the table, and why. The exit code is 3 if the table does not exist.
    """
    readmodel = target.readmodel(Project.find())
    found = readmodel.lag()
    if form == "json":
        deliver([json({"table": readmodel.table, **asdict(found)}), b"\n"], None)
    if found.position is None:
        raise MissingError(
            f"table {readmodel.table} does not exist in {readmodel.url}",
            hint=target.typed("refresh", readmodel.url),
        )
    if form == "text":
        say(f"{readmodel.table} {found}")


def follow(
    target: Target,
    *,
    every: Annotated[
        str | None,
        Option(
            "--every",
            metavar="DURATION",
            help=f"The time between two refreshes, such as 30s or 5m. Default: {_EVERY}.",
            panel="Service",
        ),
    ] = None,
    retries: RetriesOption = None,
    health: HealthOption = None,
) -> None:
    """Refresh an SQL table at an interval, until stopped.

    SIGTERM and Ctrl-C stop the service after the current transaction. After a failure of the database or the log
    it tries again, with growing pauses.
    """
    project = Project.find()
    bar = Bar()
    readmodel = target.readmodel(project, bar)
    pause = every or project.readmodel.every or _EVERY
    try:
        service = Service.of(pause, retries, health, StatusLine(readmodel.table, readmodel.url, bar).show)
    except ReadModelError as error:
        raise UsageError.of(error) from error
    tries = "without a limit" if retries is None else f"{counted(retries, 'time')} in a row"
    note(f"refreshing {readmodel.table} in {readmodel.url} every {pause}, failures are retried {tries}")
    note("Ctrl-C stops the service")
    with bar:
        service.run(readmodel.refresh, readmodel.lag)


def _report_differences(wrong: pl.DataFrame, *, escaped: int) -> None:
    """Print the rows that differ from the model; exit with code 1 if there are some."""
    if wrong.is_empty():
        how = f"; {counted(escaped, 'id')} in an escaped form" if escaped else ""
        say(f"every row equals the model{how}")
        return
    print_table(console(), wrong, tz=Project.find().tz, title="Rows that differ from the model", limit=_SHOWN)
    raise Exit(FAILED)


def _located(url: str | None, project: Project) -> str | None:
    """Return a database URL of the project, with a SQLite path relative to the working directory."""
    prefix = "sqlite:///"
    if url is None or not url.startswith(prefix) or url.startswith(f"{prefix}/"):
        return url
    return prefix + project.located(url.removeprefix(prefix))
