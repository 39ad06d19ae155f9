"""One command of the table, which is loaded when it is used."""

import re
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

from eventsource.cli._imports import lighter_imports
from eventsource.cli._parameters import Command, as_command

__all__ = ["Entry", "LazyCommand"]

_DAYS_AGO: Final = re.compile(r"-\d+d")


class Entry(NamedTuple):
    """One command.

    Args:
        name: what a user types, such as ``as-of`` or ``report run``.
        target: ``module:function`` within `eventsource.cli`.
        summary: one line for the list of commands; the function's docstring begins with it.
        examples: lines that a user may type, without the name of the program.
        passes_on: whether the command takes unknown options and passes them on to another program.
        panel: the heading above it in ``eventsource --help``.
    """

    name: str
    target: str
    summary: str
    examples: tuple[str, ...]
    passes_on: bool = False
    panel: str = ""

    def load(self) -> Command:
        """Import the command's module and return its command of click."""
        module, _, name = self.target.partition(":")
        function = getattr(import_module(f"eventsource.cli.{module}"), name)
        return as_command(function, self.name.split()[-1], examples=self.examples, passes_on=self.passes_on)


class LazyCommand(click.Command):
    """A command of the list: it has a name and a summary, and loads the rest when it is used."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name.split()[-1], help=entry.summary)
        self.panel = entry.panel
        self.entry = entry

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Load the command and parse its arguments. ``-7d`` is a moment, although it begins like an option."""
        plain = [f"today{arg}" if _DAYS_AGO.fullmatch(arg) else arg for arg in args]
        with lighter_imports():
            command = self.entry.load()
        return command.make_context(info_name, plain, parent, **extra)
