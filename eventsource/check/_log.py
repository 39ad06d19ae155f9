"""Checking a whole log."""

import warnings
from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import ceil
from typing import Final

import polars as pl

from eventsource.check import _sentences
from eventsource.check._findings import Findings
from eventsource.check._ids import repeated_ids
from eventsource.check._members import members
from eventsource.check._positions import OrderedPass, chunks_in_order
from eventsource.check._rejected import rejected_by_reason
from eventsource.check._times import clock_skew, count_unlikely_times
from eventsource.check._versions import doubtful_versions
from eventsource.errors import EventsourceWarning, LogError
from eventsource.log import Log
from eventsource.model import Model, plan_of
from eventsource.plan import Plan
from eventsource.timeline import Timeline

__all__ = ["check_log"]

_PART_EVENTS: Final = 4_000_000
"""Events whose ids are in memory at the same time."""

_SAMPLE: Final = 1_000
"""About how many events of each type the sample has at least."""

_WORST: Final = 10
"""Streams that `Findings.skew` and `Findings.versions` list."""


def check_log(log: Log, models: Iterable[type[Model] | Plan] = ()) -> Findings:
    """Read a whole log; return what is wrong with it, what is unusual, and what it contains.

    Wrong are: gaps between positions, a position or an ``event_id`` that occurs twice, a payload that is not a
    JSON object. Unusual are: times that are unlikely, clocks that run backwards within a stream, versions of a
    stream that are out of order, repeated or missing, late events, rejected lines, corrections without effect,
    streams that are blank or have far more events than others, types of events that no field of a model names,
    events that a field cannot fold.

    Args:
        log: the log.
        models: the models that read it.

    Raises:
        LogError: the log cannot be read.
    """
    erasures = log.erasures if log.head else 0
    try:
        return _check(log, [plan_of(model) for model in models], *_snapshot(log))
    except (pl.exceptions.PolarsError, FileNotFoundError) as error:
        if log.head and log.erasures != erasures:  # an erasure has replaced the files meanwhile
            return check_log(log)
        raise LogError(
            f"{log.path} cannot be read: {error}", hint="restore the files of events/ from a backup"
        ) from error


def _snapshot(log: Log) -> tuple[pl.LazyFrame, int]:
    """Return all rows that exist, and how many events the log should have, both of the same version."""
    while True:
        head = log.head
        events = log.scan()
        if log.head == head:
            return events, head


def _check(log: Log, plans: Sequence[Plan], events: pl.LazyFrame, head: int) -> Findings:
    types = _types(events)
    unnamed = _unnamed(types, plans)
    steps = {name: max(1, count // _SAMPLE) for name, count in types.select("type", "events").iter_rows()}
    ordered = OrderedPass(steps)
    for chunk in chunks_in_order(log, events, head, int(types["events"].sum())):
        ordered.add(chunk)
    parts = max(1, ceil(head / _PART_EVENTS))
    skew = [clock_skew(events, part, parts) for part in range(parts)]
    streams = pl.concat(skew)
    backwards = streams.filter(pl.col("backwards") > 0).sort("share", "most", "stream", descending=True)
    versions = pl.concat(doubtful_versions(events, part, parts) for part in range(parts))
    versions = versions.sort("out_of_order", "repeated", "missing", "without", "stream", descending=True)
    rejected = rejected_by_reason(log.rejected())
    corrections = log.corrections(upto=head)
    futile = corrections.filter(pl.col("problem").is_not_null())
    sample = pl.concat(ordered.sample) if ordered.sample else events.select("type", "data").head(0).collect()
    return Findings(
        events=ordered.rows,
        streams=streams.height,
        faults=(
            *_sentences.about_positions(ordered, head),
            *_sentences.about_repeated_ids(repeated_ids(events, parts), events),
        ),
        notes=(
            *_sentences.about_times(count_unlikely_times(events)),
            *_sentences.about_streams(streams),
            *_sentences.about_skew(backwards),
            *_sentences.about_versions(versions),
            *_sentences.about_rejected(rejected),
            *_sentences.about_unnamed_types(unnamed),
            *(sentence for plan in plans for sentence in _sentences.about_faults(plan.name, _faults(log, plan))),
            *_sentences.about_corrections(corrections.height, futile.height),
        ),
        types=types,
        members=members(sample),
        sampled=sample.height,
        skew=backwards.head(_WORST),
        versions=versions.head(_WORST),
        rejected=rejected,
        unnamed=unnamed,
        corrections=futile.select("position", "event_id", "target_id", "problem"),
    )


def _faults(log: Log, plan: Plan) -> pl.DataFrame:
    """Return the events that a model cannot fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EventsourceWarning)  # names that are not in the log are another note
        return Timeline(log, plan).faults()


def _unnamed(types: pl.DataFrame, plans: Sequence[Plan]) -> pl.DataFrame:
    counts = dict(types.select("type", "events").iter_rows())
    rows = [(plan.name, name, count) for plan in plans for name, count in plan.unnamed_types(counts).items()]
    schema = {"model": pl.String(), "type": pl.String(), "events": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _types(events: pl.LazyFrame) -> pl.DataFrame:
    occurred, recorded = pl.col("occurred_at"), pl.col("recorded_at")
    found = events.group_by("type").agg(
        events=pl.len().cast(pl.Int64),
        first=occurred.min(),
        last=occurred.max(),
        late=(recorded - occurred >= timedelta(days=1)).sum().cast(pl.Int64),
    )
    return found.collect(engine="streaming").sort("events", "type", descending=[True, False])
