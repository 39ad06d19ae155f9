"""The log of the test server: one list of records, and the rules by which streams show them.

```text
position   stream        revision   type            what it does
0          order-1       0          Placed
131        $ce-order     0          $>              a link: its data is 0@order-1
262        $$order-1     0          $metadata       {"$maxCount": 2}, or {"$tb": …} after a soft deletion
393        order-1       2**63-1    $streamDeleted  a tombstone: nothing is ever appended again
```
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Final, Literal
from uuid import uuid4

__all__ = ["ANY", "EXISTS", "NO_STREAM", "Database", "Record", "StreamDeletedError", "WrongVersionError"]

NO_STREAM: Final = -1
ANY: Final = -2
EXISTS: Final = -4
_LAST: Final = 2**63 - 1
_TICKS: Final = 10_000_000
_OVERHEAD: Final = 131


class WrongVersionError(Exception):
    """A stream has another revision than expected; ``args`` are the expected one and the one that it has."""


class StreamDeletedError(Exception):
    """A stream has a tombstone."""


@dataclass
class Record:
    """One record of the log. Its data may be redacted later."""

    position: int
    stream: str
    revision: int
    type: str
    event_id: str
    content_type: str
    data: bytes
    metadata: bytes
    created: int = field(default_factory=lambda: time.time_ns() * _TICKS // 1_000_000_000)


class Database:
    """Streams and their log.

    Attributes:
        changed: is notified after every append.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        self.log: list[Record] = []
        self._streams: dict[str, list[Record]] = {}
        self._next_position = 0
        self._next_revision: dict[str, int] = {}

    def append(self, stream: str, events: Sequence[Mapping[str, Any]], expected: int) -> Record | None:
        """Append events to a stream; return the last record.

        Args:
            stream: its name.
            events: ``event_id``, ``type``, ``content_type``, ``data`` and ``metadata`` of each.
            expected: the revision of the last event, `NO_STREAM`, `EXISTS` or `ANY`.

        Raises:
            WrongVersionError: the stream has another revision, and the events are not those that follow there.
            StreamDeletedError: the stream has a tombstone.
        """
        with self.changed:
            if self.is_tombstoned(stream):
                raise StreamDeletedError(stream)
            known = self._same_append(stream, events, expected)
            if known is not None:
                return known
            last = self.last_revision(stream)
            if not _is_expected(expected, last):
                raise WrongVersionError(expected, last)
            record = None
            for event in events:
                record = self._write(stream, **event)
            self.changed.notify_all()
            return record

    def delete(self, stream: str, expected: int, *, forever: bool) -> Record:
        """Delete a stream: softly (its events before now are truncated), or forever, with a tombstone."""
        with self.changed:
            if self.is_tombstoned(stream):
                raise StreamDeletedError(stream)
            last = self.last_revision(stream)
            if not _is_expected(expected, last):
                raise WrongVersionError(expected, last)
            if forever:
                record = self._write(stream, "$streamDeleted", revision=_LAST)
            else:
                truncated = json.dumps({"$tb": self._next_revision.get(stream, 0)}).encode()
                record = self._write(f"$${stream}", "$metadata", data=truncated)
            self.changed.notify_all()
            return record

    def redact(self, event_id: str) -> None:
        """Overwrite the data of an event with 0xFF bytes, as the tool for redaction does."""
        for record in self.log:
            if record.event_id == event_id:
                record.data = b"\xff" * len(record.data)

    def scavenge(self) -> None:
        """Remove what streams do not show any more, such as the events of deleted streams; tombstones stay."""
        with self.changed:
            shown = {id(record) for name in self._streams for record in self.visible(name)}
            self.log = [record for record in self.log if id(record) in shown or record.type == "$streamDeleted"]
            self._streams = {name: self.visible(name) for name in self._streams}

    def visible(self, stream: str) -> list[Record]:
        """Return the events of a stream that its metadata does not hide."""
        found = [record for record in self._streams.get(stream, []) if record.type != "$streamDeleted"]
        metadata = self._metadata_of(stream)
        if (begin := metadata.get("$tb")) is not None:
            found = [record for record in found if record.revision >= begin]
        if (count := metadata.get("$maxCount")) is not None:
            found = found[-count:]
        if (age := metadata.get("$maxAge")) is not None:
            oldest = time.time_ns() // 100 - age * _TICKS
            found = [record for record in found if record.created >= oldest]
        return found

    def last_revision(self, stream: str) -> int:
        """Return the revision of the last event that a stream shows; `NO_STREAM` if there is none."""
        found = self.visible(stream)
        return found[-1].revision if found else NO_STREAM

    def is_tombstoned(self, stream: str) -> bool:
        """Return whether a stream was deleted forever."""
        records = self._streams.get(stream)
        return records is not None and bool(records) and records[-1].type == "$streamDeleted"

    def target(self, link: Record) -> Record | None:
        """Return what a link points at; None if it is gone."""
        revision, _, stream = link.data.decode().partition("@")
        found = (each for each in self.visible(stream) if str(each.revision) == revision)
        return None if self.is_tombstoned(stream) else next(found, None)

    def after(self, position: int) -> Iterator[Record]:
        """Yield the records after a position, as they are now."""
        yield from [record for record in self.log if record.position > position]

    def _write(
        self,
        stream: str,
        type: str,  # noqa: A002 - the word of the protocol
        *,
        event_id: str = "",
        content_type: Literal["application/json", "application/octet-stream"] = "application/json",
        data: bytes = b"",
        metadata: bytes = b"",
        revision: int | None = None,
    ) -> Record:
        number = self._next_revision.get(stream, 0) if revision is None else revision
        own = event_id or str(uuid4())
        record = Record(self._next_position, stream, number, type, own, content_type, data, metadata)
        self.log.append(record)
        self._streams.setdefault(stream, []).append(record)
        self._next_revision[stream] = number + 1
        self._next_position += _OVERHEAD + len(data) + len(metadata)
        if not stream.startswith("$") and "-" in stream and not type.startswith("$"):
            self._write(f"$ce-{stream.partition('-')[0]}", "$>", data=f"{number}@{stream}".encode())
        return record

    def _same_append(self, stream: str, events: Sequence[Mapping[str, Any]], expected: int) -> Record | None:
        """Return the last record of an append that was made before with the same ids, at the expected place."""
        ids = [event["event_id"] for event in events]
        found = self.visible(stream)
        for start, record in enumerate(found):
            same = found[start : start + len(ids)]
            if ids and record.event_id == ids[0] and [each.event_id for each in same] == ids:
                if expected in (ANY, EXISTS) or record.revision == expected + 1:
                    return same[-1]
                return None
        return None

    def _metadata_of(self, stream: str) -> Mapping[str, Any]:
        records = self._streams.get(f"$${stream}")
        found: Mapping[str, Any] = json.loads(records[-1].data or b"{}") if records else {}
        return found


def _is_expected(expected: int, last: int) -> bool:
    if expected == EXISTS:
        return last != NO_STREAM
    return expected in (ANY, last)
