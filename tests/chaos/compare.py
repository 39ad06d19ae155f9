"""Two readings of the same events, compared event by event.

```text
place   event_id   stream   version   type     digest
0       3:0        order-1  1         Placed   9f86d081884c7d65     digest: of the payload, members sorted
1       3:1        order-1  2         Paid     60303ae22b998861
```
"""

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

import msgspec
import polars as pl

from eventsource import Log

__all__ = ["Row", "differences", "log_rows", "rows_frame"]

Row = tuple[str, str, int | None, str, str | bytes]
"""Id, stream, version (None: the system has none), type, payload as JSON."""

_SCHEMA: Final = {
    "event_id": pl.String,
    "stream": pl.String,
    "version": pl.Int64,
    "type": pl.String,
    "digest": pl.String,
}


def rows_frame(rows: Iterable[Row]) -> pl.DataFrame:
    """Return rows as a frame, with a digest in place of the payload."""
    shown = [(event_id, stream, version, kind, _digest(data)) for event_id, stream, version, kind, data in rows]
    return pl.DataFrame(shown, schema=_SCHEMA, orient="row")


def log_rows(log: Log) -> pl.DataFrame:
    """Return the events of a log, in order of position."""
    found = log.scan().select("position", "event_id", "stream", "version", "type", "data").collect()
    digests = found["data"].map_elements(_digest, return_dtype=pl.String)
    return found.with_columns(digest=digests).sort("position").select(*_SCHEMA)


def differences(
    truth: pl.DataFrame, found: pl.DataFrame, order: Literal["all", "stream", "none"]
) -> dict[str, int]:
    """Count what differs between the truth and what was found; without a difference the result is empty.

    Args:
        truth: the events, see `rows_frame`.
        found: the events that are compared with it.
        order: whether both have one order, an order in each stream, or orders that cannot be compared.
    """
    first = found.unique("event_id", keep="first", maintain_order=True)
    pairs = truth.unique("event_id", keep="first", maintain_order=True).join(first, on="event_id", suffix="_found")
    is_changed = pl.any_horizontal(
        pl.col("stream") != pl.col("stream_found"),
        pl.col("type") != pl.col("type_found"),
        pl.col("digest") != pl.col("digest_found"),
        (pl.col("version") != pl.col("version_found")).fill_null(value=False),
    )
    counts = {
        "lost": truth.join(found, on="event_id", how="anti").height,
        "repeated": found.height - first.height,
        "invented": found.join(truth, on="event_id", how="anti").height,
        "changed": pairs.filter(is_changed).height,
        "reordered": 0 if order == "none" else _reordered(truth, first, per_stream=order == "stream"),
    }
    return {name: count for name, count in counts.items() if count}


def _reordered(truth: pl.DataFrame, found: pl.DataFrame, *, per_stream: bool) -> int:
    """Count the events that have another place among those that both have.

    ```text
    stream   event_id   place in the truth   place found
    s        a          0                    0
    s        b          1                    2              reordered
    s        c          2                    1              reordered
    ```
    """
    place = pl.int_range(pl.len())
    place = place.over("stream") if per_stream else place
    both = [
        one.join(other, on="event_id", how="semi", maintain_order="left").select("event_id", place=place)
        for one, other in ((truth.unique("event_id", keep="first", maintain_order=True), found), (found, truth))
    ]
    return both[0].join(both[1], on="event_id").filter(pl.col("place") != pl.col("place_right")).height


def _digest(data: str | bytes) -> str:
    canonical = msgspec.json.encode(msgspec.json.decode(data), order="sorted")
    return hashlib.blake2b(canonical, digest_size=8).hexdigest()
