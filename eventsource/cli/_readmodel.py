"""Read models: an SQL table kept equal to a model, once or as a service."""

import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import polars as pl
import typer

from eventsource.cli._config import Project, load_plan
from eventsource.cli._failures import FAILED, MissingError, UsageError, note
from eventsource.cli._options import LogOption, grouped
from eventsource.cli._output import console, deliver, say
from eventsource.cli._progress import Indexing, Writing
from eventsource.cli._table import print_table
from eventsource.cli._values import harmless, json
from eventsource.errors import ReadModelError
from eventsource.messages import counted
from eventsource.progress import Progress
from eventsource.readmodel import ReadModel, Service, Status
from eventsource.timeline import Timeline

__all__ = ["follow", "lag", "refresh"]

_EVERY: Final = "5s"
_SHOWN: Final = 25
_LINE: Final = "\r\x1b[K"
"""What a terminal obeys: back to the first column, clear the line."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Which model is kept, and where."""

    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            envvar="EVENTSOURCE_READMODEL",
            help="sqlite:///file.db or postgresql+psycopg://user@host/database; a password is better left to"
            " PGPASSWORD or ~/.pgpass.",
            rich_help_panel="Where",
        ),
    ] = None
    table: Annotated[
        str | None,
        typer.Option("--table", help="Default: the model's name in lower case.", rich_help_panel="Where"),
    ] = None
    history: Annotated[
        bool | None,
        typer.Option(
            "--history/--no-history",
            help="Keep a table of intervals too, …_history.",
            rich_help_panel="Where",
            show_default=False,
        ),
    ] = None
    log: LogOption = None
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODULE:CLASS", help="The model.", rich_help_panel="Where"),
    ] = None

    def readmodel(self, project: Project, progress: Progress | None = None) -> ReadModel:
        """Return the read model that the options and the project mean; ``progress`` as it takes it.

        Raises:
            UsageError: no database is named, or none that can be meant.
        """
        settings = project.readmodel
        url = self.to or _located(settings.url, project)
        if url is None:
            raise UsageError(
                "no database is named",
                hint='--to sqlite:///customers.db, or url = "…" under [tool.eventsource.readmodel]',
            )
        history = settings.history if self.history is None else self.history
        plan = load_plan(self.model or project.model, project.folder)
        timeline, table = Timeline(project.open(self.log), plan, progress=Indexing()), self.table or settings.table
        try:
            return ReadModel(timeline, url, table=table, history=history, progress=progress)
        except ReadModelError as error:
            raise UsageError.of(error) from error

    def typed(self, command: str, url: str) -> str:
        """Return a command with these options as it is typed; ``url`` has no password."""
        given = {"--to": self.to and url, "--table": self.table, "--log": self.log, "--model": self.model}
        words = [word for option, value in given.items() if value for word in (option, value)]
        history = {None: [], True: ["--history"], False: ["--no-history"]}[self.history]
        return shlex.join(["eventsource", command, *words, *history])


@grouped
def refresh(
    kept: Kept,
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the tables anew, and swap them; readers see no gap.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Then compare every row with the model; 1 where one differs.")
    ] = False,
) -> None:
    """Bring an SQL table to the head of the log; only rows that differ are written."""
    bar = Writing()
    target = kept.readmodel(Project.find(), bar)
    with bar:
        done = target.rebuild() if rebuild else target.refresh()
    say(f"{target.table} {done}")
    if verify:
        with bar:
            wrong = target.verify()
        _verified(wrong)


@grouped
def lag(
    kept: Kept,
    *,
    form: Annotated[Literal["text", "json"], typer.Option("--format", "-f", help="How to show it.")] = "text",
) -> None:
    """How far an SQL table is behind the log: in events, since when, and whether a refresh makes it anew."""
    target = kept.readmodel(Project.find())
    found = target.lag()
    if form == "json":
        deliver([json({"table": target.table, **asdict(found)}), b"\n"], None)
    if found.position is None:
        raise MissingError(f"{target.url} has no table {target.table} yet", hint=kept.typed("refresh", target.url))
    if form == "text":
        say(f"{target.table} {found}")


@grouped
def follow(
    kept: Kept,
    *,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="DURATION", help=f"Between two refreshes, such as 30s. Default: {_EVERY}."
        ),
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(
            "--retries", min=0, help="Failures in a row to bear. Default: any number.", show_default=False
        ),
    ] = None,
    health: Annotated[
        Path | None, typer.Option("--health", metavar="FILE", help="A JSON file for a supervisor.")
    ] = None,
) -> None:
    """Keep an SQL table at the head of the log, as a service; SIGTERM or Ctrl-C ends it."""
    project = Project.find()
    bar = Writing()
    target = kept.readmodel(project, bar)
    pause = every or project.readmodel.every or _EVERY
    try:
        service = Service.of(pause, retries, health, _Line(target.table, target.url, bar).show)
    except ReadModelError as error:
        raise UsageError.of(error) from error
    borne = "for ever" if retries is None else f"{counted(retries, 'time')} in a row"
    note(f"{target.table} in {target.url} every {pause}; failures are tried again {borne}; Ctrl-C ends it")
    with bar:
        service.run(target.refresh, target.lag)


@dataclass(slots=True)
class _Line:
    """The status line: rewritten in place on a terminal, below what stays; in a pipe one line per change."""

    table: str
    url: str
    bar: Writing
    said: tuple[Any, ...] = field(default=())

    @property
    def show(self) -> Callable[[Status], None]:
        """What to call with each status."""
        return self._rewrite if sys.stdout.isatty() else self._log

    def _rewrite(self, status: Status) -> None:
        self.bar.stop()
        clock, told = f"{status.time.astimezone():%H:%M:%S}", self._told(status)
        done = status.refreshed if status.state == "following" else None
        if done is not None and done.rebuilt:
            sys.stdout.write(_LINE + harmless(f"{clock} {self.table} {done.done}") + "\n")
            told = f"{self.table} {status.lag}"
        text = harmless(f"{clock} {told}")
        room = shutil.get_terminal_size().columns - 1
        end = "\n" if status.state in ("stopped", "failed") else ""
        sys.stdout.write(_LINE + (text if len(text) <= room else f"{text[: room - 1]}…") + end)
        sys.stdout.flush()

    def _log(self, status: Status) -> None:
        position = status.refreshed.position if status.refreshed else None
        change = (status.state, position, status.last_error, status.state == "retrying" and status.failures)
        if change != self.said:
            self.said = change
            sys.stdout.write(harmless(f"{status.time:%Y-%m-%dT%H:%M:%SZ} {self._told(status)}") + "\n")
            sys.stdout.flush()

    def _told(self, status: Status) -> str:
        """Return a status without the URL that was said at the beginning: there is little room."""
        return f"{self.table} {status}".replace(f"{self.url}: ", "")


def _verified(wrong: pl.DataFrame) -> None:
    """Say whether the tables equal the model; leave with 1 where they do not."""
    if wrong.is_empty():
        say("every row is as the model says")
        return
    print_table(console(), wrong, title="Rows that are not as the model says", limit=_SHOWN)
    raise typer.Exit(FAILED)


def _located(url: str | None, project: Project) -> str | None:
    """Return a URL of the project as seen from the working directory."""
    prefix = "sqlite:///"
    if url is None or not url.startswith(prefix) or url.startswith(f"{prefix}/"):
        return url
    return prefix + project.located(url.removeprefix(prefix))
