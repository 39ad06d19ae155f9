"""Events as lines of JSON, and what goes wrong on their way: repeated and broken lines."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._customers import Customers, fill
from eventsource.demo._draws import Draws, Floats, Ints
from eventsource.demo._events import HERO, recorded_events
from eventsource.demo._seasons import DAY, HOUR

__all__ = ["FAULTS", "KINDS", "arriving_lines"]

KINDS: Final = ("events", "duplicates", "conflicts", "broken")
_KIND: Final = pl.Enum(KINDS)
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.3f"
_REPEATED: Final = 0.005
_PER_CUSTOMERS: Final = 5_000  # faults and conflicts: some in every log, and more for each so many customers
_LINE: Final = (
    '{"event_id":"%","stream":"customer-%","version":%,"type":"%",'
    '"occurred_at":"%Z","recorded_at":"%Z","data":%%}'  # the last: the metadata, or nothing
)

_SPOILERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "truncated": lambda line: line[: line.index(b'"data"') + 9],
    "no type": lambda line: re.sub(rb'"type":"\w+",', b"", line),
    "impossible date": lambda line: re.sub(rb'("occurred_at":")[0-9-]{10}', rb"\g<1>2024-02-30", line),
    "not UTF-8": lambda line: line.replace(b'"data":{', b'"data":{"\xff\xfe":0,', 1),
    "an array": lambda line: b"[" + line + b"]",
}
FAULTS: Final = tuple(_SPOILERS)


def arriving_lines(customers: Customers) -> pl.DataFrame:
    """Return all lines about some customers, in no order.

    The columns are ``arrived`` (milliseconds), ``customer``, ``version``, ``kind``, ``late`` (whether it is an
    event that was recorded a day or more after it occurred) and ``line`` (bytes).
    """
    events = recorded_events(customers)
    times = events.select(pl.col("occurred", "recorded").cast(pl.Datetime("ms")).dt.strftime(_TIME))
    identity = (events[name] for name in ("event_id", "customer", "version", "type"))
    metadata = (',"metadata":' + events["metadata"]).fill_null("")
    lines = events.select(
        pl.col("recorded").alias("arrived"),
        "customer",
        "version",
        pl.lit("events", _KIND).alias("kind"),
        (pl.col("recorded") - pl.col("occurred") >= DAY).alias("late"),
        fill(_LINE, *identity, *times, events["data"], metadata).alias("line"),
    )
    others, purchases = (events["customer"] != HERO).to_numpy(), (events["type"] == "PurchaseMade").to_numpy()
    draws, until, more = customers.draws("noise"), customers.settings.until, customers.size // _PER_CUSTOMERS
    repeated = lines.filter(pl.Series(draws.chance(lines.height, _REPEATED) & others))
    repeated = _send_again(repeated, "duplicates", 3 * HOUR * draws.exponential(repeated.height), until)
    conflicts = lines[_some_of(np.flatnonzero(others & purchases), draws, 1 + 4 * (1 + more))]
    conflicts = conflicts.with_columns(pl.col("line").str.replace(r'"quantity":\d+', '"quantity":99'))
    conflicts = _send_again(conflicts, "conflicts", DAY * (1 + 2 * draws.uniform(conflicts.height)), until)
    broken = lines[_some_of(np.flatnonzero(others), draws, len(FAULTS) * (2 + more))]
    return pl.concat([pl.concat([lines, repeated, conflicts]).cast({"line": pl.Binary}), _spoil(broken)])


def _send_again(lines: pl.DataFrame, kind: str, delay: Floats, until: int) -> pl.DataFrame:
    """Return the lines as they arrive again after a delay, within the period."""
    arrived = np.minimum(lines["arrived"].to_numpy() + delay.astype(np.int64), until - 1)
    return lines.with_columns(pl.Series("arrived", arrived), kind=pl.lit(kind, _KIND), late=False)


def _spoil(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with one fault after the other; the sender notices, and the good line follows at once."""
    spoilers = list(_SPOILERS.values())
    spoilt = [spoilers[n % len(spoilers)](line.encode()) for n, line in enumerate(lines["line"])]
    line = pl.Series("line", spoilt, pl.Binary)
    return lines.with_columns(line, pl.col("arrived") - 1, kind=pl.lit("broken", _KIND), late=False)


def _some_of(candidates: Ints, draws: Draws, count: int) -> Ints:
    """Return up to ``count`` different candidates, ascending."""
    return np.unique(candidates[draws.below(count, len(candidates))]) if len(candidates) else candidates
