"""What the index asks of a log: the id of its last event, and whether it still contains what was read from it.

A log is append-only, so everything derived from its first events stays valid. There is one exception: a log that
was *restored from a backup* has lost events, and may have got others at the same positions. Whatever was derived
from the lost events must then be discarded. `still_contains` decides this for indexes and snapshots.
"""

from eventsource.event import EventLog

__all__ = ["last_event_id", "still_contains"]


def last_event_id(log: EventLog, head: int) -> str:
    """Return the id of the event before a position; empty at position 0."""
    if not head:
        return ""
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
