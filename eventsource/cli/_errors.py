"""The errors of the command line, and the exit codes that scripts can use.

====  =====================================================================
code  meaning
====  =====================================================================
0     success
1     the question or the pull failed, or a check found faults
2     wrong usage: an option, a model, a field or a moment that does not exist
3     the log, file, table or entity does not exist; `report run`: a check does not hold
75    another process wrote at the same time: run the same command again
130   interrupted from the keyboard
141   the reader of the output closed the pipe
====  =====================================================================
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from eventsource.errors import (
    AppendConflictError,
    DefinitionError,
    EventsourceError,
    ModelError,
    MomentError,
    ReadModelBusyError,
)

__all__ = [
    "BROKEN_PIPE",
    "FAILED",
    "INTERRUPTED",
    "MissingError",
    "UsageError",
    "WriteError",
    "code_of",
    "explained",
    "writing",
]

FAILED: Final = 1
_USAGE: Final = 2
_MISSING: Final = 3
_TRY_AGAIN: Final = 75
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


class _CommandError(EventsourceError):
    """An error that only the command line raises."""

    @classmethod
    def of(cls, error: EventsourceError, *, hint: str | None = None) -> Self:
        """Return an error of the library as one of this class."""
        return cls(_message(error), hint=hint or error.hint)


class UsageError(_CommandError):
    """Invalid argument, option or configuration."""


class WriteError(_CommandError):
    """A file that a command makes cannot be written."""


class MissingError(_CommandError):
    """The log, file, table or entity does not exist."""


_CODES: Final[Mapping[type[EventsourceError], int]] = {
    AppendConflictError: _TRY_AGAIN,
    ReadModelBusyError: _TRY_AGAIN,
    MissingError: _MISSING,
    UsageError: _USAGE,
    DefinitionError: _USAGE,
    ModelError: _USAGE,
    MomentError: _USAGE,
}


_CAUSE: Final = re.compile(r"(\w[\w ]*) \(os error \d+\)")
"""How Polars names an error of the operating system, inside errors of its own."""


def code_of(error: Exception) -> int:
    """Return the exit code for an error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), FAILED)


def explained(error: Exception) -> tuple[str, str | None]:
    """Return the message and the hint for an error of any kind."""
    if isinstance(error, EventsourceError):
        return _message(error), error.hint
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror, None
    if type(error).__module__.startswith("polars."):
        return f"Polars cannot compute this: {error}", None
    return f"{type(error).__name__}: {error}", "EVENTSOURCE_DEBUG=1 prints the traceback"


@contextmanager
def writing(path: Path, hint: str) -> Iterator[None]:
    """Raise an error of the operating system as a `WriteError` that names the file."""
    try:
        yield
    except EventsourceError:  # from what is written: a log that cannot be read is an OSError, too
        raise
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}", hint=hint) from error
    except Exception as error:
        cause = _CAUSE.search(str(error)) if type(error).__module__.startswith("polars.") else None
        if cause is None:
            raise
        raise WriteError(f"{path} cannot be written: {cause[1]}", hint=hint) from error


def _message(error: EventsourceError) -> str:
    return str(error).removesuffix(f"\nHint: {error.hint}")
