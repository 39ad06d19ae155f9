"""Lives as JSON in columns: short, and quick to read for a browser.

Events are sorted by entity and time, and rows of a field by entity. Each column is a list of numbers::

    events      at        differences within an entity, in `unit` microseconds
                type      the number of the type in `types`
                recorded  seconds from when it happened to when it was recorded
                position  its position in the log
                id        its event_id; left out where there are many, and where entities have pseudonyms
    a field     entity    how many rows each entity has
                event     the number of the event minus that of the row before; null where no event is known
                from      the moment, only where no event is known
                value     numbers as they are; texts as the number of the text in `texts`; flags as 0 and 1
                known     [row, first stop, last stop] where it is not known from its event's recording on

Entities are left out, the last ids first, where there are more than `MOST_ROWS` rows. Figures count all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from eventsource.board._figures import plain_value
from eventsource.board._lives import Field, Lives

__all__ = ["MOST_ROWS", "in_columns"]

MOST_ROWS: Final = 60_000
_MOST_IDS: Final = 2_500


def in_columns(
    lives: Lives,
    events: pl.DataFrame,
    numbers: Mapping[str, pl.Series],
    *,
    stops: Sequence[int],
    defaults: Mapping[str, Any],
) -> dict[str, Any]:
    """Return lives as JSON.

    Args:
        lives: the lives.
        events: the events of `events_of`.
        numbers: per field, the number of the event of each row.
        stops: the known moments, in microseconds.
        defaults: the value of each field before any event.
    """
    entities, left_out = _entities(lives)
    places = pl.DataFrame({"entity": entities, "place": pl.int_range(len(entities), eager=True)})
    events = events.with_row_index("event").join(places, on="entity").sort("place", "at", "position")
    events = events.with_columns((pl.col("recorded_at") - pl.col("at")).dt.total_seconds().alias("late"))
    order = events.select(
        pl.col("event").cast(pl.Int64), pl.int_range(pl.len()).alias("new"), _first_stop(stops).alias("expected")
    )
    unit = 1000 if all(_is_whole(column) for column in (events["at"], lives.exists["valid_from"])) else 1
    fields = [
        _described(name, field, defaults.get(name))
        | _field(lives.rows[name].with_columns(numbers[name].alias("event")), places, order, unit, len(stops))
        for name, field in lives.fields.items()
    ]
    return {
        "entities": entities.to_list(),
        "left out": left_out,
        "unit": unit,
        "events": _events(events, places, unit),
        "exists": _existence(lives.exists, places, unit, len(stops)),
        "fields": fields,
    }


def _entities(lives: Lives) -> tuple[pl.Series, int]:
    """Return the entities that fit, in natural order (2 before 10), and how many do not."""
    rows = pl.concat([lives.exists.select("entity"), *(rows.select("entity") for rows in lives.rows.values())])
    counts = rows.group_by("entity").len()
    number = pl.col("entity").str.extract(r"(\d+)$").cast(pl.UInt64, strict=False)
    ordered = counts.sort(pl.col("entity").str.replace(r"\d+$", ""), number, "entity", nulls_last=False)
    kept = ordered.filter(pl.col("len").cum_sum() <= MOST_ROWS)
    return kept["entity"], ordered.height - kept.height


def _is_whole(times: pl.Series) -> bool:
    return not bool((times.dt.epoch("us") % 1000 != 0).any())


def _events(events: pl.DataFrame, places: pl.DataFrame, unit: int) -> dict[str, Any]:
    at = pl.col("at").dt.epoch("us") // unit
    types = events["type"].unique().sort()
    found = events.select(
        at=at - at.shift().over("place").fill_null(0),
        type=pl.col("type").replace_strict(types, pl.int_range(len(types), eager=True), return_dtype=pl.Int64),
        recorded="late",
        position="position",
    )
    counts = places.join(events.group_by("entity").len(), on="entity", how="left", maintain_order="left")
    columns = {name: found[name].to_list() for name in found.columns}
    ids = (
        {"id": events["event_id"].to_list()}
        if events.height <= _MOST_IDS and not events["event_id"].has_nulls()
        else {}
    )
    return columns | ids | {"entity": counts["len"].fill_null(0).to_list(), "types": types.to_list()}


def _existence(rows: pl.DataFrame, places: pl.DataFrame, unit: int, stops: int) -> dict[str, Any]:
    kept = rows.join(places, on="entity").sort("place", maintain_order=True)
    return {
        "entity": kept["place"].to_list(),
        "from": (kept["valid_from"].dt.epoch("us") // unit).to_list(),
        "to": (kept["valid_to"].dt.epoch("us") // unit).to_list(),
        "known": _known(kept, pl.lit(0), stops),
    }


def _described(name: str, field: Field, default: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": field.label,
        "form": field.form,
        "says": field.says,
        "denies": field.denies,
        "default": plain_value(default),
    }


def _first_stop(stops: Sequence[int]) -> pl.Expr:
    """Return the first stop at which an event is recorded, from the same numbers as the browser."""
    recorded = pl.col("at").dt.epoch("us") + pl.col("late") * 1_000_000
    return pl.sum_horizontal(recorded > stop for stop in stops).cast(pl.Int64)


def _field(rows: pl.DataFrame, places: pl.DataFrame, order: pl.DataFrame, unit: int, stops: int) -> dict[str, Any]:
    kept = rows.join(places, on="entity").join(order, on="event", how="left", maintain_order="left")
    kept = kept.sort("place", "valid_from", "known_from", maintain_order=True)
    counts = places.join(kept.group_by("place").len(), on="place", how="left", maintain_order="left")
    before = kept["new"].forward_fill().shift().fill_null(0)
    without = kept.with_row_index("row").filter(pl.col("new").is_null())
    return {
        "entity": counts["len"].fill_null(0).to_list(),
        "event": (kept["new"] - before).to_list(),
        "from": without.select("row", pl.col("valid_from").dt.epoch("us") // unit).rows(),
        "known": _known(kept, pl.col("expected").fill_null(0), stops),
    } | _column(kept["value"])


def _column(values: pl.Series) -> dict[str, Any]:
    """Return the values of a field and their kind."""
    if values.dtype == pl.Boolean:
        return {"kind": "flag", "value": values.cast(pl.Int8).to_list()}
    if values.dtype.is_numeric():
        return {"kind": "number", "value": [plain_value(value) for value in values.to_list()]}
    texts = values.cast(pl.String)
    known = texts.drop_nulls().unique().sort()
    codes = texts.replace_strict(known, pl.int_range(len(known), eager=True), return_dtype=pl.Int64)
    return {"kind": "text", "value": codes.to_list(), "texts": known.to_list()}


def _known(kept: pl.DataFrame, expected: pl.Expr, stops: int) -> list[tuple[int, ...]]:
    """Return the rows that are not known from the expected to the last stop, with the stops at which they are."""
    differs = (pl.col("known_from") != expected) | (pl.col("known_to") < stops - 1)
    return kept.with_row_index("row").filter(differs).select("row", "known_from", "known_to").rows()
