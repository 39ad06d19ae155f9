"""All events of some customers: what happens, who records it and when, and the story of customer-42."""

import json
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from eventsource.demo._customers import Customers, fill
from eventsource.demo._draws import Draws
from eventsource.demo._people import people_events
from eventsource.demo._premium import premium_events
from eventsource.demo._seasons import DAY, HOUR, milliseconds
from eventsource.demo._shop import shop_events
from eventsource.demo._support import ticket_events
from eventsource.event import ENVELOPE, TIMESTAMP

__all__ = ["HERO", "envelope", "recorded_events"]

HERO: Final = 42
"""The customer whose life is written by hand, in ``customer_42.json``: the same whatever the seed."""

_SOURCES: Final = pl.Series(["", "web", "ios", "android", "api", "backoffice"])  # "": the event does not say
_IOS, _ANDROID, _BACKOFFICE = 2, 3, 5
_LATE: Final = 0.02
_CORRECTED: Final = 0.06  # of the cancellations, which the back office records weeks later


def recorded_events(customers: Customers) -> pl.DataFrame:
    """Return the customers' events, each once, in the order of ``customer, version``.

    Returns:
        ``customer`` (the number in the stream's name), ``version``, ``type``, ``occurred`` and ``recorded``
        (milliseconds), ``event_id``, ``data`` and ``metadata`` (JSON, null where the event does not say).
    """
    tickets, annoyed = ticket_events(customers)
    frames = people_events(customers) + premium_events(customers, annoyed) + tickets + shop_events(customers)
    events = _record(pl.concat(frames), customers.draws("lags"))
    story = _story()
    if HERO in customers.numbers and customers.settings.since <= story["occurred"][0]:
        events = pl.concat([events.filter(pl.col("customer") != HERO), story.cast(events.schema)])
    events = events.filter(pl.col("recorded") < customers.settings.until)
    events = events.sort("customer", "recorded", "occurred", "type", maintain_order=True)
    draws, size = customers.draws("ids"), events.height
    metadata = fill('{"source":"%","correlation_id":"%"}', events["source"], draws.hexadecimal(size, 16))
    return events.drop("source").with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("customer").alias("version"),
        draws.hexadecimal(size, 32).alias("event_id"),
        metadata.set(events["source"] == "", None).alias("metadata"),
    )


def envelope(events: pl.DataFrame) -> pl.DataFrame:
    """Return recorded events as a frame of `event.ENVELOPE`, in the same order."""
    instants = pl.col("occurred", "recorded").cast(pl.Datetime("ms", "UTC")).cast(TIMESTAMP).name.suffix("_at")
    stream = pl.format("customer-{}", "customer").alias("stream")
    return events.with_columns(instants, stream).select(ENVELOPE.names()).cast(ENVELOPE)


def _record(events: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Add who recorded each event, and when: at once, hours later from a phone, or days and weeks late."""
    size, created = events.height, (events["type"] == "CustomerCreated").to_numpy()
    source = draws.pick(size, (30, 36, 17, 12, 5))
    lag = 40 + 700 * draws.exponential(size)
    offline = ((source == _IOS) | (source == _ANDROID)) & draws.chance(size, 0.2) & ~created
    lag = np.where(offline, np.minimum(2 * HOUR * draws.exponential(size), 20 * HOUR), lag)
    late = draws.chance(size, _LATE) & ~created
    lag = np.where(late, np.minimum(1 + 6 * draws.exponential(size), 45) * DAY, lag)
    corrected = (events["type"] == "PremiumPlanCancelled").to_numpy() & draws.chance(size, _CORRECTED)
    lag = np.where(corrected, (10 + 25 * draws.uniform(size)) * DAY, lag)
    source[corrected] = _BACKOFFICE
    recorded = pl.col("occurred") + pl.Series(lag.astype(np.int64))
    return events.with_columns(recorded.alias("recorded"), source=_SOURCES.gather(pl.Series(source)))


def _story() -> pl.DataFrame:
    """Return the events of customer-42; those that do not say otherwise are recorded at once, on the web."""
    script = json.loads(Path(__file__).with_name("customer_42.json").read_text(encoding="utf-8"))
    rows = [
        {
            "customer": HERO,
            "occurred": milliseconds(event["occurred_at"]),
            "type": event["type"],
            "data": json.dumps(event["data"], ensure_ascii=False, separators=(",", ":")),
            "recorded": milliseconds(event.get("recorded_at", event["occurred_at"])) + 240,
            "source": event.get("source", "web"),
        }
        for event in script
    ]
    return pl.DataFrame(rows)
