"""Events as lines of JSON, and what goes wrong on their way: repeated and broken lines."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._business import DAY, HOUR, Settings
from eventsource.demo._draws import Draws, Floats
from eventsource.demo._events import HERO

__all__ = ["FAULTS", "KINDS", "arriving_lines"]

KINDS: Final = ("events", "duplicates", "conflicts", "broken")
_KIND: Final = pl.Enum(KINDS)
_REPEATED: Final = 0.005
_PER_CUSTOMERS: Final = 5_000  # faults and conflicts: some in every log, and more for each so many customers
_LINE: Final = (
    '{{"event_id":"{}","stream":"customer-{}","version":{},"type":"{}",'
    '"occurred_at":"{}Z","recorded_at":"{}Z","data":{}{}}}'  # the last: the metadata, or nothing
)

_SPOILERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "truncated": lambda line: line[: line.index(b'"data"') + 9],
    "no type": lambda line: re.sub(rb'"type":"\w+",', b"", line),
    "impossible date": lambda line: re.sub(rb'("occurred_at":")[0-9-]{10}', rb"\g<1>2024-02-30", line),
    "not UTF-8": lambda line: line.replace(b'"data":{', b'"data":{"\xff\xfe":0,', 1),
    "an array": lambda line: b"[" + line + b"]",
}
FAULTS: Final = tuple(_SPOILERS)


def arriving_lines(events: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return all lines about some customers, in no order.

    The columns are ``arrived`` (milliseconds), ``customer``, ``version``, ``kind``, ``late`` (whether it is an
    event that was recorded a day or more after it occurred) and ``line`` (bytes).
    """
    draws, customers = Draws(settings.seed, events["customer"][0], "noise"), events["customer"].n_unique()
    times = pl.col("occurred", "recorded").cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3f")
    metadata = (pl.lit(',"metadata":') + pl.col("metadata")).fill_null("")
    identity = ("event_id", "customer", "version", "type")
    lines = events.with_columns(times.name.suffix("_at")).select(
        pl.col("recorded").alias("arrived"),
        "customer",
        "version",
        "type",
        pl.lit("events", _KIND).alias("kind"),
        (pl.col("recorded") - pl.col("occurred") >= DAY).alias("late"),
        pl.format(_LINE, *identity, "occurred_at", "recorded_at", "data", metadata).alias("line"),
    )
    others = lines.filter(pl.col("customer") != HERO)
    more = customers // _PER_CUSTOMERS
    repeated = others.filter(pl.Series(draws.chance(others.height, _REPEATED)))
    repeated = _again(repeated, "duplicates", 3 * HOUR * draws.exponential(repeated.height), settings.until)
    conflicts = _some(others.filter(pl.col("type") == "PurchaseMade"), draws, 1 + 4 * (1 + more))
    conflicts = conflicts.with_columns(pl.col("line").str.replace(r'"quantity":\d+', '"quantity":99'))
    conflicts = _again(conflicts, "conflicts", DAY * (1 + 2 * draws.uniform(conflicts.height)), settings.until)
    broken = _some(others, draws, len(FAULTS) * (2 + more))
    good = pl.concat([lines, repeated, conflicts]).with_columns(pl.col("line").cast(pl.Binary))
    return pl.concat([good, _spoilt(broken)]).drop("type")


def _again(lines: pl.DataFrame, kind: str, delay: Floats, until: int) -> pl.DataFrame:
    """Return the lines as they arrive again after a delay, within the period."""
    arrived = (lines["arrived"] + pl.Series(delay.astype(np.int64))).clip(upper_bound=until - 1)
    return lines.with_columns(arrived, kind=pl.lit(kind, _KIND), late=False)


def _spoilt(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with one fault after the other; the sender notices, and the good line follows at once."""
    spoilers = list(_SPOILERS.values())
    spoilt = [spoilers[n % len(spoilers)](line.encode()) for n, line in enumerate(lines["line"])]
    line = pl.Series("line", spoilt, pl.Binary)
    return lines.with_columns(line, pl.col("arrived") - 1, kind=pl.lit("broken", _KIND), late=False)


def _some(lines: pl.DataFrame, draws: Draws, count: int) -> pl.DataFrame:
    """Return up to ``count`` different lines, in their order."""
    return lines[np.unique((draws.uniform(count) * lines.height).astype(np.int64))] if lines.height else lines
