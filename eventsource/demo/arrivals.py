"""A shop that is open: its events arrive in a store while others read it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Condition
from typing import Any, Final

import polars as pl

from eventsource.moment import Moment, last_instant
from eventsource.store import Append, EventStore

__all__ = ["Arrivals"]

_TOGETHER: Final = "1w"
"""What is recorded in this time is one transaction."""


class Arrivals:
    """Appends events to a store, in a thread, in the order in which they were recorded.

    The store notes when it got each event, which is now. So the time when the shop recorded it is a member of the
    metadata: ``es.source(url, recorded_at="metadata.recorded_at")`` reads it from there.

    Args:
        url: the store, as for `eventsource.EventStore`; its table is created.
        events: a frame of the envelope, such as that of `eventsource.demo.events`.
    """

    def __init__(self, url: str, events: pl.DataFrame) -> None:
        self._store = EventStore(url)
        self._store.init()
        week = pl.col("recorded_at").dt.truncate(_TOGETHER).alias("week")
        self._weeks = events.sort("recorded_at", maintain_order=True).with_columns(week).partition_by("week")
        self._changed, self._count = Condition(), 0
        self._recorded: datetime | None = None
        self._is_over = False
        pool = ThreadPoolExecutor(1, thread_name_prefix="eventsource-arrivals")
        self._work = pool.submit(self._append)
        pool.shutdown(wait=False)

    def wait_until(self, moment: Moment) -> int:
        """Wait until everything that was recorded up to a moment is in the store; more may be there already.

        Returns:
            How many events that is at least.
        """
        end = last_instant(moment)
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or (self._recorded or end) > end)
            count, is_over = self._count, self._is_over
        return self._work.result() if is_over else count

    def wait(self) -> int:
        """Wait until all events are in the store; return how many there are."""
        return self._work.result()

    def _append(self) -> int:
        try:
            for week in self._weeks:
                self._store.append_all(list(_appends(week)))
                with self._changed:
                    self._count += week.height
                    self._recorded = week["recorded_at"].last()  # type: ignore[assignment]  # a column of datetimes
                    self._changed.notify_all()
        finally:
            self._store.close()
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
        return self._count


def _appends(week: pl.DataFrame) -> list[Append]:
    """Return the events of a week, stream by stream."""
    return [
        Append(stream, [_event(row) for row in rows.iter_rows(named=True)], None)
        for (stream,), rows in week.group_by("stream", maintain_order=True)
    ]


def _event(row: dict[str, Any]) -> dict[str, Any]:
    metadata = json.loads(row["metadata"] or "{}")
    return {
        "event_id": row["event_id"],
        "type": row["type"],
        "occurred_at": row["occurred_at"],
        "data": row["data"],
        "metadata": {**metadata, "recorded_at": row["recorded_at"].isoformat()},
    }
