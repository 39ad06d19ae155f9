"""The command line: every question of the library, for a terminal and for scripts.

A module per concern: `_questions`, `_debugger`, `_log`, `_check`, `_project`, `_readmodel`, `_report`,
`_snapshots` hold the commands; `_options` what they share, `_config` the project, `_output` the formats,
`_progress` bars, `_failures` messages and exit codes.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer

from eventsource.cli import _check, _debugger, _log, _project, _questions, _readmodel, _report, _snapshots
from eventsource.cli._failures import Program

__all__ = ["app", "commands", "main"]

_COMMANDS: Final[Mapping[str, Mapping[str, Callable[..., Any]]]] = {
    "Project": {"init": _project.init, "demo": _project.demo, "lab": _project.lab},
    "Log": {"pull": _log.pull, "rejected": _log.rejected, "check": _check.check},
    "Questions": {
        "as-of": _questions.as_of,
        "history": _questions.history,
        "changes": _questions.changes,
        "diff": _questions.diff,
        "explain": _questions.explain,
        "trend": _questions.trend,
    },
    "Debugger": {"replay": _debugger.replay, "dump": _debugger.dump},
    "Read models": {"refresh": _readmodel.refresh, "follow": _readmodel.follow, "lag": _readmodel.lag},
    "Caches": {"snapshot": _snapshots.snapshot},
}
_PASSED_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    cls=Program,
    help="True answers about any moment of an event log.",
    epilog="A moment is a date (its end) such as 2024-06-30, an instant such as 2024-06-30T12:00:00Z, or one of "
    "now, today, yesterday, month_end (of the last full month).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
report = typer.Typer(help="Notebooks as pages.", no_args_is_help=True)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(version("eventsource-workbench"))
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", is_eager=True, help="Show the version and leave.", callback=_version)
]


@app.callback()
def _program(*, show: _Version = False) -> None:
    """Take the options of the program itself."""


def commands() -> Iterator[str]:
    """Yield every command as it is typed, such as ``as-of`` and ``report run``."""
    for group in _COMMANDS.values():
        yield from group
    for command in report.registered_commands:
        yield f"report {command.name}"


def main() -> None:
    """Run the program."""
    app(prog_name="eventsource")


for _panel, _group in _COMMANDS.items():
    for _name, _command in _group.items():
        _settings = _PASSED_ON if _name == "lab" else {}
        app.command(_name, rich_help_panel=_panel, context_settings=_settings)(_command)
report.command("run")(_report.run)
app.add_typer(report, name="report", rich_help_panel="Reports")
