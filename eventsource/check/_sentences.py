"""Sentences about what a check found."""

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from eventsource.check._positions import OrderedPass
from eventsource.messages import counted

__all__ = ["about_positions", "about_rejected", "about_repeated_ids", "about_skew", "about_times"]

_TIMES: Final[Mapping[str, tuple[str, str]]] = {
    "before_1900": ("occurred before 1900",) * 2,
    "before_1970": ("occurred from 1900 to 1969",) * 2,
    "at_epoch": ("occurred at 1970-01-01 00:00 exactly, which often means that the time is missing",) * 2,
    "soon_after_epoch": (
        "occurred later in January 1970, which often means epoch numbers of another unit: eventsource pull --unit",
    )
    * 2,
    "in_future": ("occurred in the future",) * 2,
    "recorded_in_future": ("was recorded in the future", "were recorded in the future"),
    "recorded_before": (
        "was recorded more than a day before it occurred",
        "were recorded more than a day before they occurred",
    ),
    "recorded_late": (
        "was recorded a day or more after it occurred",
        "were recorded a day or more after they occurred",
    ),
}
"""Kind of unlikely time → what one event did, and what several did."""


def about_positions(ordered: OrderedPass, head: int) -> Iterator[str]:
    """Yield faults of positions, of the number of events, and of payloads."""
    if ordered.first_jump is not None:
        found, expected = ordered.first_jump
        jumps = counted(ordered.jumps, "jump")
        yield f"positions have {jumps}, forward or back; the first: expected {expected}, got {found}"
    if ordered.rows != head:
        yield f"expected {counted(head, 'event')}, got {ordered.rows:,}"
    if ordered.first_invalid_payload is not None:
        position, error = ordered.first_invalid_payload
        invalid = _number_of(ordered.invalid_payloads, "payload", "is not a JSON object", "are not JSON objects")
        yield f"{invalid}; the first at position {position}: {error}"


def about_repeated_ids(repeated: pl.DataFrame, events: pl.LazyFrame) -> Iterator[str]:
    """Yield a fault if ids occur more than once; it names the positions of the first."""
    if repeated.height:
        name = repeated["event_id"][0]
        positions = events.filter(pl.col("event_id") == name).select("position").collect().to_series()
        where = ", ".join(map(str, positions.sort().head(3)))
        ids = _number_of(repeated.height, "event id", "occurs more than once", "occur more than once")
        yield f"{ids}; the first: {name!r} at {where}"


def about_times(unlikely: Mapping[str, int]) -> Iterator[str]:
    """Yield a note for each kind of unlikely time."""
    for kind, count in unlikely.items():
        if count:
            yield _number_of(count, "event", *_TIMES[kind])


def about_skew(backwards: pl.DataFrame) -> Iterator[str]:
    """Yield a note if clocks run backwards."""
    if backwards.height:
        events = counted(int(backwards["backwards"].sum()), "event")
        yield (
            f"in {counted(backwards.height, 'stream')} recorded_at runs backwards, at {events}; "
            'a model with order="recorded_at" keeps the order of the stream'
        )


def about_rejected(rejected: pl.DataFrame) -> Iterator[str]:
    """Yield a note if there are rejected lines."""
    if rejected.height:
        lines = int(rejected["lines"].sum())
        yield f"{_number_of(lines, 'line', 'was rejected', 'were rejected')}: eventsource rejected"


def _number_of(count: int, what: str, one_did: str, many_did: str) -> str:
    return f"{counted(count, what)} {one_did if count == 1 else many_did}"
