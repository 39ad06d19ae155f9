"""Tombstones: messages without a value. They say that their key was deleted; compaction then removes its messages.

A mapping cannot find anything in them. They become events of the type ``Tombstone`` in the stream of their key::

    key  offset  value       event_id    stream  type        data
    c-7  41      null        shop/0:41   c-7     Tombstone   {}
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import polars as pl

from eventsource.event import PLACED, rejected_lines
from eventsource.sources.kafka._lines import headers_of, time_of
from eventsource.sources.kafka._received import Received, Undecodable
from eventsource.sources.kafka._values import Values

__all__ = ["tombstones"]

_TYPE: Final = "Tombstone"


def tombstones(
    source: str, place: str, messages: Sequence[Received], values: Values
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the events of tombstones, and those that are rejected because they have no key or no time.

    Args:
        source: the name of the source.
        place: the topic and the partition.
        messages: messages without a value.
        values: reads keys.
    """
    events, rejected = [], []
    for message in messages:
        key, time = values.key(message), time_of(message)
        if not key or isinstance(key, Undecodable) or time is None:
            reason = _reason(key)
            rejected.append(
                {"source": source, "file": place, "line": message.offset(), "reason": reason, "raw": b""}
            )
            continue
        headers = headers_of(message.headers())
        events.append(
            {
                "event_id": f"{place}:{message.offset()}",
                "stream": key,
                "type": _TYPE,
                "occurred_at": time,
                "recorded_at": time,
                "data": "{}",
                "file": place,
                "line": message.offset(),
                "metadata": None if headers is None else msgspec.json.encode(headers).decode(),
            }
        )
    texts = {name: dtype if not dtype.is_temporal() else pl.String for name, dtype in PLACED.items()}
    frame = pl.DataFrame(events, schema=texts).with_columns(
        pl.col("occurred_at", "recorded_at").str.to_datetime(time_unit="us", time_zone="UTC")
    )
    return frame.select(*PLACED), rejected_lines(rejected)


def _reason(key: str | Undecodable | None) -> str:
    """Return why a tombstone is rejected."""
    if isinstance(key, Undecodable):
        return f"its key: {key.reason}"
    return f"a message without a value needs a {'time' if key else 'key'}"
