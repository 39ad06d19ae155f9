"""Every error the package raises on purpose.

One base class, `EventsourceError`; each subclass mixes in the builtin that a caller would expect, so
``except ValueError`` keeps working. A message says what is wrong and where; ``hint`` says what to type.
"""

__all__ = [
    "AppendConflictError",
    "DatabaseError",
    "EventsourceError",
    "FoldError",
    "FrameError",
    "IndexFileError",
    "LogError",
    "ModelError",
    "MomentError",
    "ReadModelBusyError",
    "ReadModelError",
    "RejectedLinesError",
    "ReportError",
    "SourceError",
    "UnknownNameWarning",
]


class EventsourceError(Exception):
    """Base of all errors of this package.

    Args:
        message: what is wrong, and where.
        hint: what to do about it, often a command to type.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\nHint: {hint}")
        self.hint = hint


class FrameError(EventsourceError, ValueError):
    """A frame of events lacks a column, or holds a value that its column cannot take."""


class ModelError(EventsourceError, ValueError):
    """A model or plan contradicts itself, or names what does not exist."""


class MomentError(EventsourceError, ValueError):
    """A text or object that should name a moment or a duration does not."""


class FoldError(EventsourceError, ValueError):
    """The events cannot be folded as the plan says, such as a sum beyond 64 bits or over text."""


class LogError(EventsourceError, OSError):
    """A log cannot be opened, read or written."""


class IndexFileError(LogError):
    """The files of an index, or of a snapshot, cannot be written."""


class AppendConflictError(LogError):
    """Another process appended at the same moment, again and again: safe to retry."""


class SourceError(EventsourceError, ValueError):
    """A source cannot be read at all: no such file, an unknown scheme, a mapping that fits nothing."""


class RejectedLinesError(SourceError):
    """A strict pull met lines that cannot be taken; nothing was committed."""


class ReportError(EventsourceError, RuntimeError):
    """A report cannot be made: an unknown parameter, a notebook that failed, a page too large."""


class ReadModelError(EventsourceError, RuntimeError):
    """A read model cannot be kept: a table that is not ours, another log, a name that the database refuses."""


class ReadModelBusyError(ReadModelError):
    """Another process has been writing the same tables for too long: safe to retry."""


class DatabaseError(ReadModelError, OSError):
    """The database of a read model does not answer, or breaks off: nothing is half done, safe to retry."""


class UnknownNameWarning(UserWarning):
    """A model names an event type or payload member that the log has not seen yet."""
