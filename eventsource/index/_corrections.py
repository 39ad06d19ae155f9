"""Decoded corrections: what an index holds of them, and which rows a question reads instead of others.

Runs hold events as they arrived. All readings of corrected events are beside them, decoded like any event. There
are few, so a question decides in a small table which of them it reads. In the order of positions::

    runs               0   1   2   3   5               2 and 3 are corrected, 3 was of no relevant type
    table              position 4, target 2            a correction of event 2
                       position 6, target 3            an event of a relevant type now
                       position 7, target 2            event 2 is retracted
    rows               2 reading -1, 2 reading 4, 3 reading 6

    seen up to 4       0   1   2   3   5               the original of 2
    seen up to 6       0   1   2'  3   5               instead of 2: reading 4
    seen up to 8       0   1   3'  5                   no row of 2, since 7 has none; and 3 in reading 6

Parts hold events as they are read with all corrections up to some position, `Part.corrected`. A question that sees
other ones reads the rows that differ instead, see `Readings.instead_of`. Where a part has taken in all
corrections, a question that sees them all has no extra work.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final

import polars as pl
from msgspec import Struct, field
from msgspec.structs import replace

from eventsource.corrections import ORIGINAL, READING, seen_by
from eventsource.decode import (
    Clustered,
    ColumnFacts,
    column_facts,
    merge_events,
)
from eventsource.event import TIMESTAMP

__all__ = [
    "KNOWN_FROM",
    "KNOWN_UNTIL",
    "NO_CORRECTIONS",
    "DecodedCorrections",
    "Readings",
    "Replacement",
]

KNOWN_FROM: Final = "known_from"
"""The column that says from when on a reading was known, if not from ``recorded_at`` on."""
KNOWN_UNTIL: Final = "known_until"
"""The column that says when another reading replaced one; null: it is the last one."""

_TABLE: Final = pl.Schema(
    {
        "position": pl.Int64(),
        "target": pl.Int64(),
        "recorded_at": TIMESTAMP,
        "event_id": pl.String(),
        "type": pl.String(),
        "reason": pl.String(),
    }
)


class Replacement(Struct, frozen=True):
    """Rows that a question reads instead of others.

    Args:
        targets: the positions of the events that are read in another way.
        removed: their rows that must not be read, in parts.
        rows: the rows that are read instead, of those events that are of a relevant type then.
    """

    targets: pl.Series
    removed: pl.DataFrame
    rows: pl.DataFrame

    def between(self, first: str, below: str | None) -> "Replacement":
        """Return the rows of the entities ``first`` <= id < ``below``; None: no upper bound."""
        mine = pl.col("entity") >= first
        return self._only(mine if below is None else mine & (pl.col("entity") < below))

    def of_entities(self, ids: pl.Series) -> "Replacement":
        """Return the rows of some entities."""
        return self._only(pl.col("entity").is_in(ids.implode()))

    def merge(self, base: Clustered, newer: Clustered | None) -> Clustered:
        """Return the events of a part as the question reads them.

        Args:
            base: events of the part.
            newer: events of the same entities at greater positions, as they arrived; None: there are none.
        """
        rows = [self.rows]
        if newer is not None and len(newer):
            rows.append(newer.table.filter(~pl.col("position").is_in(self.targets.implode())))
        tail = Clustered.from_events(pl.concat(rows, how="diagonal"))
        return merge_events(base, tail, without=self.removed["position"])

    def apply_to_rows(self, events: pl.LazyFrame, condition: pl.Expr) -> pl.LazyFrame:
        """Return decoded events as the question reads them, in no order.

        Args:
            events: those that meet a condition.
            condition: which events are wanted, as they are read.
        """
        others = events.filter(~pl.col("position").is_in(self.targets.implode()))
        return pl.concat([others, self.rows.lazy().filter(condition)], how="diagonal")

    def _only(self, condition: pl.Expr) -> "Replacement":
        return replace(self, removed=self.removed.filter(condition), rows=self.rows.filter(condition))


class Readings(Struct, frozen=True, dict=True):
    """The corrections that a question sees.

    Args:
        known: all corrections of the index.
        table: the last correction of each event that the question sees; see `DecodedCorrections`.
        is_latest: whether the question sees all corrections.
        over_time: for questions that see what was known at many moments: all readings of these events, with
            `KNOWN_FROM` and `KNOWN_UNTIL`; None: only the last ones are read.
    """

    known: "DecodedCorrections"
    table: pl.DataFrame
    is_latest: bool
    over_time: pl.DataFrame | None = None
    _instead: dict[int, Replacement | None] = field(default_factory=dict)

    @cached_property
    def of_originals(self) -> Replacement:
        """What is read instead of events as they arrived."""
        return self.instead_of(0) or Replacement(
            self.table["target"], self.known.rows.clear(), self.known.rows.clear()
        )

    @cached_property
    def unread(self) -> pl.DataFrame:
        """The rows of corrected events, in any reading, that the question does not read; over time: all rows."""
        if self.over_time is not None:
            return self.known.rows
        read = self.table.select(pl.col("target").alias("position"), pl.col("position").alias(READING))
        return self.known.rows.join(read, on=["position", READING], how="anti")

    def instead_of(self, corrected: int) -> Replacement | None:
        """Return what is read instead of events as they are read with all corrections before a position.

        Three events are corrected: event 2 by 4, later by 7; event 3 by 6. A part has taken in those before 5; the
        question sees those before 7::

            target       2    3
            held         4    -1       the reading that the part holds: before 5
            wanted       4    6        the reading that the question reads: before 7
            targets           3        where they differ
        """
        if corrected not in self._instead:
            self._instead[corrected] = self._replacement(corrected)
        return self._instead[corrected]

    def _replacement(self, corrected: int) -> Replacement | None:
        held = seen_by(self.known.table, corrected, None).select("target", pl.col("position").alias("held"))
        if self.over_time is not None:
            return self._replacement_over_time(held, self.over_time)
        wanted = self.table.select("target", pl.col("position").alias("wanted"))
        both = held.join(wanted, on="target", how="full", coalesce=True).fill_null(ORIGINAL)
        differing = both.filter(pl.col("held") != pl.col("wanted"))
        if not differing.height:
            return None
        removed, rows = (self.known.readings(differing.select("target", name)) for name in ("held", "wanted"))
        return Replacement(differing["target"], removed, rows)

    def _replacement_over_time(self, held: pl.DataFrame, over_time: pl.DataFrame) -> Replacement | None:
        """Return all readings instead of those that a part holds; originals instead of what is not seen."""
        seen = self.table.select(pl.col("target").unique())
        both = seen.join(held, on="target", how="full", coalesce=True).fill_null(ORIGINAL)
        if not both.height:
            return None
        unseen = held.join(seen, on="target", how="anti").select(
            "target", pl.lit(ORIGINAL, pl.Int64).alias("reading")
        )
        rows = pl.concat([over_time, self.known.readings(unseen)], how="diagonal")
        return Replacement(both["target"], self.known.readings(both.select("target", "held")), rows)


class DecodedCorrections(Struct, frozen=True, dict=True):
    """The corrections of a log that have an effect, and all readings of their targets.

    Args:
        table: one row per correction, by position: ``position``, ``target`` (the position of the event that it
            corrects), ``recorded_at``, ``event_id``, ``type``, ``reason``.
        rows: decoded events, and `READING`: the originals and the readings, where their type is relevant.
    """

    table: pl.DataFrame
    rows: pl.DataFrame

    def last_recorded_at(self, upto: int) -> datetime | None:
        """Return when the latest of the corrections before a position was recorded; None: there are none."""
        return self.table.filter(pl.col("position") < upto).select(pl.col("recorded_at").max()).item()  # type: ignore[no-any-return]  # a moment

    @cached_property
    def columns(self) -> Mapping[str, ColumnFacts]:
        """The columns of payload members that any reading has, and what is known of their values."""
        return column_facts(self.rows)

    @property
    def types(self) -> set[str]:
        """The event types that any reading has."""
        return set(self.rows["type"].cast(pl.String).unique()) if self.rows.height else set()

    def extended(self, later: "DecodedCorrections") -> "DecodedCorrections":
        """Return these corrections and later ones."""
        if not later.table.height:
            return self
        if not self.table.height:
            return later
        known = pl.col("position").is_in(self.table["target"].implode())
        new = later.rows.filter((pl.col(READING) != ORIGINAL) | ~known)
        return DecodedCorrections(
            pl.concat([self.table, later.table]), pl.concat([self.rows, new], how="diagonal")
        )

    def readings(self, chosen: pl.DataFrame) -> pl.DataFrame:
        """Return the decoded rows of some readings: ``target``, and the position of the reading's correction."""
        target, reading = chosen.columns
        renamed = chosen.rename({target: "position", reading: READING})
        return self.rows.join(renamed, on=["position", READING], how="semi").drop(READING)

    def seen(self, upto: int, known_at: datetime | None) -> Readings | None:
        """Return the corrections that a question sees; None: the log has none."""
        if not self.table.height:
            return None
        last = self.table.select(pl.col("position").max(), pl.col("recorded_at").max().alias("at")).row(0)
        if last[0] < upto and (known_at is None or last[1] <= known_at):
            return self.latest
        return Readings(self, seen_by(self.table, upto, known_at), is_latest=False)

    @cached_property
    def latest(self) -> Readings:
        """All corrections."""
        return Readings(self, seen_by(self.table, None, None), is_latest=True)

    def over_time(self, upto: int, known_at: datetime | None) -> Readings | None:
        """Return all readings that were known at some time; None: the log has no corrections.

        Of several corrections of an event, the one of the greatest position counts, of those that were recorded.
        Three corrections of an event that was recorded at 01::

            position of the correction   original   10    20    30
            recorded_at                  01         05    09    07
            known from                   01         05    09    07
            known until                  05         07    07    null     the earliest of those at greater positions

        The reading of 20 was never known: when it was recorded, 30 had replaced it.
        """
        if not self.table.height:
            return None
        table = self.table.filter(pl.col("position") < upto)
        if known_at is not None:
            table = table.filter(pl.col("recorded_at") <= known_at)
        keys = (pl.col("target").alias("position"), pl.col("position").alias(READING))
        recorded = pl.col("recorded_at")
        replaced = recorded.shift(-1).cum_min(reverse=True).over("target", order_by="position")
        corrected = table.select(*keys, recorded.alias("|from"), replaced.alias(KNOWN_UNTIL))
        first = table.group_by(pl.col("target").alias("position")).agg(recorded.min().alias(KNOWN_UNTIL))
        spans = pl.concat([corrected, first.with_columns(pl.lit(ORIGINAL).alias(READING))], how="diagonal_relaxed")
        rows = self.rows.join(spans.cast({READING: pl.Int64()}), on=["position", READING])
        rows = rows.with_columns(pl.max_horizontal("recorded_at", "|from").alias(KNOWN_FROM)).drop("|from")
        return Readings(self, table, is_latest=False, over_time=rows.drop(READING))

    def entities_since(self, position: int, upto: int, known_at: datetime | None) -> pl.Series:
        """Return the entities that corrections from a position on may have touched, in any reading."""
        seen = self.table.filter(pl.col("position") >= position, pl.col("position") < upto)
        if known_at is not None:
            seen = seen.filter(pl.col("recorded_at") <= known_at)
        rows = self.rows.filter(pl.col("position").is_in(seen["target"].implode()))
        return rows["entity"].unique().sort()


_NO_ROWS: Final = pl.Schema({"entity": pl.String(), "position": pl.Int64(), READING: pl.Int64()})

NO_CORRECTIONS: Final = DecodedCorrections(pl.DataFrame(schema=_TABLE), pl.DataFrame(schema=_NO_ROWS))
"""What an index holds of a log without corrections."""
