"""The envelope: the one frame shape that every source yields, the log holds and every fold reads.

========== ======================= =====================================================================
column     dtype                   meaning
========== ======================= =====================================================================
position   Int64                   place in this log, 0, 1, 2 … in order of arrival (the log's own)
event_id   String                  unique; the second arrival of an id is dropped
stream     String                  the stream the event was written to, often the entity
version    Int64, nullable         the event's number within its stream, where the source has one
type       String                  ``CustomerCreated``, ``PurchaseMade`` …
occurred_at Datetime(us, UTC)      valid time: when it was true
recorded_at Datetime(us, UTC)      transaction time: when the source recorded it
data       String                  the payload: the text of one JSON object, as it arrived
metadata   String, nullable        the text of one JSON object, or null
========== ======================= =====================================================================
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Never, Protocol, runtime_checkable

import msgspec
import polars as pl

from eventsource.errors import FrameError
from eventsource.moment import null_outside_calendar, parse_times, time_unit

__all__ = [
    "ENVELOPE",
    "REJECTED",
    "REQUIRED",
    "STORED",
    "TIMESTAMP",
    "Batch",
    "Event",
    "EventLog",
    "OfFiles",
    "Resume",
    "Source",
    "as_line",
    "check",
    "empty",
    "from_dicts",
    "rejected_frame",
]

TIMESTAMP: Final = pl.Datetime("us", "UTC")

ENVELOPE: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "stream": pl.String(),
        "version": pl.Int64(),
        "type": pl.String(),
        "occurred_at": TIMESTAMP,
        "recorded_at": TIMESTAMP,
        "data": pl.String(),
        "metadata": pl.String(),
    }
)
"""What a source yields and `Log.append` takes, in this order."""

STORED: Final = pl.Schema({"position": pl.Int64(), **ENVELOPE})
"""What a log holds: the envelope under its position."""

REQUIRED: Final = ("event_id", "stream", "type", "occurred_at")

REJECTED: Final = pl.Schema(
    {
        "source": pl.String(),  # name of the source
        "file": pl.String(),  # where the line stood; null for an appended frame
        "line": pl.Int64(),  # 1-based; for Parquet the row, 1-based
        "reason": pl.String(),
        "raw": pl.Binary(),  # the bytes as they stood, without the line's end
    }
)
"""What could not be taken, kept aside with its reason."""

_OBJECT: Final = msgspec.json.Decoder(msgspec.defstruct("AnyObject", []))  # skips every member

_JSON: Final = ("data", "metadata")
_TIMES: Final = ("occurred_at", "recorded_at")
_NO_ENDS: Final = str.maketrans("\r\n", "  ")

_OPTIONAL_DEFAULTS: Final = {
    "version": pl.lit(None, pl.Int64),
    "recorded_at": pl.lit(None, TIMESTAMP),  # filled up with occurred_at, as every null is
    "data": pl.lit("{}"),
    "metadata": pl.lit(None, pl.String),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a ``reduce`` function sees it: its payload decoded, its moment in fold order."""

    entity: str
    type: str
    at: datetime
    position: int
    event_id: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some events of a source, and the place to resume after them.

    Args:
        events: a frame of `ENVELOPE`.
        resume: names to 64-bit integers. A pull that starts with this mapping reads what comes
            *after* this batch. The log commits it together with the events.
        rejected: a frame of `REJECTED`.
        read: bytes read from the source for this batch, for progress bars.
        notes: what a person should know, such as a file that was rewritten.
        begun: files that are read from this batch on, and after which line: what was rejected of them
            behind that line is read again, and no longer stands.
    """

    events: pl.DataFrame
    resume: Mapping[str, int]
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))
    read: int = 0
    notes: tuple[str, ...] = ()
    begun: Mapping[str, int] = field(default_factory=dict)


class Resume(Protocol):
    """Where a source goes on: the numbers that its last committed batch gave; a dict is one."""

    def get(self, key: str, /) -> int | None:
        """Return the number under a name, or None."""


@runtime_checkable
class Source(Protocol):
    """Where events come from. Sources read; only the log writes."""

    @property
    def name(self) -> str:
        """A stable name: the same source has the same name tomorrow."""

    @property
    def size(self) -> int | None:
        """Bytes there are to read in all, for progress bars; None where that is not known."""

    def batches(self, resume: Resume) -> Iterator[Batch]:
        """Yield what comes after ``resume`` (``{}``: everything), in order, in bounded memory."""

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Try lines that were once rejected (a frame of `REJECTED`) again, with today's mapping."""


@runtime_checkable
class OfFiles(Protocol):
    """A source of files. A file is the same one, and read once, by whatever path or glob it is named."""

    def files(self) -> list[str]:
        """Return the names under which its files stand in `REJECTED`; none is no error."""


class EventLog(Protocol):
    """What a timeline reads: a `Log`, or the test kit's log in memory."""

    @property
    def path(self) -> str:
        """Where the log is; empty for one in memory."""

    @property
    def identity(self) -> str:
        """What tells it from any other log that ever stood at its path."""

    @property
    def mark(self) -> str:
        """What stands for the events as last seen."""

    def knows(self, mark: str) -> bool | None:
        """Say whether it goes on from a log that had a mark; None: nothing tells."""

    @property
    def head(self) -> int:
        """How many events it holds: the position that the next one will get."""

    def scan(
        self,
        *,
        types: tuple[str, ...] | None = None,
        upto: int | None = None,
        start: int = 0,
    ) -> pl.LazyFrame:
        """Return events with ``start`` <= position < ``upto``, in order of position."""


def empty() -> pl.DataFrame:
    """Return a frame of `ENVELOPE` without rows."""
    return pl.DataFrame(schema=ENVELOPE)


def as_line(event: Mapping[str, Any]) -> bytes:
    """Return a row of `ENVELOPE` as a line that a pull takes back, without its end.

    Payloads stay word by word, but for line breaks between their members; what is null is absent.
    """
    members = {name: event[name] for name in ENVELOPE if event[name] is not None}
    # Outside of its texts JSON takes a blank wherever it takes a line break; inside of them there is none.
    raw = {name: msgspec.Raw(members[name].translate(_NO_ENDS).encode()) for name in _JSON if name in members}
    return msgspec.json.encode({**members, **raw})


def rejected_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return a frame of `REJECTED` from plain rows; members that are missing become null."""
    return pl.DataFrame(rows, schema=REJECTED)


def check(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` as `ENVELOPE`, or raise one error that names every fault.

    Columns may come in any order; ``version``, ``recorded_at`` (default: ``occurred_at``), ``data``
    (default: ``{}``) and ``metadata`` may be absent; others are an error. Times may have any unit or
    zone, and are of the years 1 to 9999; naive ones are UTC; finer digits than microseconds are cut
    off. A null in ``recorded_at`` means ``occurred_at``, a null in ``data`` means ``{}``. ``data`` may
    also be a struct column.

    Raises:
        FrameError: one line per fault: missing or unknown columns, wrong dtypes, nulls, times that
            nobody can have meant, data that is not the text of a JSON object.
    """
    faults = [f"column {name!r} is missing" for name in REQUIRED if name not in frame.columns]
    faults += [
        f"column {name!r} is not part of an event (put it into data or metadata)"
        for name in frame.columns
        if name not in ENVELOPE
    ]
    present = frame.with_columns(
        default.alias(name)
        for name, default in _OPTIONAL_DEFAULTS.items()
        if name not in frame.columns and "occurred_at" in frame.columns
    )
    columns = [_column(present[name], faults) for name in ENVELOPE if name in present.columns]
    if faults:
        _raise(faults)
    taken = pl.DataFrame(columns).with_columns(
        pl.col("recorded_at").fill_null(pl.col("occurred_at")),
        pl.col("data").fill_null("{}"),
    )
    faults += [
        f"column {name!r} has {count} nulls, the first in row {present[name].is_null().arg_max()}"
        for name in REQUIRED
        if (count := present[name].null_count())
    ]
    faults += [fault for name in _TIMES if (fault := _first_impossible(present[name])) is not None]
    faults += _text_faults(taken)
    if faults:
        _raise(faults)
    return taken


def from_dicts(events: list[dict[str, Any]]) -> pl.DataFrame:
    """Return a frame for `check` from plain events, ``data`` and ``metadata`` as dicts or JSON text.

    Times may be `datetime` objects or ISO 8601 texts; a text without a zone is UTC.

    Raises:
        FrameError: a member that an event does not have, or a time that is none.
    """
    columns = {name: [event.get(name) for event in events] for name in ENVELOPE}
    unknown = sorted({name for event in events for name in event} - set(ENVELOPE))
    faults = [f"{name!r} is not part of an event (put it into data or metadata)" for name in unknown]
    series = []
    for name, dtype in ENVELOPE.items():
        values = columns[name]
        if name in ("data", "metadata"):
            values = [_json_text(value) for value in values]
        try:
            series.append(_series(name, values, dtype))
        except (TypeError, ValueError, pl.exceptions.PolarsError, OverflowError) as error:
            faults.append(f"column {name!r}: {error}")
    if faults:
        _raise(faults)
    return pl.DataFrame(series)


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == TIMESTAMP:
        return _times(name, values)
    return pl.Series(name, values, dtype=dtype, strict=True)


def _times(name: str, values: list[Any]) -> pl.Series:
    texts = [value if isinstance(value, str) else None for value in values]
    others = [None if isinstance(value, str) else value for value in values]
    parsed = parse_times(pl.Series(name, texts, pl.String))
    for text, instant in zip(texts, parsed, strict=True):
        if text is not None and instant is None:
            raise ValueError(f"{text!r} is not a time")
    if strange := [value for value in others if not isinstance(value, date | None)]:
        raise TypeError(f"{strange[0]!r} is not a time")
    aware = [
        value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
        for value in others
    ]
    return parsed.fill_null(pl.Series(name, aware, TIMESTAMP))


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _column(column: pl.Series, faults: list[str]) -> pl.Series:
    """Return a column with the envelope's dtype; what does not fit is told to ``faults``."""
    name, dtype = column.name, ENVELOPE[column.name]
    if column.dtype == dtype:
        return column
    if isinstance(column.dtype, pl.Datetime) and dtype == TIMESTAMP:
        micros = null_outside_calendar(column).dt.cast_time_unit("us")  # what is left out is told as a fault
        aware = micros if column.dtype.time_zone else micros.dt.replace_time_zone("UTC")
        return aware.dt.convert_time_zone("UTC")
    if column.dtype == pl.Null or (dtype == pl.Int64 and column.dtype.is_integer()):
        return _cast(column, dtype, faults)
    if name in ("data", "metadata") and isinstance(column.dtype, pl.Struct):
        return column.struct.json_encode()
    if dtype == pl.String and isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return column.cast(pl.String)
    faults.append(f"column {name!r} is {column.dtype}, expected {dtype}")
    return column.clear().cast(dtype, strict=False)


def _cast(column: pl.Series, dtype: pl.DataType, faults: list[str]) -> pl.Series:
    try:
        return column.cast(dtype)
    except pl.exceptions.PolarsError as error:
        faults.append(f"column {column.name!r}: {error}")
        return column.clear().cast(dtype, strict=False)


def _first_impossible(times: pl.Series) -> str | None:
    """Return a sentence about the times outside of the calendar, or None."""
    outside = (times.is_not_null() & null_outside_calendar(times).is_null()).arg_true()
    if not len(outside):
        return None
    number = times.to_physical()[outside[0]]
    which = f"{len(outside)} times outside of the years 1 to 9999, the first in row {outside[0]}: {number}"
    return f"column {times.name!r} has {which} (is {time_unit(times)!r} their unit?)"


def _text_faults(frame: pl.DataFrame) -> list[str]:
    return [fault for name in ("data", "metadata") if (fault := _first_non_object(frame[name])) is not None]


def _first_non_object(texts: pl.Series) -> str | None:
    """Return a sentence about the first text that is not one JSON object, or None."""
    for row, text in enumerate(texts):
        try:
            if text is not None:
                _OBJECT.decode(text)
        except msgspec.DecodeError as error:
            return f"column {texts.name!r} is not a JSON object in row {row}: {error}: {text[:80]!r}"
    return None


def _raise(faults: list[str]) -> Never:
    many = f"{len(faults)} faults" if len(faults) > 1 else "a fault"
    raise FrameError(f"this frame of events has {many}:\n  " + "\n  ".join(faults))
