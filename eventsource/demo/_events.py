"""All events of the customers: what happens, who records it and when, and the story of customer-42."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from eventsource.allocation import gc_paused
from eventsource.demo._business import BUSINESS, DAY, HOUR, RATES, Settings, milliseconds
from eventsource.demo._draws import Draws, Season
from eventsource.demo._life import life
from eventsource.demo._shop import purchases
from eventsource.event import ENVELOPE, TIMESTAMP
from eventsource.moment import Moment

__all__ = ["HERO", "all_events", "events"]

HERO: Final = 42
"""The customer whose life is written by hand, in ``customer_42.json``: the same whatever the seed."""

AT_ONCE: Final = 10_000
"""Customers that are in memory at the same time, about a quarter of a million events."""

_TYPE: Final = pl.Enum(BUSINESS["event_types"])
_SOURCES: Final = pl.Series(["", "web", "ios", "android", "api", "backoffice"])  # "": the event does not say
_IOS, _ANDROID, _BACKOFFICE = 2, 3, 5
_COLUMNS: Final = pl.Schema({"customer": pl.Int64(), "occurred": pl.Int64(), "type": _TYPE, "data": pl.String()})


def events(
    *, customers: int = 400, seed: int = 7, since: Moment = "2023-01-01", until: Moment = "2024-12-31"
) -> pl.DataFrame:
    """Return the events that `write` writes as a frame of `event.ENVELOPE`: each once, in the order of arrival.

    Raises:
        SourceError: there are no customers, or the period is shorter than a day.
    """
    found = pl.concat(some for _, some in all_events(Settings.of(customers, seed, since, until)))
    instants = pl.col("occurred", "recorded").cast(pl.Datetime("ms", "UTC")).cast(TIMESTAMP).name.suffix("_at")
    stream = pl.format("customer-{}", "customer").alias("stream")
    ordered = found.sort("recorded", "customer", "version").with_columns(instants, stream)
    return ordered.select(ENVELOPE.names()).cast(ENVELOPE)


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
        with gc_paused():
            pairs = zip(numbers.tolist(), times.tolist(), strict=True)
            lived, deleted, returned = zip(*(life(*pair, settings) for pair in pairs), strict=True)
            occurred, types, payloads = zip(*chain.from_iterable(lived), strict=True)
        columns = [numbers.repeat([len(each) for each in lived]), occurred, types, _as_json(payloads)]
        customers = pl.DataFrame(
            [numbers, times, deleted, returned], ["customer", "signup", "deleted", "returned"]
        )
        frames = [pl.DataFrame(columns, _COLUMNS), *purchases(settings, customers, shop)]
        yield int(numbers[-1]), _recorded(pl.concat(frame.cast(_COLUMNS) for frame in frames), settings, first)


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
    is_late = draws.chance(size, RATES["late"]) & ~is_first
    lag = np.where(is_late, np.minimum(1 + 6 * draws.exponential(size), 45) * DAY, lag)
    is_letter = draws.chance(size, RATES["cancelled by letter"])
    is_letter &= (events["type"] == "PremiumPlanCancelled").to_numpy()
    lag = np.where(is_letter, (10 + 25 * draws.uniform(size)) * DAY, lag)
    source[is_letter] = _BACKOFFICE
    recorded = pl.col("occurred") + pl.Series(lag.astype(np.int64))
    return events.with_columns(recorded.alias("recorded"), source=_SOURCES.gather(pl.Series(source)))


def _story() -> pl.DataFrame:
    """Return the events of customer-42; those that do not say otherwise are recorded at once, on the web."""
    script = json.loads(Path(__file__).with_name("customer_42.json").read_text(encoding="utf-8"))
    return pl.DataFrame(
        {
            "customer": HERO,
            "occurred": [milliseconds(each["occurred_at"]) for each in script],
            "type": [each["type"] for each in script],
            "data": _as_json([each["data"] for each in script]),
            "recorded": [milliseconds(each.get("recorded_at", each["occurred_at"])) + 240 for each in script],
            "source": [each.get("source", "web") for each in script],
        }
    )


def _as_json(payloads: Sequence[dict[str, Any]]) -> list[str]:
    return msgspec.json.Encoder().encode_lines(payloads).decode().split("\n")[:-1]
