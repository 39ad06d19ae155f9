"""What the index asks of a log: the id of its last event, and whether it still contains what was read from it.

A log is append-only, so everything derived from its first events stays valid. There is one exception: a log that
was *restored from a backup* has lost events, and may have got others at the same positions. Whatever was derived
from the lost events must then be discarded. `still_contains` decides this for indexes and snapshots.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from eventsource.errors import LogError
from eventsource.event import EventLog
from eventsource.messages import first_line

__all__ = ["last_event_id", "reading", "still_contains"]


@contextmanager
def reading(log: EventLog) -> Iterator[None]:
    """Turn an error of Polars, which names no file, into one that names the damaged file of the log.

    Raises:
        LogError: a file of the log is damaged.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        from eventsource.log import Log  # noqa: PLC0415 - slow to import, and of no use for logs in memory

        if isinstance(log, Log) and (damage := log.first_damage()) is not None:
            raise damage from error
        # Reading the files one by one did not fail: Polars may panic only in the query of the question.
        if isinstance(error, pl.exceptions.PanicException):
            raise LogError(
                f"a file of {log.path} is damaged: {first_line(error)}", hint="restore the log from a backup"
            ) from error
        raise


def last_event_id(log: EventLog, head: int) -> str:
    """Return the id of the event before a position; empty at position 0."""
    if not head:
        return ""
    with reading(log):
        found = log.scan(start=head - 1, upto=head).select("event_id").collect()
    return str(found.item()) if found.height else ""


def still_contains(log: EventLog, mark: str, *, head: int, last_id: str) -> bool:
    """Return whether a log still contains the events that were read from it.

    Args:
        log: the log as it is now.
        mark: `EventLog.mark` when the events were read.
        head: all events before this position were read.
        last_id: the id of the last of them. It decides where the log cannot tell from the mark, since the commit
            that the mark names was cleaned up.
    """
    known = log.knows(mark)
    return last_event_id(log, head) == last_id if known is None else known
