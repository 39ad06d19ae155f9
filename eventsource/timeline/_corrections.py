"""What was corrected about an entity, when and why: notes for explanations and replays.

An event is read as the last of its corrections says. Three events of one entity, two of them corrected::

    originals   e2  PurchaseMade        notes   e2   corrected 2024-04-10 00:00:00 by k1: typed wrong
                e3  PlanBought                  e3   retracted 2024-04-20 00:00:00 by k2: never paid
    rows        e2  PurchaseMade

A note belongs to a field if the event has, as it arrived or as it is read, a type that the field reads.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.corrections import Corrections
from eventsource.event import CORRECTED, TIMESTAMP, EventLog
from eventsource.index import View
from eventsource.moment import readable_time
from eventsource.plan import Plan

__all__ = ["EntityCorrections", "correction_note"]

_FRAME: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "position": pl.Int64(),
        "correction": pl.String(),
        "correction_id": pl.String(),
        "recorded_at": TIMESTAMP,
        "reason": pl.String(),
    }
)
_MOST_NOTES: Final = 3


class EntityCorrections(Struct, frozen=True):
    """The corrections of the events of one entity that a question sees, the last one of each event.

    Args:
        frame: ``event_id`` and ``position`` of the corrected event, ``correction`` (its type), ``correction_id``,
            ``recorded_at``, ``reason`` of the correction; by ``position``.
        types: position of a corrected event → its types, as it arrived and as it is read.
        moments: position of a corrected event → its earliest moment, in these readings.
        numbers: position of a corrected event → position of its correction.
    """

    frame: pl.DataFrame
    types: Mapping[int, frozenset[str]]
    moments: Mapping[int, datetime]
    numbers: Mapping[int, int]

    @classmethod
    def of(cls, view: View, ids: pl.Series) -> "EntityCorrections":
        """Return the corrections that touch the entity of one id."""
        if view.readings is None:
            return cls(pl.DataFrame(schema=_FRAME), {}, {}, {})
        mine = view.readings.of_originals.of_entities(ids)
        columns = ("position", "event_id", pl.col("type").cast(pl.String), "at")
        rows = pl.concat([mine.removed.select(columns), mine.rows.select(columns)])
        events = rows.group_by("position").agg(
            pl.col("event_id").first(), pl.col("type").unique().alias("types"), pl.col("at").min()
        )
        renamed = {"position": "number", "target": "position", "event_id": "correction_id", "type": "correction"}
        found = events.join(view.readings.table.rename(renamed), on="position").sort("position")
        positions = found["position"].to_list()
        return cls(
            found.select(_FRAME.names()),
            dict(zip(positions, map(frozenset, found["types"].to_list()), strict=True)),
            dict(zip(positions, found["at"].to_list(), strict=True)),
            dict(zip(positions, found["number"].to_list(), strict=True)),
        )

    @property
    def notes(self) -> dict[int, str]:
        """Position of a corrected event → what was done to it, when, by which event, and why."""
        return {row["position"]: correction_note(row) for row in self.frame.iter_rows(named=True)}

    def notes_of_fields(self, plan: Plan, until: datetime | None) -> dict[str, str]:
        """Return, per field that corrections of events up to a moment may have changed, what they did."""
        found = {name: list(self._notes_of(plan, name, until)) for name in plan.fields}
        return {name: _joined(notes) for name, notes in found.items() if notes}

    def _notes_of(self, plan: Plan, name: str, until: datetime | None) -> Iterator[str]:
        rules = plan.only([name]).folded
        for row in self.frame.iter_rows(named=True):
            position = row["position"]
            is_read = any(rule.is_touched_by(type_) for rule in rules for type_ in self.types[position])
            if is_read and (until is None or self.moments[position] <= until):
                yield f"{row['event_id']} {correction_note(row)}"

    def payloads(self, log: EventLog) -> dict[int, str]:
        """Return the payloads of the corrected events as they are read, by position."""
        if not self.numbers:
            return {}
        own = pl.Series(list(self.numbers.values()), dtype=pl.Int64)
        scan = log.scan(start=int(own.min()), upto=int(own.max()) + 1)  # type: ignore[arg-type]  # integers
        events = scan.filter(pl.col("position").is_in(own.implode())).collect()
        return dict(Corrections.among(events, log).in_force().select("position", "data").iter_rows())


def correction_note(row: Mapping[str, Any]) -> str:
    """Return what a row of `EntityCorrections.frame` says: ``corrected 2024-04-10 00:00:00 by k1: typo``."""
    done = "corrected" if row["correction"] == CORRECTED else "retracted"
    why = f": {row['reason']}" if row["reason"] else ""
    return f"{done} {readable_time(row['recorded_at'])} by {row['correction_id']}{why}"


def _joined(notes: list[str]) -> str:
    more = [f"and {len(notes) - _MOST_NOTES:,} more"] if len(notes) > _MOST_NOTES else []
    return "; ".join([*notes[-_MOST_NOTES:], *more])
