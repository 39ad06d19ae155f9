"""Completion of commands and options in the shell: click writes the script, these options show or install it."""

import os
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import get_completion_class

from eventsource.atomic_write import atomic_write
from eventsource.cli._errors import UsageError, writing

__all__ = ["completion_options"]

_VARIABLE: Final = "_EVENTSOURCE_COMPLETE"
_FOLDER: Final = Path("~/.config/eventsource")
_FILES: Final = {"bash": Path("~/.bashrc"), "zsh": Path("~/.zshrc"), "fish": Path("~/.config/fish/config.fish")}
"""The file that each shell reads when it starts."""


def completion_options() -> list[click.Option]:
    """Return the options of the program that set up completion; the shell is that of ``$SHELL``."""
    return [
        _option("--install-completion", _install, "Install completion for the current shell."),
        _option("--show-completion", _show, "Show completion for the current shell, to copy it or adapt it."),
    ]


def _option(name: str, action: Any, text: str) -> click.Option:
    def run(context: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click calls it
        if asked:
            action(context.command, _shell())
            context.exit()

    return click.Option([name], is_flag=True, is_eager=True, expose_value=False, callback=run, help=text)


def _shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in _FILES:
        expected = f"completion: expected $SHELL to be one of {', '.join(_FILES)}, got {name!r}"
        raise UsageError(expected, hint="SHELL=bash eventsource --show-completion")
    return name


def _script(program: click.Command, shell: str) -> str:
    completion = get_completion_class(shell)
    if completion is None:
        raise UsageError(f"completion: click has none for {shell}", hint="update click, or use another shell")
    return completion(program, {}, "eventsource", _VARIABLE).source()


def _show(program: click.Command, shell: str) -> None:
    click.echo(_script(program, shell), nl=False)


def _install(program: click.Command, shell: str) -> None:
    """Write the script, and a line into the file that the shell reads when it starts."""
    if not Path(os.path.expanduser("~")).is_absolute():  # noqa: PTH111 - that of Path raises an error
        raise UsageError(
            "your home folder is not known", hint=f"set HOME, or eventsource --show-completion {shell}"
        )
    script = _FOLDER.expanduser() / f"completion.{shell}"
    start, line = _FILES[shell].expanduser(), f"source {_FOLDER}/{script.name}"
    _write(script, _script(program, shell), shell)
    text = start.read_text(encoding="utf-8") if start.exists() else ""
    if line not in text.splitlines():
        _write(start.resolve(), f"{text}\n{line}\n", shell)  # a link stays one
    click.echo(f"{shell} completion is in {script}; it works in the next shell")


def _write(path: Path, text: str, shell: str) -> None:
    with writing(path, f"free some space; or print the script: eventsource --show-completion {shell}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_text(text, encoding="utf-8")
