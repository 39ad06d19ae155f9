"""A shop that is open: its events arrive in a store while others read it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from eventsource.moment import Moment, last_instant
from eventsource.store import Append, EventStore

__all__ = ["Arrivals"]


class Arrivals:
    """Appends events to a store, in a thread, in the order in which they were recorded, a week in a transaction.

    The store notes when it got each event, which is now. So the time when the shop recorded it is a member of the
    metadata: ``es.source(url, recorded_at="metadata.recorded_at")`` reads it from there.

    Args:
        url: the store, as for `eventsource.EventStore`; its table is created.
        events: a frame of the envelope, such as that of `eventsource.demo.events`.
    """

    def __init__(self, url: str, events: pl.DataFrame) -> None:
        store = EventStore(url)
        store.init()
        week = pl.col("recorded_at").dt.truncate("1w").alias("week")
        weeks = events.sort("recorded_at", maintain_order=True).with_columns(week).partition_by("week")
        pool = ThreadPoolExecutor(1, thread_name_prefix="eventsource-arrivals")
        self._weeks = [(some["week"].item(0), pool.submit(_append, store, some)) for some in weeks]
        pool.submit(store.close)
        pool.shutdown(wait=False)

    def wait(self, until: Moment = "9999-12-31") -> int:
        """Wait until everything that was recorded up to a moment is in the store; more may be there already.

        Returns:
            How many events that is at least.
        """
        end = last_instant(until)
        return sum(appended.result() for begins, appended in self._weeks if begins <= end)


def _append(store: EventStore, week: pl.DataFrame) -> int:
    """Append the events of a week, stream by stream; return how many there are."""
    streams = week.group_by("stream", maintain_order=True)
    store.append_all([Append(stream, [_event(row) for row in rows.to_dicts()]) for (stream,), rows in streams])
    return week.height


def _event(row: dict[str, Any]) -> dict[str, Any]:
    metadata = json.loads(row["metadata"] or "{}") | {"recorded_at": row["recorded_at"].isoformat()}
    return {name: row[name] for name in ("event_id", "type", "occurred_at", "data")} | {"metadata": metadata}
