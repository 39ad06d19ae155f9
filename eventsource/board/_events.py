"""The events behind the values: which one set each, when it happened, and when it was recorded."""

from collections.abc import Mapping, Sequence

import polars as pl

from eventsource.board._lives import Lives
from eventsource.moment import Moment
from eventsource.timeline import Timeline

__all__ = ["events_of"]

_KEYS = ["entity", "valid_from"]


def events_of(
    timeline: Timeline, lives: Lives, known: Sequence[Moment], *, upto: int | None
) -> tuple[pl.DataFrame, Mapping[str, pl.Series]]:
    """Return the events that set values, and per field the number of each row's event; null where there is none.

    A row is what is known at some stops. Its event is looked up at the last of these::

        row      a  premium  5 Feb  false   known at 1 to 3
        asked    changes("premium", entity="a", known_at=stop 3)       position 17

    Returns:
        ``entity``, ``at``, ``type``, ``recorded_at``, ``position``, ``event_id``; sorted by ``entity``, ``at``,
        ``position``. The series of a field has a number per row of `Lives.rows`.
    """
    found = {name: _changes(timeline, name, rows, known, upto) for name, rows in lives.rows.items()}
    used = pl.concat([each.drop_nulls("position") for each in found.values()]).unique(["entity", "position", "at"])
    recorded = timeline.log.scan(upto=upto).select("position", "recorded_at").collect()
    events = (
        used.join(recorded, on="position", how="left")
        .select("entity", "at", "type", "recorded_at", "position", "event_id")
        .sort("entity", "at", "position")
    )
    numbers = events.select("entity", "position", "at", pl.int_range(pl.len()).alias("event"))
    rows = {
        name: each.join(numbers, on=["entity", "position", "at"], how="left", maintain_order="left")["event"]
        for name, each in found.items()
    }
    return events, rows


def _changes(
    timeline: Timeline, field: str, rows: pl.DataFrame, known: Sequence[Moment], upto: int | None
) -> pl.DataFrame:
    """Return the change behind each row, in the order of the rows."""
    numbered = rows.select("entity", "valid_from", "known_to").with_row_index("row")
    parts = []
    for (stop,), asked in numbered.group_by("known_to"):
        is_last = stop == len(known) - 1
        changes = timeline.changes(
            field,
            entity=None if is_last else asked["entity"].unique().sort(),
            known_at=known[int(str(stop))],
            upto=upto,
        )
        last = changes.select("entity", pl.col("at").alias("valid_from"), "at", "position", "event_id", "type")
        last = last.unique(_KEYS, keep="last", maintain_order=True)
        parts.append(asked.join(last, on=_KEYS, how="left"))
    return pl.concat(parts).sort("row")
