"""Failures: one clear message on stderr, and an exit code that scripts can use.

====  =====================================================================
code  meaning
====  =====================================================================
0     all is well
1     the question or the pull failed, or a check found faults
2     wrong usage: an option, a model, a field or a moment that does not exist
3     nothing is there: no log, no file, no table, no such entity
75    another process was faster: do the same again
130   interrupted from the keyboard
141   the reader of the output went away
====  =====================================================================
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Never, Self

import polars as pl
import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from eventsource.cli._values import harmless
from eventsource.errors import (
    AppendConflictError,
    EventsourceError,
    ModelError,
    MomentError,
    ReadModelBusyError,
    UnknownNameWarning,
)

__all__ = ["FAILED", "MissingError", "Program", "UsageError", "note"]

FAILED: Final = 1
_USAGE: Final = 2
_MISSING: Final = 3
_AGAIN: Final = 75
_PIPE: Final = 141


class _CommandError(EventsourceError):
    """What only a command line can get wrong."""

    @classmethod
    def of(cls, error: EventsourceError, *, hint: str | None = None) -> Self:
        """Return an error of the library as one of this kind."""
        return cls(_message(error), hint=hint or error.hint)


class UsageError(_CommandError):
    """What was typed, or configured, cannot be meant."""


class MissingError(_CommandError):
    """What was asked about is not there."""


_CODES: Final[Mapping[type[EventsourceError], int]] = {
    AppendConflictError: _AGAIN,
    ReadModelBusyError: _AGAIN,
    MissingError: _MISSING,
    UsageError: _USAGE,
    ModelError: _USAGE,
    MomentError: _USAGE,
    EventsourceError: FAILED,
}


class Program(TyperGroup):
    """The commands; their errors become messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _told_warnings():
            try:
                found = super().invoke(ctx)
                sys.stdout.flush()
            except (typer.Exit, typer.Abort, typer.TyperException):
                raise
            except BrokenPipeError:
                _silence()
                raise typer.Exit(_PIPE) from None
            except Exception as error:  # noqa: BLE001 - whatever it is, it becomes one message
                _fail(error)
            return found


def note(text: str) -> None:
    """Say something on stderr, in one line."""
    _say(Text(harmless(text), style="dim"))


def _fail(error: Exception) -> Never:
    """Say what went wrong, and leave."""
    if os.environ.get("EVENTSOURCE_DEBUG"):
        raise error
    message, hint = _told(error)
    _say(Text("Error: ", style="bold red").append(harmless(message, keep="\n"), style="not bold default"))
    if hint:
        _say(Text("Hint: ", style="bold").append(harmless(hint, keep="\n"), style="not bold"))
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), FAILED)
    raise typer.Exit(code) from error


def _told(error: Exception) -> tuple[str, str | None]:
    if isinstance(error, EventsourceError):
        return _message(error), error.hint
    if isinstance(error, pl.exceptions.PolarsError):
        return f"Polars cannot answer this: {error}", None
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror, None
    return f"{type(error).__name__}: {error}", "EVENTSOURCE_DEBUG=1 shows where"


def _message(error: EventsourceError) -> str:
    return str(error).removesuffix(f"\nHint: {error.hint}")


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Show the warnings of this package as one line each, and no source code with them."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UnknownNameWarning)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, UnknownNameWarning):
                _say(
                    Text("Warning: ", style="bold yellow").append(
                        harmless(str(message), keep="\n"), style="not bold default"
                    )
                )
            else:
                others(message, category, *rest, **more)

        warnings.showwarning = show
        yield


def _say(text: Text) -> None:
    err = Console(stderr=True, markup=False, highlight=False, emoji=False)
    err.print(text, soft_wrap=not err.is_terminal)


def _silence() -> None:
    """Keep Python from complaining at its end that nobody reads any more."""
    with suppress(OSError, ValueError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
