"""The program: a group of commands that are loaded when they are used, and what becomes of their errors."""

import atexit
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import click

import eventsource
from eventsource.cli._commands import COMMANDS, GROUPS
from eventsource.cli._completion import completion_options
from eventsource.cli._entry import LazyCommand
from eventsource.cli._errors import BROKEN_PIPE, INTERRUPTED, code_of, explained
from eventsource.cli._imports import pause_gc
from eventsource.cli._parameters import write_sections
from eventsource.cli._terminal import complain
from eventsource.errors import EventsourceWarning, UnknownEntityWarning

__all__ = ["app", "main"]

_WIDEST: Final = 120
"""Characters of a line of help; longer ones are hard to read."""


class _Commands(click.Group):
    """Commands that the help lists below headings, whole words and all."""

    def __init__(self, name: str | None, commands: Mapping[str, click.Command], **settings: Any) -> None:
        super().__init__(name, commands=dict(commands), **settings)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; without any, print the help and exit with 0."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write a line for each command, below the heading of its panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panels.setdefault(getattr(command, "panel", "Commands"), []).append((name, command.help or ""))
        write_sections(formatter, panels)


class _Program(_Commands):
    """The commands of the table; their errors become messages and exit codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; options such as ``--install-completion`` act here."""
        with _errors_as_messages():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _short_warnings(), _errors_as_messages():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    """Print an error as one message with a hint, whatever it is, and exit with its code."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort, click.ClickException):
        raise
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _silence_stdout()
        raise click.exceptions.Exit(BROKEN_PIPE) from None
    except Exception as error:
        if os.environ.get("EVENTSOURCE_DEBUG"):
            raise
        message, hint = explained(error)
        complain("Error", message)
        if hint:
            complain("Hint", hint)
        raise click.exceptions.Exit(code_of(error)) from error


def _commands(words: Sequence[str] = ()) -> dict[str, click.Command]:
    """Return the commands whose names begin with these words, by their next word."""
    found: dict[str, click.Command] = {}
    for entry in COMMANDS:
        *first, last = entry.name.split()
        if first == [*words]:
            found[last] = LazyCommand(entry)
        elif not words:
            panel, summary = GROUPS[first[0]]
            found[first[0]] = group = _Commands(first[0], _commands(first), help=summary)
            group.panel = panel  # type: ignore[attr-defined]  # as a lazy command has
    return found


def _print_version(context: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click calls it
    if asked:
        click.echo(eventsource.__version__)
        context.exit()


app = _Program(
    None,
    _commands(),
    help="Answers about any moment of an event log.",
    epilog="A moment is a date (its end) such as 2024-06-30, an instant such as 2024-06-30T12:00:00Z, or one of "
    "now, today, yesterday, -7d, month_end (the end of the last full month).",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version and exit.",
        ),
        *completion_options(),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST},
)


def main() -> None:
    """Run the program, and leave at once: to take down all modules one by one costs a tenth of a short command."""
    pause_gc()
    try:
        app(prog_name="eventsource")
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        atexit._run_exitfuncs()  # noqa: SLF001 - what an exit does first; the rest frees memory that the system frees
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print the warnings of this package as their text only, without the line of code that caused them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", EventsourceWarning)
        warnings.simplefilter("ignore", UnknownEntityWarning)  # commands make an error of it
        print_other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, EventsourceWarning):
                complain("Warning", str(message))
            else:
                print_other(message, category, *rest, **more)

        warnings.showwarning = show
        yield


def _silence_stdout() -> None:
    """Redirect stdout to nothing, so that Python does not report the broken pipe when it exits."""
    with suppress(OSError, ValueError):  # stdout is not a file in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
