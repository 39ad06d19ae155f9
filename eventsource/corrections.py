"""Corrections: events that say how an earlier event is read, from their own position on.

A log is append-only, so a correction is an event too. Its type is one of `CORRECTIONS`, and its payload names the
event, its *target*, by ``event_id``. ``$corrected`` replaces the parts that it gives: ``data`` (as a whole),
``type``, ``occurred_at``. ``$retracted`` reads the event as if it had never been. Both may give a ``reason``.

A *reading* is an event as a question reads it: the original, or what the last correction that the question sees
makes of it. Corrections replace parts of the original, so that none depends on the one before::

    position  event_id  type        data                                          problem
    0         e1        Paid        {"amount": 100}
    1         e2        Paid        {"amount": 7}
    2         k1        $corrected  {"event_id": "e1", "data": {"amount": 10}}
    3         k2        $retracted  {"event_id": "e2"}
    4         k3        $corrected  {"event_id": "e1", "type": "Refunded"}
    5         k4        $corrected  {"event_id": "e9"}                            the log has no event 'e9'

    target    reading   the event is read as
    0         -1        Paid {"amount": 100}         by questions that see no correction of it: `ORIGINAL`
    0         2         Paid {"amount": 10}          by those that see k1, but not k3
    0         4         Refunded {"amount": 100}     by those that see k3
    1         -1        Paid {"amount": 7}
    1         3         nothing                      by those that see k2

A correction has no effect if its payload is not of this form, if the log has no such event at a smaller position,
or if that event is a correction itself. What comes later never changes that.
"""

from datetime import datetime
from functools import cached_property
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Struct

from eventsource.errors import FrameError
from eventsource.event import CORRECTED, CORRECTIONS, RETRACTED, STORED, TIMESTAMP, EventLog
from eventsource.moment import parse_times

__all__ = ["ORIGINAL", "READING", "Corrections", "corrected_events", "events_of", "seen_by"]

ORIGINAL: Final = -1
"""The reading of an event that is not corrected; other readings have the position of their correction."""

READING: Final = "|reading"
"""The column of readings."""

_TABLE: Final = pl.Schema(
    {
        "position": pl.Int64(),
        "event_id": pl.String(),
        "type": pl.String(),
        "recorded_at": TIMESTAMP,
        "target_id": pl.String(),
        "target": pl.Int64(),
        "reason": pl.String(),
        "problem": pl.String(),
    }
)
"""What is known of a correction; ``target`` is the position of its target, ``problem`` why it has no effect."""

_NEW: Final = {"new_data": pl.String(), "new_type": pl.String(), "new_occurred_at": TIMESTAMP}
_SHOWN: Final = 80  # characters of a wrong value


class Corrections(Struct, frozen=True, dict=True):
    """Corrections of a log, and the events that they name.

    Args:
        table: one row per correction, by position: ``position``, ``event_id``, ``type``, ``recorded_at``,
            ``target_id``, ``target`` (the position of its target; null: none), ``reason``, ``problem`` (why it has
            no effect; null: it has one), and the parts that it gives.
        originals: their targets, as the log holds them.
    """

    table: pl.DataFrame
    originals: pl.DataFrame

    @classmethod
    def of(cls, log: EventLog, *, start: int = 0, upto: int | None = None) -> "Corrections":
        """Return the corrections with ``start`` <= position < ``upto``; only types are read of other events."""
        return cls.among(log.scan(types=CORRECTIONS, start=start, upto=upto).collect(), log)

    @classmethod
    def among(cls, events: pl.DataFrame, log: EventLog) -> "Corrections":
        """Return the corrections among some events of a log, which may be in any order."""
        own = events.filter(pl.col("type").is_in(CORRECTIONS)).sort("position")
        if not own.height:
            return cls(pl.DataFrame(schema={**_TABLE, **_NEW}), pl.DataFrame(schema=STORED))
        said = pl.DataFrame([_said(*row) for row in own.select("type", "data").iter_rows()], schema=_SAID)
        times = parse_times(said["occurred_at"])
        is_wrong = pl.Series(times.is_null() & said["occurred_at"].is_not_null())
        found = own.select("position", "event_id", "type", "recorded_at").hstack(
            said.select("target_id", "reason", "new_data", "new_type", "occurred_at", "problem").with_columns(
                times.alias("new_occurred_at"), is_wrong.alias("|wrong")
            )
        )
        named = events_of(log, found["target_id"].drop_nulls().unique(), upto=int(own["position"][-1]))
        ids = named.select(
            pl.col("event_id").alias("target_id"),
            pl.col("position").alias("target"),
            pl.col("type").alias("|type"),
        )
        table = found.join(ids, on="target_id", how="left", maintain_order="left").with_columns(
            pl.coalesce("problem", _problem()).alias("problem")
        )
        table = table.with_columns(pl.when(pl.col("problem").is_null()).then("target").alias("target"))
        effective = table.filter(pl.col("problem").is_null())["target"].unique()
        originals = named.filter(pl.col("position").is_in(effective.implode())).sort("position")
        return cls(table.select(*_TABLE, *_NEW), originals.select(STORED.names()))

    @cached_property
    def effective(self) -> pl.DataFrame:
        """The rows of ``table`` that have an effect."""
        return self.table.filter(pl.col("problem").is_null())

    @cached_property
    def readings(self) -> pl.DataFrame:
        """All readings of the targets: `STORED`, and `READING`. A retraction has no row."""
        given = self.effective.filter(pl.col("type") == CORRECTED)
        parts = given.select(pl.col("position").alias(READING), pl.col("target").alias("position"), *_NEW)
        corrected = parts.join(self.originals, on="position", how="inner", maintain_order="left").with_columns(
            pl.coalesce(f"new_{name}", name).alias(name) for name in ("data", "type", "occurred_at")
        )
        originals = self.originals.with_columns(pl.lit(ORIGINAL, pl.Int64).alias(READING))
        return pl.concat([originals, corrected.select(originals.columns)])

    def in_force(self, upto: int | None = None, known_at: datetime | None = None) -> pl.DataFrame:
        """Return the readings of all corrected events by a question: `STORED`, in order of position."""
        seen = seen_by(self.effective, upto, known_at)
        return (
            self.readings.join(
                seen.select(pl.col("position").alias(READING), pl.col("target").alias("position")),
                on=["position", READING],
                how="semi",
            )
            .select(STORED.names())
            .sort("position")
        )


def seen_by(corrections: pl.DataFrame, upto: int | None, known_at: datetime | None) -> pl.DataFrame:
    """Return the last correction of each event that a question sees.

    Args:
        corrections: ``position``, ``target``, ``recorded_at`` of corrections that have an effect, and more.
        upto: only corrections with a smaller position; None: all.
        known_at: only corrections that were recorded up to this moment; None: all.
    """
    if upto is not None:
        corrections = corrections.filter(pl.col("position") < upto)
    if known_at is not None:
        corrections = corrections.filter(pl.col("recorded_at") <= known_at)
    return corrections.sort("position").unique("target", keep="last", maintain_order=True)


def corrected_events(log: EventLog, upto: int | None = None) -> pl.LazyFrame:
    """Return events as they are read now: with their corrections, without those that are retracted.

    The corrections themselves are left out.

    Args:
        log: the log.
        upto: only events and corrections with a smaller position; None: all.
    """
    corrections = Corrections.of(log, upto=upto)
    events = log.scan(upto=upto)
    if not corrections.table.height:
        return events
    others = events.filter(
        ~pl.col("type").is_in(CORRECTIONS), ~pl.col("position").is_in(corrections.effective["target"].implode())
    )
    return others.merge_sorted(corrections.in_force().lazy(), key="position")


def events_of(log: EventLog, ids: pl.Series, *, upto: int) -> pl.DataFrame:
    """Return the events of some ids. Only their files and row groups are read, beside the column of ids."""
    wanted = pl.col("event_id").is_in(ids.implode())
    positions = log.scan(upto=upto).select("position", "event_id").filter(wanted).collect(engine="streaming")
    if not positions.height:
        return pl.DataFrame(schema=STORED)
    first, last = positions.select(pl.col("position").min(), pl.col("position").max().alias("last")).row(0)
    is_named = pl.col("position").is_in(positions["position"].implode())
    return log.scan(start=first, upto=last + 1).filter(is_named).collect()


class _Payload(msgspec.Struct):
    """What a correction says; the text of ``data`` stays as it is, to the last digit."""

    event_id: Any = None
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    type: Any = None
    occurred_at: Any = None
    reason: Any = None


_SAID: Final = {
    "target_id": pl.String(),
    "new_data": pl.String(),
    "new_type": pl.String(),
    "occurred_at": pl.String(),
    "reason": pl.String(),
    "problem": pl.String(),
}
_DECODER: Final = msgspec.json.Decoder(_Payload)


def _said(kind: str, text: str) -> dict[str, str | None]:
    """Return what the payload of a correction says, or what is wrong with it."""
    try:
        payload = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return {"problem": f"its payload cannot be read: {error}"}
    said = {"target_id": _id_text(payload.event_id), "reason": _reason_text(payload.reason)}
    if said["target_id"] is None:
        return {**said, "problem": f"expected the id of an event as event_id, got {_shown(payload.event_id)}"}
    try:
        return said if kind == RETRACTED else {**said, **_given(payload)}
    except FrameError as error:
        return {**said, "problem": str(error)}


def _given(payload: _Payload) -> dict[str, str | None]:
    """Return the parts of the event that a correction replaces.

    Raises:
        FrameError: one of them has a wrong kind.
    """
    data = bytes(payload.data).decode().strip()
    if data == "null":
        data = ""
    if data and not data.startswith("{"):
        raise FrameError(f"expected an object as data, got {data[:_SHOWN]}")
    if payload.type is not None and (not isinstance(payload.type, str) or not payload.type):
        raise FrameError(f"expected an event type as type, got {_shown(payload.type)}")
    if payload.type in CORRECTIONS:
        raise FrameError(f"no event can become a correction: its type is {payload.type!r}")
    if payload.occurred_at is not None and not isinstance(payload.occurred_at, str):
        raise FrameError(f"expected a time as text as occurred_at, got {_shown(payload.occurred_at)}")
    return {"new_data": data or None, "new_type": payload.type, "occurred_at": payload.occurred_at}


def _problem() -> pl.Expr:
    """Return why a correction of the right form has no effect; null: it has one."""
    where = pl.col("target")
    return (
        pl.when("|wrong")
        .then(pl.format("expected a time as occurred_at, got {}", pl.col("occurred_at").str.slice(0, _SHOWN)))
        .when(where.is_null() | (where > pl.col("position")))
        .then(pl.format("the log has no event {} at a smaller position", "target_id"))
        .when(pl.col("|type").is_in(CORRECTIONS))
        .then(pl.format("{} is a correction, and corrections cannot be corrected", "target_id"))
    )


def _id_text(value: Any) -> str | None:
    """Return an id as the log holds it; numbers are ids as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _reason_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _shown(value: Any) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()[:_SHOWN]
