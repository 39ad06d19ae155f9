"""Appends that are repeated: the same events, by their ids, in the same streams at the same versions."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from eventsource.errors import FrameError
from eventsource.store._database import Database
from eventsource.store._events import NewEvent

__all__ = ["rows_with_ids", "versions_of_repeated"]

_IDS: Final = 1000
"""Ids that one statement looks for."""


def rows_with_ids(connection: sa.Connection, database: Database, ids: Sequence[str]) -> list[Any]:
    """Return the rows of events that have one of these ids."""
    columns = database.columns.replace("::text", "\\:\\:text")
    query = f"SELECT {columns} FROM {database.table} WHERE event_id IN :ids"  # noqa: S608 - an identifier
    text = sa.text(query).bindparams(sa.bindparam("ids", expanding=True))
    parts = (ids[start : start + _IDS] for start in range(0, len(ids), _IDS))
    return [row for part in parts for row in connection.execute(text, {"ids": part})]


def versions_of_repeated(rows: Sequence[Any], appends: Sequence[tuple[str, Sequence[NewEvent]]]) -> dict[str, int]:
    """Return stream → version of an append that was done before.

    Args:
        rows: the events of the store that have one of its ids.
        appends: stream and events.

    Raises:
        FrameError: the rows are not these events.
    """
    stored = {row[2]: row for row in rows}
    for stream, events in appends:
        first = stored.get(events[0].event_id)
        for number, event in enumerate(events):
            row = stored.get(event.event_id)
            if first is None or row is None or not _is_same(row, stream, first[1] + number, event):
                raise FrameError(
                    f"event_id {next(iter(stored))!r} belongs to another append; nothing was appended",
                    hint="give each event an id of its own, and repeat an append as a whole",
                )
    return {stream: stored[events[-1].event_id][1] for stream, events in appends}


def _is_same(row: Any, stream: str, version: int, event: NewEvent) -> bool:
    same = (row[0], row[1], row[3]) == (stream, version, event.type)
    return same and bool(msgspec.json.decode(row[7]) == msgspec.json.decode(event.data))
