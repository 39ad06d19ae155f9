"""The commands as data: what generated documentation and tests read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperArgument

from eventsource.cli._commands import COMMANDS, Entry

__all__ = ["CommandHelp", "Parameter", "commands"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option of a command.

    Args:
        names: what a user types, such as ``("--limit", "-n")``; an argument has its name.
        is_argument: whether it has no name on the command line.
        metavar: the placeholder of its value, such as ``ROWS``; empty for a flag.
        help: what it does.
        default: its default as text, or None.
        required: whether it must be given.
        panel: the heading above it in ``--help``; empty for the default heading.
        envvar: the environment variable that sets it, or None.
    """

    names: tuple[str, ...]
    is_argument: bool
    metavar: str
    help: str
    default: str | None
    required: bool
    panel: str
    envvar: str | None


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """A command with its help.

    Args:
        name: what a user types, such as ``as-of`` or ``report run``.
        panel: the heading above it in ``eventsource --help``.
        summary: one line.
        help: all of its help text, paragraphs separated by empty lines; the summary is the first.
        usage: the usage line, such as ``eventsource diff [OPTIONS] A B``.
        parameters: arguments first, then options in the order of ``--help``.
        examples: lines that a user may type.
    """

    name: str
    panel: str
    summary: str
    help: str
    usage: str
    parameters: tuple[Parameter, ...]
    examples: tuple[str, ...]


@cache
def commands() -> Mapping[str, CommandHelp]:
    """Return every command with its help, by its name, in the order of ``eventsource --help``."""
    return MappingProxyType({entry.name: _help(entry) for entry in COMMANDS})


def _help(entry: Entry) -> CommandHelp:
    command = entry.load()
    context = typer.Context(command, info_name=f"eventsource {entry.name}")
    parameters = [_parameter(each, context) for each in command.params]
    return CommandHelp(
        name=entry.name,
        panel=entry.panel,
        summary=entry.summary,
        help=command.help or "",
        usage=command.get_usage(context).removeprefix("Usage: ").strip(),
        parameters=tuple(sorted(parameters, key=lambda each: not each.is_argument)),
        examples=tuple(f"eventsource {line}" for line in entry.examples),
    )


def _parameter(parameter: Any, context: typer.Context) -> Parameter:
    is_argument = isinstance(parameter, TyperArgument)
    is_flag = getattr(parameter, "is_flag", False)
    default = parameter.get_default(context, call=False) if parameter.show_default else None
    metavar = "" if is_flag else parameter.display_type_rich(context) or ""
    return Parameter(
        names=(parameter.display_name_raw,) if is_argument else (*parameter.opts, *parameter.secondary_opts),
        is_argument=is_argument,
        metavar=metavar,
        help=parameter.help or "",
        default=None if default is None or is_flag else str(default),
        required=parameter.required,
        panel=getattr(parameter, "rich_help_panel", None) or "",
        envvar=parameter.envvar,
    )
