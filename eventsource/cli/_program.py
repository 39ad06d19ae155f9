"""The program: a group of commands that are loaded when they are used, and what becomes of their errors."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import eventsource
from eventsource.cli._commands import COMMANDS, LazyCommand
from eventsource.cli._errors import BROKEN_PIPE, code_of, explained
from eventsource.cli._terminal import complain
from eventsource.errors import UnknownNameWarning

__all__ = ["app", "main"]


class Program(TyperGroup):
    """The commands of the table; their errors become messages and exit codes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        single = {entry.name: LazyCommand(entry) for entry in COMMANDS if " " not in entry.name}
        self.commands = {**single, **self.commands}

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _short_warnings():
            try:
                result = super().invoke(ctx)
                sys.stdout.flush()
            except (typer.Exit, typer.Abort, typer.TyperException):
                raise
            except BrokenPipeError:
                _silence_stdout()
                raise typer.Exit(BROKEN_PIPE) from None
            except Exception as error:  # whatever it is, the user gets one message
                if os.environ.get("EVENTSOURCE_DEBUG"):
                    raise
                message, hint = explained(error)
                complain("Error", message)
                if hint:
                    complain("Hint", hint)
                raise typer.Exit(code_of(error)) from error
            return result


class Reports(TyperGroup):
    """The commands below ``eventsource report``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for entry in COMMANDS:
            group, _, name = entry.name.partition(" ")
            if group == "report":
                self.commands[name] = LazyCommand(entry)


app = typer.Typer(
    cls=Program,
    help="Answers about any moment of an event log.",
    epilog="A moment is a date (its end) such as 2024-06-30, an instant such as 2024-06-30T12:00:00Z, or one of "
    "now, today, yesterday, -7d, month_end (the end of the last full month).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(
    typer.Typer(cls=Reports, help="Run notebooks and write them as pages.", no_args_is_help=True),
    name="report",
    rich_help_panel="Reports",
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with one argument
    if asked:
        typer.echo(eventsource.__version__)
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", is_eager=True, help="Print the version and exit.", callback=_print_version)
]


@app.callback()
def _program(*, version: _Version = False) -> None:
    """Take the options of the program itself."""


def main() -> None:
    """Run the program."""
    app(prog_name="eventsource")


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print the warnings of this package as their text only, without the line of code that caused them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownNameWarning)
        print_other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, UnknownNameWarning):
                complain("Warning", str(message))
            else:
                print_other(message, category, *rest, **more)

        warnings.showwarning = show
        yield


def _silence_stdout() -> None:
    """Redirect stdout to nothing, so that Python does not report the broken pipe when it exits."""
    with suppress(OSError, ValueError):  # stdout is not a file in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
