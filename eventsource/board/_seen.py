"""What the readers of a board may see of it: no masked field, pseudonyms of entities, no figure of a few entities.

Figures of small groups, where at least 5 entities must be behind each number::

    stop   entities  premium (count)  share             shown
    1           120               40   0.33             40     0.33
    2           120                3   0.025    ->      < 5    •••       3 = 0.025 of 120
    3             4                2   0.5              < 5    < 5       too few entities in all
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import polars as pl

from eventsource.board._changed import Changed
from eventsource.board._figures import Figure, plain_value
from eventsource.board._lives import Field, Lives
from eventsource.formats import MISSING, OTHER
from eventsource.presentation import MASK, readers, small

__all__ = [
    "ENTITIES",
    "ENTITIES_COLUMN",
    "left_out_by",
    "seen_choice",
    "seen_events",
    "seen_fields",
    "seen_groups",
    "seen_lives",
    "seen_names",
    "seen_value",
    "seen_values",
]

ENTITIES: Final = Figure(pl.len())
"""How many entities are behind a number."""

ENTITIES_COLUMN: Final = "|entities"
"""The column that holds it, in frames of figures."""


def seen_fields(fields: Mapping[str, Field]) -> dict[str, Field]:
    """Return the fields without those that are masked."""
    hides = readers()
    return {name: each for name, each in fields.items() if hides is None or hides.kind(name) != "mask"}


def left_out_by(field: str) -> str:
    """Return what is said in place of figures by a field that is masked; an empty text: they are shown."""
    hides = readers()
    is_masked = hides is not None and hides.kind(field) == "mask"
    return f"Left out for {hides.name}: figures by {field}." if hides is not None and is_masked else ""


def seen_choice(name: str, entity: str) -> tuple[str, str]:
    """Return the field that names entities, none if it is masked, and an entity, perhaps as its pseudonym."""
    hides = readers()
    if hides is None:
        return name, entity
    return "" if hides.kind(name) == "mask" else name, hides.value("entity", entity or None) or ""


def seen_lives(lives: Lives) -> Lives:
    """Return lives with pseudonyms in place of ids and values that have one."""
    hides = readers()
    if hides is None:
        return lives
    rows = {
        name: frame.with_columns(
            hides.series(frame["entity"]), hides.series(frame["value"].alias(name)).alias("value")
        )
        for name, frame in lives.rows.items()
    }
    return replace(lives, rows=rows, exists=lives.exists.with_columns(hides.series(lives.exists["entity"])))


def seen_events(events: pl.DataFrame) -> pl.DataFrame:
    """Return events with pseudonyms of entities, then without their own ids: these may name an entity."""
    hides = readers()
    if hides is None or hides.kind("entity") is None:
        return events
    return events.with_columns(hides.series(events["entity"]), event_id=pl.lit(None, pl.String))


def seen_names(field: str, groups: Sequence[str]) -> list[str]:
    """Return the names of groups, as pseudonyms where the field has these."""
    hides = readers()
    kept = (OTHER, MISSING)
    return [group if hides is None or group in kept else hides.value(field, group) for group in groups]


def seen_value(figure: Figure | Changed, value: Any, entities: int) -> Any:
    """Return a figure of some entities, or what is shown in its place."""
    hides = readers()
    least = hides.smallest_group if hides is not None else 0
    if least <= 1 or value is None:
        return value
    if 0 < entities < least:
        return small(least)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and figure.form in ("", "count") and 0 < value < least:
        return small(least)
    if is_number and figure.form == "share" and 0 < round(value * entities, 6) < least:
        return MASK
    return value


def seen_values(figure: Figure | Changed, name: str, frames: Iterable[pl.DataFrame]) -> list[list[Any]]:
    """Return the values of a figure, per frame and row."""
    return [
        [
            seen_value(figure, plain_value(value), entities)
            for value, entities in zip(frame[name], frame[ENTITIES_COLUMN], strict=True)
        ]
        for frame in frames
    ]


def seen_groups(
    values: dict[str, list[list[list[Any]]]],
    entities: Sequence[Sequence[Sequence[int | None]]],
    figures: Mapping[str, Figure],
) -> dict[str, list[list[list[Any]]]]:
    """Return the figures of groups, with null where a group is too small, or would give away the only one that is.

    Args:
        values: figure → its value per history, instant and group.
        entities: how many entities there are, likewise.
        figures: what the figures are.
    """
    hides = readers()
    if hides is None or hides.smallest_group <= 1:
        return values
    found: dict[str, list[list[list[Any]]]] = {}
    for name, table in values.items():
        found[name] = [
            [
                _seen_row(figures[name], row, [n or 0 for n in counts], hides.smallest_group)
                for row, counts in zip(rows, lines, strict=True)
            ]
            for rows, lines in zip(table, entities, strict=True)
        ]
    return found


def _seen_row(figure: Figure, row: Sequence[Any], counts: Sequence[int], least: int) -> list[Any]:
    """Return the values of the groups at one instant."""
    hidden = {
        n
        for n, (value, count) in enumerate(zip(row, counts, strict=True))
        if value is not None and (0 < count < least or seen_value(figure, value, count) != value)
    }
    others = sorted((count, n) for n, count in enumerate(counts) if count and n not in hidden)
    if len(hidden) == 1 and others:
        hidden.add(others[0][1])
    return [None if n in hidden else value for n, value in enumerate(row)]
