"""Checking a log: what is wrong with it, what a person should know, what is in it.

Everything is read, in bounded memory: by ranges of positions, or in as many parts as it takes. The order in which
another tool left the rows of ``events/`` makes no difference.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.errors import LogError
from eventsource.event import TIMESTAMP
from eventsource.log import Log
from eventsource.messages import counted

__all__ = ["Findings", "check_log", "members"]

_PART: Final = 4_000_000
"""Events whose ids are in memory at the same time."""

_CHUNK: Final = 250_000
_SAMPLE: Final = 1_000
_SHOWN: Final = 10
_WIDEST: Final = 200
"""Members of one type that are listed: a payload may use ids as names."""

_DEEPEST: Final = 8
"""Objects within objects that are looked into."""

_DAY: Final = timedelta(days=1)
_UNIT_DAYS: Final = 25
"""How far from 1970 the present lies if its epoch seconds are taken for milliseconds, a little rounded up."""

_VALUE: Final = r'"(\\.|[^"])*"?|\d+'
"""What of a reason is the line's own: texts and numbers."""

_OBJECT: Final = msgspec.json.Decoder(msgspec.defstruct("AnyObject", []))
_KINDS: Final[Mapping[type, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "list",
    dict: "object",
    type(None): "null",
}
_MEMBERS: Final = {"type": pl.String(), "member": pl.String(), "kinds": pl.String(), "share": pl.Float64()}


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Args:
        events: how many events there are.
        streams: how many streams.
        faults: what is really wrong, one sentence each; a sound log has none.
        notes: what a person should know, one sentence each.
        types: ``type``, ``events``, ``first``, ``last`` (``occurred_at``), ``late`` (recorded a day or more after
            they occurred); sorted by ``events``, most first.
        members: ``type``, ``member`` (dotted path; a name that has dots of its own, which no path reaches, in
            quotes), ``kinds`` of JSON values, ``share`` of events with it.
        sampled: how many events ``members`` was found in; fewer than ``events`` where there are many of a type.
        skew: streams whose ``recorded_at`` runs backwards, the worst ones: ``stream``, ``events``, ``backwards``,
            ``share``, ``most`` (a Duration: how far behind the time that the stream had reached).
        rejected: a row per kind of reason: ``reason`` of the first line, ``lines``, ``file`` and ``line`` of the
            first.
    """

    events: int
    streams: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    types: pl.DataFrame = field(repr=False)
    members: pl.DataFrame = field(repr=False)
    sampled: int
    skew: pl.DataFrame = field(repr=False)
    rejected: pl.DataFrame = field(repr=False)


def check_log(log: Log) -> Findings:
    """Read a whole log and say what is wrong with it, and what is in it.

    Wrong is: positions with gaps or twice, an ``event_id`` twice, a payload that is no JSON object, a log
    that cannot be read. Worth a note: times that can hardly be true, clocks that run backwards within a stream,
    late events, rejected lines.

    Raises:
        LogError: the log cannot be read at all.
    """
    try:
        return _checked(log, *_snapshot(log))
    except (pl.exceptions.PolarsError, FileNotFoundError) as error:
        raise LogError(f"{log.path} cannot be read: {error}", hint="restore the files of events/") from error


def members(events: pl.DataFrame) -> pl.DataFrame:
    """Return the members of payloads: ``type``, ``member`` (dotted), ``kinds``, ``share`` of the type's events.

    Args:
        events: a frame with ``type`` and ``data``.
    """
    parts = events.sort("type").partition_by("type", maintain_order=True)
    rows = [row for part in parts for row in _members(part["type"][0], part["data"])]
    return pl.DataFrame(rows, schema=_MEMBERS, orient="row")


def _snapshot(log: Log) -> tuple[pl.LazyFrame, int]:
    """Return all rows there are, and how many the log says there are, both of one moment."""
    while True:
        head = log.head
        events = log.scan()
        if log.head == head:
            return events, head


def _checked(log: Log, events: pl.LazyFrame, head: int) -> Findings:
    types = _types(events)
    reading = _Reading(
        {name: max(1, count // _SAMPLE) for name, count in types.select("type", "events").iter_rows()}
    )
    for chunk in _in_order(log, events, head, int(types["events"].sum())):
        reading.add(chunk)
    parts = max(1, ceil(head / _PART))
    skew = [_skew(events, part, parts) for part in range(parts)]
    backwards = pl.concat(skew).filter(pl.col("backwards") > 0).sort("share", "most", "stream", descending=True)
    rejected = _rejected(log)
    sample = pl.concat(reading.sample) if reading.sample else events.select("type", "data").head(0).collect()
    return Findings(
        events=reading.rows,
        streams=sum(part.height for part in skew),
        faults=(*reading.faults(head), *_duplicates(events, parts)),
        notes=(*_time_notes(events), *_skew_notes(backwards), *_rejected_notes(rejected)),
        types=types,
        members=members(sample),
        sampled=sample.height,
        skew=backwards.head(_SHOWN),
        rejected=rejected,
    )


def _types(events: pl.LazyFrame) -> pl.DataFrame:
    occurred, recorded = pl.col("occurred_at"), pl.col("recorded_at")
    found = events.group_by("type").agg(
        events=pl.len().cast(pl.Int64),
        first=occurred.min(),
        last=occurred.max(),
        late=(recorded - occurred >= _DAY).sum().cast(pl.Int64),
    )
    return found.collect(engine="streaming").sort("events", "type", descending=[True, False])


def _in_order(log: Log, events: pl.LazyFrame, head: int, rows: int) -> Iterator[pl.DataFrame]:
    """Yield ``position``, ``type``, ``data`` of all events in order of position, a range of positions at a time.

    Args:
        log: it knows which files hold a range of positions below ``head``.
        events: all rows there are; those that the log says nothing of are looked for among them.
        head: how many events the log says there are.
        rows: how many there are.
    """
    position, ends = pl.col("position"), range(_CHUNK, max(head, rows), _CHUNK)
    for start, stop in zip([0, *ends], [*ends, None], strict=True):
        if stop is not None and stop <= head:
            part = log.scan(start=start, upto=stop)
        else:
            part = events.filter(position >= start if stop is None else position.is_between(start, stop - 1))
        yield _sorted(part.select("position", "type", "data").collect())


def _sorted(events: pl.DataFrame) -> pl.DataFrame:
    return events if events["position"].is_sorted() else events.sort("position", maintain_order=True)


class _Reading:
    """What one pass in order of position sees.

    Args:
        steps: event type → every how many-th of its events goes into the sample.
    """

    def __init__(self, steps: Mapping[str, int]) -> None:
        self._steps, self._seen = steps, Counter[str]()
        self._next, self._jumps, self._jump = 0, 0, ""
        self._broken, self._first_broken = 0, ""
        self.rows = 0
        self.sample: list[pl.DataFrame] = []

    def add(self, chunk: pl.DataFrame) -> None:
        self._number(chunk["position"])
        self._decode(chunk)
        self.rows += chunk.height
        for part in chunk.select("type", "data").partition_by("type"):
            name = part["type"][0]
            step = self._steps.get(name, 1)
            offset = -self._seen[name] % step
            self._seen[name] += part.height
            if offset < part.height:
                self.sample.append(part.gather_every(step, offset))

    def faults(self, head: int) -> Iterator[str]:
        if self._jumps:
            yield f"positions have {self._jumps:,} gaps or steps back; the first: {self._jump}"
        if self.rows != head:
            yield f"the log says that it holds {head:,} events, but {self.rows:,} are there"
        if self._broken:
            yield f"{self._broken:,} payloads are no JSON object; the first {self._first_broken}"

    def _number(self, positions: pl.Series) -> None:
        expected = pl.Series([self._next]).append(positions.head(-1) + 1)
        wrong = positions != expected.head(positions.len())
        if wrong.any():
            row = wrong.arg_max() or 0
            self._jump = self._jump or f"{positions[row]} where {expected[row]} should stand"
            self._jumps += int(wrong.sum())
        if positions.len():
            self._next = positions[-1] + 1

    def _decode(self, chunk: pl.DataFrame) -> None:
        for row, text in enumerate(chunk["data"]):
            try:
                _OBJECT.decode(text)
            except (msgspec.DecodeError, TypeError, RecursionError) as error:
                self._broken += 1
                self._first_broken = self._first_broken or f"at position {chunk['position'][row]}: {error}"


def _in_part(column: str, part: int, parts: int) -> pl.Expr:
    """Return which rows belong to one of several parts that share no value of a column."""
    return pl.lit(value=True) if parts == 1 else pl.col(column).hash() % parts == part


def _duplicates(events: pl.LazyFrame, parts: int) -> Iterator[str]:
    twice = [_twice(events.filter(_in_part("event_id", part, parts))) for part in range(parts)]
    found = pl.concat(twice).sort("first", "event_id")
    if found.height:
        name = found["event_id"][0]
        same = events.filter(pl.col("event_id") == name).select("position").collect().to_series()
        where = ", ".join(map(str, same.sort().head(3)))
        yield f"{found.height:,} event ids stand more than once; the first: {name!r} at {where}"


def _twice(events: pl.LazyFrame) -> pl.DataFrame:
    groups = events.group_by("event_id").agg(times=pl.len(), first=pl.col("position").min())
    return groups.filter(pl.col("times") > 1).collect(engine="streaming")


def _skew(events: pl.LazyFrame, part: int, parts: int) -> pl.DataFrame:
    """Return per stream how many events were recorded before the time that the stream had reached."""
    columns = events.filter(_in_part("stream", part, parts)).select("position", "stream", "recorded_at")
    mine = _sorted(columns.collect())
    behind = pl.col("recorded_at").cum_max().over("stream") - pl.col("recorded_at")
    late = pl.col("behind") > pl.duration()
    streams = mine.select("stream", behind.alias("behind")).group_by("stream")
    return streams.agg(
        events=pl.len().cast(pl.Int64), backwards=late.sum().cast(pl.Int64), most=pl.col("behind").max()
    ).select("stream", "events", "backwards", (pl.col("backwards") / pl.col("events")).alias("share"), "most")


def _time_notes(events: pl.LazyFrame) -> Iterator[str]:
    occurred, recorded = pl.col("occurred_at"), pl.col("recorded_at")
    now, epoch = pl.lit(datetime.now(UTC), TIMESTAMP), pl.lit(datetime(1970, 1, 1, tzinfo=UTC), TIMESTAMP)
    ancient = pl.lit(datetime(1900, 1, 1, tzinfo=UTC), TIMESTAMP)
    counts = {
        "occurred before 1900": occurred < ancient,
        "occurred from 1900 to 1969": occurred.is_between(ancient, epoch, closed="left"),
        "occurred at 1970-01-01 00:00 exactly, which often stands for a time that was missing": occurred == epoch,
        "occurred later in January 1970, which often stands for epoch numbers of another unit: eventsource "
        "pull --unit": occurred.is_between(epoch, epoch + pl.duration(days=_UNIT_DAYS), closed="none"),
        "occurred in the future": occurred > now,
        "recorded in the future": recorded > now,
        "recorded more than a day before they occurred": occurred - recorded > _DAY,
        "recorded a day or more after they occurred": recorded - occurred >= _DAY,
    }
    found = events.select(test.sum().alias(told) for told, test in counts.items()).collect(engine="streaming")
    for told, count in found.row(0, named=True).items():
        if count:
            were = "" if told.startswith("occurred") else "was " if count == 1 else "were "
            yield f"{counted(count, 'event')} {were}{told}"


def _skew_notes(backwards: pl.DataFrame) -> Iterator[str]:
    if backwards.height:
        events = counted(int(backwards["backwards"].sum()), "event")
        yield (
            f"in {counted(backwards.height, 'stream')} recorded_at runs backwards, at {events}; "
            'a model with order="recorded_at" keeps the order of the stream'
        )


def _rejected(log: Log) -> pl.DataFrame:
    """Return the rejected lines by kind of reason: the values that stood in them make no other kind."""
    kind = pl.col("reason").str.replace_all(_VALUE, "…").str.replace(r"(?s): .*", "")
    groups = log.rejected().group_by(kind.alias("kind"), maintain_order=True)
    first = pl.col("reason", "file", "line").first()
    found = groups.agg(first, lines=pl.len().cast(pl.Int64)).select("reason", "lines", "file", "line")
    return found.sort("lines", descending=True, maintain_order=True)


def _rejected_notes(rejected: pl.DataFrame) -> Iterator[str]:
    if rejected.height:
        lines = int(rejected["lines"].sum())
        yield f"{counted(lines, 'line')} {'was' if lines == 1 else 'were'} rejected: eventsource rejected"


def _members(name: str, texts: pl.Series) -> Iterator[tuple[str, str, str, float]]:
    counts: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for text in texts:
        for path, kind in _walk(_decoded(text), ""):
            counts[path] += 1
            kinds.setdefault(path, set()).add(kind)
    listed = sorted(counts, key=lambda path: (-counts[path], path))[:_WIDEST]
    for path in listed:
        yield name, path, ", ".join(sorted(kinds[path])), counts[path] / texts.len()


def _decoded(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):  # counted by the pass over all payloads
        return {}


def _walk(value: dict[str, Any], prefix: str, depth: int = 1) -> Iterable[tuple[str, str]]:
    for key, member in value.items():
        name = f'"{key}"' if "." in key else key
        if isinstance(member, dict) and member and depth < _DEEPEST:
            yield from _walk(member, f"{prefix}{name}.", depth + 1)
        else:
            yield prefix + name, _KINDS[type(member)]
