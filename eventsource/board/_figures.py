"""Figures: numbers of all entities, at each pair of a moment and a day on which it was known.

A figure is a Polars aggregation over the states at a moment. The states are those of the history as it was known::

    history known at k            entity  valid_from  valid_to  premium       figure premium.sum()
                                  a       1 Jan       9 Jan     false         3 Jan   0
                                  a       9 Jan       null      true    ->    9 Jan   1
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from eventsource.board._changed import Changed
from eventsource.errors import ReportError
from eventsource.exact_numbers import EXACT_IN_FLOATS
from eventsource.formats import OTHER, check_format, formatted

__all__ = ["Figure", "figures_of", "grouped_values", "plain_value", "values_at"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number about all entities that exist at a moment.

    Args:
        value: a Polars aggregation over the fields of the states, such as ``pl.col("premium").sum()``.
        label: how it is called; default: its name.
        form: how it reads: ``count``, ``share``, ``money PLN`` or ``number``; see `eventsource.formats`.
    """

    value: pl.Expr
    label: str = ""
    form: str = ""


def figures_of(given: Mapping[str, pl.Expr | Figure | Changed]) -> dict[str, Figure | Changed]:
    """Return figures by name; an expression alone is called by its name.

    Raises:
        ReportError: there are none, a name is not an identifier, or a format does not exist.
    """
    if not given:
        raise ReportError("expected figures, got none", hint='figures={"premium": pl.col("premium").sum()}')
    found: dict[str, Figure | Changed] = {}
    for name, each in given.items():
        figure = each if isinstance(each, Figure | Changed) else Figure(each)
        if not name.isidentifier() or not (isinstance(figure, Changed) or isinstance(figure.value, pl.Expr)):
            message = f"figure {name!r}: expected a name with an expression, got {each!r}"
            raise ReportError(message, hint='figures={"premium": pl.col("premium").sum()}')
        try:
            check_format(figure.form)
        except ValueError as error:
            raise ReportError(f"figure {name!r}: {error}", hint='form="share"') from error
        found[name] = replace(figure, label=figure.label or name.replace("_", " ").capitalize())
    return found


def values_at(history: pl.DataFrame, instants: Sequence[datetime], figures: Mapping[str, Figure]) -> pl.DataFrame:
    """Return one row per instant with a column per figure.

    Args:
        history: intervals with ``valid_from`` and ``valid_to``, as `Timeline.history` returns them.
        instants: the moments.
        figures: what to compute.

    Raises:
        ReportError: a figure has a value per entity: expected an aggregation.
    """
    measures = [figure.value.alias(name) for name, figure in figures.items()]
    rows = [states_at(history, instant).select(measures) for instant in instants]
    if any(row.height != 1 for row in rows):
        raise ReportError("expected one value per figure, got one per entity", hint="pl.col(field).sum()")
    return pl.concat(rows, how="vertical_relaxed")


def states_at(history: pl.DataFrame, instant: datetime) -> pl.DataFrame:
    """Return the rows of a history that hold at an instant: the states."""
    is_over = pl.col("valid_to") <= instant
    return history.filter(pl.col("valid_from") <= instant, ~is_over.fill_null(value=False))


def grouped_values(
    histories: Sequence[pl.DataFrame],
    instants: Sequence[datetime],
    by: str,
    figures: Mapping[str, Figure],
    *,
    most: int,
) -> tuple[list[str], dict[str, list[list[list[Any]]]]]:
    """Return the groups of a field, and per figure its value per history, instant and group.

    The ``most`` groups with the most entities at the last instant, as known last, have their names; smaller ones
    are one group, ``other``. A group that no entity is in has null.
    """
    named = [_named_groups(history, by, figures) for history in histories]
    sizes = states_at(named[-1], instants[-1]).group_by(by).len().sort("len", by, descending=[True, False])
    everything = pl.concat([history.select(by) for history in named]).unique().sort(by)[by].to_list()
    order = [*sizes[by].to_list(), *(name for name in everything if name not in set(sizes[by]))]
    groups = order if len(order) <= most else [*order[: most - 1], OTHER]
    kept = pl.when(pl.col(by).is_in(groups)).then(by).otherwise(pl.lit(OTHER)).alias(by)
    measures = [figure.value.alias(name) for name, figure in figures.items()]
    found: dict[str, list[list[list[Any]]]] = {name: [] for name in figures}
    for history in named:
        states = [
            states_at(history, instant).with_columns(kept, pl.lit(stop).alias("|stop"))
            for stop, instant in enumerate(instants)
        ]
        rows = (
            pl.concat(states)
            .group_by("|stop", by)
            .agg(measures)
            .rows_by_key(["|stop", by], unique=True, named=True)
        )
        for name in figures:
            cells = [[rows.get((stop, group), {}).get(name) for group in groups] for stop in range(len(instants))]
            found[name].append([[plain_value(value) for value in line] for line in cells])
    return groups, found


def _named_groups(history: pl.DataFrame, by: str, figures: Mapping[str, Figure]) -> pl.DataFrame:
    """Return the columns that are needed, with the groups as texts."""
    used = {"valid_from", "valid_to", by}.union(*(figure.value.meta.root_names() for figure in figures.values()))
    values = history.select(pl.col(by).unique())
    texts = values.with_columns(
        pl.Series("|text", [formatted(value) for value in values[by].to_list()], pl.String)
    )
    return (
        history.select(column for column in history.columns if column in used)
        .join(texts, on=by, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.col("|text").alias(by))
        .drop("|text")
    )


def plain_value(value: Any) -> Any:
    """Return a value as JSON holds it exactly; a number that JavaScript would round becomes a text."""
    match value:
        case None | bool() | str():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case timedelta():
            return formatted(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _number(value: float | Decimal) -> int | float | str | None:
    if isinstance(value, int):
        return value if abs(value) <= EXACT_IN_FLOATS else str(value)
    if not math.isfinite(value):
        return None
    near = float(value)
    return near if isinstance(value, float) or Decimal(str(near)) == value else str(value)
