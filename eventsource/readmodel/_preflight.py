"""The preflight of a refresh: what may be written, and how. It reads facts only, so it needs no database to test.

::

    the log does not contain the events of the rows   → ReadModelError: only `rebuild` may replace them
    a table of the same name that is not ours         → ReadModelError
    no record, another model, a missing table         → Rebuild(reason)
    events were erased since the last refresh         → Rebuild(reason)
    the record is at the head of the log              → Skip
    otherwise                                         → Merge
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from eventsource.errors import ReadModelError
from eventsource.readmodel._records import REBUILD, Record

__all__ = [
    "INTERVAL",
    "NOT_CREATED",
    "Decision",
    "LogFacts",
    "Merge",
    "Rebuild",
    "Skip",
    "Target",
    "check_log",
    "decide",
]

INTERVAL: Final = ("valid_from", "valid_to")
NOT_CREATED: Final = "not created yet"
ERASED: Final = "events were erased from the log"


@dataclass(frozen=True, slots=True)
class Skip:
    """The tables are up to date."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The rows of entities with new events are merged into the tables.

    Args:
        record: what the tables hold now.
    """

    record: Record


@dataclass(frozen=True, slots=True)
class Rebuild:
    """New tables replace those that exist.

    Args:
        reason: why, in words for people.
    """

    reason: str


Decision = Skip | Merge | Rebuild


@dataclass(frozen=True, slots=True)
class Target:
    """What is requested.

    Args:
        database: the URL of the database, for messages.
        table: the name of the table of states.
        history: whether a table of history is requested, too.
        fingerprint: of the plan.
        columns: field → its column, where the names differ.
    """

    database: str
    table: str
    history: bool
    fingerprint: str
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> list[str]:
        """The names of the tables."""
        return [self.table, f"{self.table}_history"] if self.history else [self.table]


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What is known of the log.

    Args:
        path: its path, for messages.
        identity: its id.
        head: the position after its last event.
        contains_record: whether it contains the events that the rows were folded from.
        has_erased: whether events were erased since then.
    """

    path: str
    identity: str
    head: int
    contains_record: bool
    has_erased: bool = False


def decide(
    target: Target, record: Record | None, log: LogFacts, tables: Mapping[str, list[str]], *, rebuild: str = ""
) -> Decision:
    """Decide what a refresh does.

    Args:
        target: what is requested.
        record: what the tables hold; None if they were never created.
        log: what is known of the log.
        tables: the tables with the target's names that exist: name → columns.
        rebuild: the reason for a rebuild that the user requested; no check of the log can prevent it.

    Raises:
        ReadModelError: the tables belong to something else, or the log does not contain what they were made of.
    """
    _check_tables(target, record, tables)
    if rebuild:
        return Rebuild(rebuild)
    if record is not None:
        check_log(target, record, log)
        _check_history(target, record)
    if reason := rebuild_reason(target, record, tables, has_erased=log.has_erased):
        return Rebuild(reason)
    assert record is not None  # noqa: S101 - without one there is a reason to rebuild
    return Skip() if record.position == log.head else Merge(record)


def rebuild_reason(
    target: Target, record: Record | None, tables: Mapping[str, list[str]], *, has_erased: bool
) -> str:
    """Return why the tables cannot be kept; an empty text if they can."""
    if record is None:
        return NOT_CREATED
    if has_erased:
        return ERASED
    if record.fingerprint != target.fingerprint:
        return "the model changed"
    if target.history and not record.history:
        return "history is requested"
    return "" if all(name in tables for name in target.tables) else "a table was missing"


def check_log(target: Target, record: Record, log: LogFacts) -> None:
    """Check that a log contains the events that the rows were folded from.

    Raises:
        ReadModelError: it is another log, or it was restored from a backup without some of these events.
    """
    if record.position and not record.log.startswith(log.identity):  # position 0: the log may have been empty
        raise ReadModelError(f"{target.table!r} was made from another log than {log.path}", hint=REBUILD)
    if log.head < record.position:
        raise ReadModelError(
            f"{target.table!r} is at position {record.position:,}, but {log.path} ends at {log.head:,}: "
            "the log was restored from a backup",
            hint=REBUILD,
        )
    if not log.contains_record:
        raise ReadModelError(
            f"{log.path} does not contain all events before position {record.position:,} from which "
            f"{target.table!r} was made: the log was restored from a backup",
            hint=REBUILD,
        )


def _check_tables(target: Target, record: Record | None, tables: Mapping[str, list[str]]) -> None:
    """Check that the tables with the target's names were created by this read model."""
    for name, columns in tables.items():
        is_history = name != target.table
        ours = record is not None and (record.history or not is_history)
        if record is None or not ours or columns != _columns(record, interval=is_history):
            raise ReadModelError(
                f"{target.database} has a table {name!r} that does not belong to this read model",
                hint="choose another table name, or drop that table yourself",
            )


def _check_history(target: Target, record: Record) -> None:
    """Check that no history is dropped unless that is requested."""
    if record.history and not target.history and record.fingerprint == target.fingerprint:
        raise ReadModelError(
            f"{target.table!r} has a table of history, which was not requested",
            hint="history=True or --history keeps it; rebuild() or --rebuild drops it",
        )


def _columns(record: Record, *, interval: bool) -> list[str]:
    return ["entity", *(INTERVAL if interval else ()), *record.columns]
