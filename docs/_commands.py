"""The commands of the command line as data: what the generated reference and its tests read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import click

from eventsource.cli import COMMANDS, Entry

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
    """

    names: tuple[str, ...]
    is_argument: bool
    metavar: str
    help: str
    default: str | None


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
    context = click.Context(command, info_name=f"eventsource {entry.name}")
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


def _parameter(parameter: click.Parameter, context: click.Context) -> Parameter:
    is_argument = isinstance(parameter, click.Argument)
    is_flag = isinstance(parameter, click.Option) and parameter.is_flag
    name, default = parameter.make_metavar(context), parameter.default
    has_default = default not in (None, ()) and not parameter.required and not is_flag
    return Parameter(
        names=(name.strip("[]."),) if is_argument else (*parameter.opts, *parameter.secondary_opts),
        is_argument=is_argument,
        metavar="" if is_flag else name,
        help=parameter.help or "",
        default=str(default) if has_default else None,
    )
