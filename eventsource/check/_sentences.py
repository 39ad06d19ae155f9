"""Sentences about what a check found."""

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from eventsource.check._positions import OrderedPass
from eventsource.messages import counted

__all__ = [
    "about_corrections",
    "about_faults",
    "about_positions",
    "about_rejected",
    "about_repeated_ids",
    "about_skew",
    "about_streams",
    "about_times",
    "about_unnamed_types",
    "about_versions",
]

_BLANK: Final = ("is in a stream whose name is blank", "are in streams whose names are blank")

_GIANT: Final = 1_000
_GIANT_SHARE: Final = 100
"""A stream is a giant if it has so many events, and so many times the median."""

_LISTED: Final = 20
"""Types that a sentence lists."""

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


def about_faults(model: str, faults: pl.DataFrame) -> Iterator[str]:
    """Yield how many events the fields of a model cannot fold, and the first of them."""
    if faults.height:
        events = counted(faults["position"].n_unique(), "event")
        first = faults.row(0, named=True)
        yield (
            f"{model} cannot fold {counted(faults.height, 'value')} of {events}: eventsource faults; the first: "
            f"{first['event_id']!r} at position {first['position']:,}"
        )


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


def about_streams(streams: pl.DataFrame) -> Iterator[str]:
    """Yield notes about streams whose name is blank, and about those with far more events than others.

    Args:
        streams: ``stream``, ``events``.
    """
    blank = streams.filter(pl.col("stream").str.strip_chars() == "")
    if blank.height:
        yield _number_of(int(blank["events"].sum()), "event", *_BLANK)
    usual = streams.select(pl.col("events").median()).item()
    giants = streams.filter(pl.col("events") >= _GIANT, pl.col("events") >= _GIANT_SHARE * pl.lit(usual))
    if streams.height == 1:
        giants = streams.filter(pl.col("events") >= _GIANT)
    total = int(streams["events"].sum())
    largest = giants.sort("events", "stream", descending=True).head(3)
    for stream, events in largest.select("stream", "events").iter_rows():
        yield (
            f"stream {stream!r} has {events:,} of {counted(total, 'event')}, the median stream {usual:,.0f}; "
            "does it collect the events of all unknown entities?"
        )


def about_skew(backwards: pl.DataFrame) -> Iterator[str]:
    """Yield a note if clocks run backwards."""
    if backwards.height:
        events = counted(int(backwards["backwards"].sum()), "event")
        yield (
            f"in {counted(backwards.height, 'stream')} recorded_at runs backwards, at {events}; "
            'a model with order="recorded_at" keeps the order of the stream'
        )


def about_versions(doubtful: pl.DataFrame) -> Iterator[str]:
    """Yield a note if versions are out of order, repeated or missing; it names some of the streams."""
    if doubtful.height:
        counts = pl.col("out_of_order", "repeated", "missing", "without").cast(pl.Int128)
        found = doubtful.select(counts.sum()).row(0, named=True)
        found["without a version"] = found.pop("without")
        parts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.items() if count)
        streams = ", ".join(map(repr, doubtful["stream"].head(3)))
        yield (
            f"in {counted(doubtful.height, 'stream')} versions leave doubt: {parts}; such as {streams}. Events "
            "of one moment fold in the order of their versions"
        )


def about_rejected(rejected: pl.DataFrame) -> Iterator[str]:
    """Yield a note if there are rejected lines."""
    if rejected.height:
        lines = int(rejected["lines"].sum())
        yield f"{_number_of(lines, 'line', 'was rejected', 'were rejected')}: eventsource rejected"


def about_corrections(count: int, futile: int) -> Iterator[str]:
    """Yield a note if corrections have no effect."""
    if futile:
        yield f"{_number_of(futile, 'correction', 'has no effect', 'have no effect')}, of {count:,}"


def about_unnamed_types(unnamed: pl.DataFrame) -> Iterator[str]:
    """Yield a note for each model that leaves out types of events."""
    for part in unnamed.partition_by("model", maintain_order=True):
        types = [
            f"{name} ({counted(count, 'event')})" for name, count in part.select("type", "events").iter_rows()
        ]
        more = f" and {len(types) - _LISTED:,} more" if len(types) > _LISTED else ""
        yield (
            f"no field of {part['model'][0]} names {counted(len(types), 'type')} of events: "
            f"{', '.join(types[:_LISTED])}{more}; if that is meant: ignored=… in the model"
        )


def _number_of(count: int, what: str, one_did: str, many_did: str) -> str:
    return f"{counted(count, what)} {one_did if count == 1 else many_did}"
