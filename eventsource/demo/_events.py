"""All events of some customers: what happens, who records it and when, and the story of customer-42."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from eventsource.demo._business import BUSINESS, DAY, HOUR, Settings, milliseconds
from eventsource.demo._draws import Draws, Season
from eventsource.demo._life import life
from eventsource.demo._shop import purchases
from eventsource.event import ENVELOPE, TIMESTAMP

__all__ = ["HERO", "all_events", "envelope"]

HERO: Final = 42
"""The customer whose life is written by hand, in ``customer_42.json``: the same whatever the seed."""

AT_ONCE: Final = 10_000
"""Customers that are in memory at the same time, about a quarter of a million events."""

_TYPE: Final = pl.Enum(BUSINESS["event_types"])
_SOURCES: Final = pl.Series(["", "web", "ios", "android", "api", "backoffice"])  # "": the event does not say
_IOS, _ANDROID, _BACKOFFICE = 2, 3, 5
_LATE: Final = 0.02
_CORRECTED: Final = 0.06  # of the cancellations, which the back office records weeks later
_COLUMNS: Final = pl.Schema(
    [("customer", pl.Int64()), ("occurred", pl.Int64()), ("type", _TYPE), ("data", pl.String())]
)


def all_events(settings: Settings) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield how many customers there are so far, and the events of the next ones, in the order of sign-up.

    The events are in the order of ``customer, version``: ``customer`` (the number in the stream's name),
    ``version``, ``type``, ``occurred`` and ``recorded`` (milliseconds), ``event_id``, ``data`` and ``metadata``
    (JSON, null where the event does not say).
    """
    signups = Season(settings.since, settings.until, months="signups_by_month", growth=3.0)
    shop = Season(settings.since, settings.until, months="purchases_by_month")
    for first in range(1, settings.customers + 1, AT_ONCE):
        numbers = np.arange(first, min(first + AT_ONCE, settings.customers + 1))
        shares = np.sort(Draws(settings.seed, first, "signup").uniform(len(numbers)))
        times = signups.at((first - 1 + shares * len(numbers)) / settings.customers)
        lives = {n: life(n, signup, settings) for n, signup in enumerate(times.tolist(), first)}
        accounts = [(n, signup, *lives[n][1:]) for n, signup in zip(lives, times.tolist(), strict=True)]
        customers = pl.DataFrame(accounts, ["customer", "signup", "deleted", "returned"], orient="row")
        rows = [(n, when, kind, _json(data)) for n, each in lives.items() for when, kind, data in each[0]]
        frames = [pl.DataFrame(rows, _COLUMNS, orient="row"), *purchases(settings, customers, shop)]
        yield int(numbers[-1]), _recorded(pl.concat(frame.cast(_COLUMNS) for frame in frames), settings, first)


def envelope(events: pl.DataFrame) -> pl.DataFrame:
    """Return recorded events as a frame of `event.ENVELOPE`, in the same order."""
    instants = pl.col("occurred", "recorded").cast(pl.Datetime("ms", "UTC")).cast(TIMESTAMP).name.suffix("_at")
    stream = pl.format("customer-{}", "customer").alias("stream")
    return events.with_columns(instants, stream).select(ENVELOPE.names()).cast(ENVELOPE)


def _recorded(events: pl.DataFrame, settings: Settings, first: int) -> pl.DataFrame:
    """Return the events that are recorded within the period, with versions and ids, and the story of the hero."""
    draws = Draws(settings.seed, first, "recording")
    events = _with_lags(events, draws)
    story = _story()
    if (events["customer"] == HERO).any() and settings.since <= story["occurred"][0]:
        events = pl.concat([events.filter(pl.col("customer") != HERO), story.cast(events.schema)])
    events = events.filter(pl.col("recorded") < settings.until)
    events = events.sort("customer", "recorded", "occurred", "type", maintain_order=True)
    metadata = pl.format('{{"source":"{}","correlation_id":"{}"}}', "source", draws.hexadecimal(events.height, 16))
    return events.with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("customer").alias("version"),
        draws.hexadecimal(events.height, 32).alias("event_id"),
        pl.when(pl.col("source") != "").then(metadata).alias("metadata"),
    ).drop("source")


def _with_lags(events: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Add who recorded each event, and when: at once, hours later from a phone, or days and weeks late."""
    size, is_first = events.height, (events["type"] == "CustomerCreated").to_numpy()
    source = draws.pick(size, (30, 36, 17, 12, 5))
    lag = 40 + 700 * draws.exponential(size)
    is_offline = ((source == _IOS) | (source == _ANDROID)) & draws.chance(size, 0.2) & ~is_first
    lag = np.where(is_offline, np.minimum(2 * HOUR * draws.exponential(size), 20 * HOUR), lag)
    is_late = draws.chance(size, _LATE) & ~is_first
    lag = np.where(is_late, np.minimum(1 + 6 * draws.exponential(size), 45) * DAY, lag)
    is_letter = (events["type"] == "PremiumPlanCancelled").to_numpy() & draws.chance(size, _CORRECTED)
    lag = np.where(is_letter, (10 + 25 * draws.uniform(size)) * DAY, lag)
    source[is_letter] = _BACKOFFICE
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
            "data": _json(event["data"]),
            "recorded": milliseconds(event.get("recorded_at", event["occurred_at"])) + 240,
            "source": event.get("source", "web"),
        }
        for event in script
    ]
    return pl.DataFrame(rows)


def _json(payload: dict[str, Any]) -> str:
    return msgspec.json.encode(payload).decode()
