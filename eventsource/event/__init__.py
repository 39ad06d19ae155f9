"""The envelope: the one shape of event that every source yields, the log holds and every fold reads.

=========== ======================= =====================================================================
column      dtype                   meaning
=========== ======================= =====================================================================
position    Int64                   place in this log, 0, 1, 2 … in order of arrival; the log assigns it
event_id    String                  unique; a second event with the same id is dropped
stream      String                  the stream the event was written to, often the entity
version     Int64, nullable         the event's number within its stream, if the source has one
type        String                  ``CustomerCreated``, ``PurchaseMade`` …
occurred_at Datetime(us, UTC)       valid time: when it was true
recorded_at Datetime(us, UTC)       transaction time: when the source recorded it
data        String                  the payload: the text of one JSON object, as it arrived
metadata    String, nullable        the text of one JSON object, or null
=========== ======================= =====================================================================

`Source` and `EventLog` are the contracts on both sides of a log. A source yields `Batch` objects: events in the
shape of `ENVELOPE`, lines that it rejected in the shape of `REJECTED`, and the checkpoint after them. A timeline
reads an `EventLog`.
"""

from eventsource.event._contracts import Batch, Checkpoint, EventLog, FileSource, LagSource, Source, SourceLag
from eventsource.event._envelope import (
    CORRECTED,
    CORRECTIONS,
    ENVELOPE,
    PLACED,
    REJECTED,
    REQUIRED,
    RETRACTED,
    STORED,
    TIMESTAMP,
    Event,
    json_line,
    no_events,
    rejected_lines,
)
from eventsource.event._frames import check_events, events_from_dicts, json_text

__all__ = [
    "CORRECTED",
    "CORRECTIONS",
    "ENVELOPE",
    "PLACED",
    "REJECTED",
    "REQUIRED",
    "RETRACTED",
    "STORED",
    "TIMESTAMP",
    "Batch",
    "Checkpoint",
    "Event",
    "EventLog",
    "FileSource",
    "LagSource",
    "Source",
    "SourceLag",
    "check_events",
    "events_from_dicts",
    "json_line",
    "json_text",
    "no_events",
    "rejected_lines",
]
