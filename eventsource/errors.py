"""The errors of this package.

All have the base class `EventsourceError`. Each one also is the builtin exception that a caller would expect, so
that ``except ValueError`` or ``except OSError`` works. A message says what was expected and what was given, or
what cannot be done and why. ``hint`` names the command or argument that helps.

====================== ================= ========================================================
error                  is also           safe to try again
====================== ================= ========================================================
`FrameError`           `ValueError`      after correcting the frame
`ModelError`           `ValueError`      after correcting the model or the arguments
`MomentError`          `ValueError`      with another moment or duration
`FoldError`            `ValueError`      after changing the model, or appending correcting events
`FaultError`           `FoldError`       after correcting the event, or with ``faults="skip"``
`LogError`             `OSError`         after removing the cause, such as a full disk
`IndexFileError`       `LogError`        likewise; the log itself is intact
`AppendConflictError`  `LogError`        at once
`SourceError`          `ValueError`      with another path or mapping
`RejectedLinesError`   `SourceError`     after correcting the lines, or without ``strict``
`ReportError`          `RuntimeError`    after correcting the notebook or its parameters
`ReadModelError`       `RuntimeError`    as its hint says, often after `ReadModel.rebuild`
`ReadModelBusyError`   `ReadModelError`  at once
`DatabaseError`        `OSError`         when the database is available
`StoreError`           `OSError`         when the store is available, see its hint
`ConcurrencyError`     `RuntimeError`    after reading the stream again
====================== ================= ========================================================

Messages and hints show no passwords: they pass through `eventsource.redaction.without_secrets`.
"""

from eventsource.redaction import without_secrets

__all__ = [
    "AppendConflictError",
    "ConcurrencyError",
    "DatabaseError",
    "DefinitionError",
    "DerivedFileWarning",
    "EventsourceError",
    "EventsourceWarning",
    "FaultError",
    "FaultWarning",
    "FoldError",
    "FrameError",
    "IndexFileError",
    "LogError",
    "ModelError",
    "MomentError",
    "NumberTextWarning",
    "ReadModelBusyError",
    "ReadModelError",
    "RejectedLinesError",
    "ReportError",
    "SourceError",
    "StoreError",
    "UnknownEntityWarning",
    "UnknownNameWarning",
    "UnnamedTypesWarning",
]

_SHOWN = 80
"""How many characters of a value a message shows."""


class EventsourceError(Exception):
    """Base class of all errors of this package.

    Args:
        message: what is wrong, and where.
        hint: what to do about it, often a command to type or an argument to give.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = None if hint is None else without_secrets(hint)
        message = without_secrets(message)
        super().__init__(message if hint is None else f"{message}\nHint: {self.hint}")


class FrameError(EventsourceError, ValueError):
    """A frame of events lacks a column, or has a value that its column cannot hold.

    The message lists every fault of the frame, and nothing was appended. Correct the frame and append it again.
    """


class ModelError(EventsourceError, ValueError):
    """A model, a plan or the arguments of a question contradict themselves, or name what does not exist."""


class MomentError(EventsourceError, ValueError):
    """A text or object is not a moment, a time zone or a duration, or leaves the years 1 to 9999."""


class FoldError(EventsourceError, ValueError):
    """The events cannot be folded as the plan says, for example because a ``reduce`` function failed.

    Change the model (another dtype, another member), or correct the events.
    """


class FaultError(FoldError):
    """An event cannot be folded into a field: a *fault*. The answer depends on it.

    A fault spoils only the answers about its entity, from its moment on, that may see it. `Timeline.faults` lists
    all of them.

    Args:
        field: the name of the field; None: the key of the event names no entity.
        value: the value that cannot be folded, as JSON.
        event_id: the id of the event.
        position: its position in the log.
        entity: its entity.
        reason: why the value cannot be folded.
    """

    def __init__(
        self, *, field: str | None, value: str, event_id: str, position: int, entity: str, reason: str
    ) -> None:
        what = "its key" if field is None else f"field {field!r}"
        super().__init__(
            f"event {event_id!r} (position {position}, entity {entity!r}) cannot be folded into {what}: {reason}, "
            f"got {value[:_SHOWN]}",
            hint=f"correct it (eventsource correct {event_id}), retract it (eventsource retract {event_id}), "
            'or answer without such values: faults="skip", --faults skip',
        )
        self.field, self.value, self.event_id = field, value, event_id
        self.position, self.entity, self.reason = position, entity, reason


class LogError(EventsourceError, OSError):
    """A log cannot be opened, read or written: a wrong path, missing files, a full disk, a failing object store.

    Commits are atomic, so no half-written batch remains.
    """


class IndexFileError(LogError):
    """A file of the index or of a snapshot cannot be written. The log itself is intact.

    Both are derived from the log and may be deleted.
    """


class AppendConflictError(LogError):
    """Other processes committed first, many times, or another pull of the same source is running.

    This is the conflict of optimistic concurrency. Nothing is lost, and it is safe to try again.
    """


class SourceError(EventsourceError, ValueError):
    """A source cannot be read: a file that does not exist, an unknown scheme, a mapping that contradicts itself.

    A line that cannot be decoded does not raise this error: it becomes a rejected line.
    """


class RejectedLinesError(SourceError):
    """A strict pull or retry found lines that cannot be decoded. Nothing was committed."""


class ReportError(EventsourceError, RuntimeError):
    """A report cannot be made: an unknown parameter, a notebook that fails, a page that would be too large."""


class DefinitionError(ReportError):
    """A report definition cannot be used: the message names file and line, and what is expected there."""


class ReadModelError(EventsourceError, RuntimeError):
    """A read model cannot be written: a table that belongs to something else, another log, an unusable name."""


class ReadModelBusyError(ReadModelError):
    """Another process has been writing the same tables for too long. It is safe to try again."""


class DatabaseError(ReadModelError, OSError):
    """The database of a read model is unavailable. Transactions are atomic, and it is safe to try again."""


class StoreError(EventsourceError, OSError):
    """A store of events, such as a database or a broker, is unavailable, or refuses what is asked of it.

    Nothing is lost, and it is safe to try again once the cause is removed.
    """


class ConcurrencyError(EventsourceError, RuntimeError):
    """A stream has another version than an append expected, so nothing was appended (optimistic concurrency).

    Read the stream again, decide again, and append with the version that you have read.
    """


class EventsourceWarning(UserWarning):
    """Base class of all warnings of this package."""


class DerivedFileWarning(EventsourceWarning):
    """A file of the index or a snapshot is damaged, or cannot be written. The answer is right nevertheless.

    A damaged file is written again from the events. Where none can be written, the question is answered in memory.
    """


class FaultWarning(EventsourceWarning):
    """A question with ``faults="skip"`` was answered without some values that cannot be folded."""


class NumberTextWarning(EventsourceWarning):
    """The numbers of a member are shown as texts, because no numeric dtype holds all of them exactly."""


class UnknownEntityWarning(EventsourceWarning):
    """A question names one entity, but no entity of the model has this id: perhaps it is misspelt."""


class UnknownNameWarning(EventsourceWarning):
    """A model names an event type or payload member that the log does not have yet: perhaps it is misspelt."""


class UnnamedTypesWarning(UnknownNameWarning):
    """Entities of a model have events of types that none of its fields names: perhaps they were forgotten.

    If they were not, say so in the model, with ``ignored``.
    """
