"""The lives of entities: the values of fields over both axes of time, as rows of columns.

A row says that a field has a value from a moment on, and for which of the known moments this is so::

    history known at stop 0        a  9 Jan – null   premium true
    history known at stop 1        a  9 Jan – 5 Feb  premium true         the cancellation had come in
                                   a  5 Feb – null   premium false

    rows of premium                entity  from    value  known
                                   a       9 Jan   true   0 to 1
                                   a       5 Feb   false  1 to 1

A row that is known from its stop to the last one is not repeated per stop: for each later stop there is only what
differs. Rows of ``exists`` have an end. They say from when to when the entity existed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from eventsource.board._figures import plain_value
from eventsource.errors import ReportError
from eventsource.plan import Plan
from eventsource.presentation import Look
from eventsource.timeline import state_before_events

__all__ = ["Field", "Lives", "defaults_of", "existence", "fields_of", "known_rows"]

_FROM, _TO = "valid_from", "valid_to"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the model, as pages show it.

    Args:
        label: how it is called; default: as the model says, else its name.
        form: how its numbers read, see `eventsource.formats`; default: as the model says.
        says: what a sentence says of an entity, with ``{}`` for the value, such as ``"lived in {}"``.
        denies: what it says of an entity whose flag is false, such as ``"did not have the plan"``.
    """

    label: str = ""
    form: str = ""
    says: str = ""
    denies: str = ""


@dataclass(frozen=True, slots=True)
class Lives:
    """What is known of each entity, at each of the known moments.

    Args:
        fields: the fields that are shown.
        rows: field → its rows: ``entity``, ``valid_from``, ``value``, ``known_from``, ``known_to``.
        exists: likewise, with ``valid_to`` in place of ``value``.
    """

    fields: Mapping[str, Field]
    rows: Mapping[str, pl.DataFrame]
    exists: pl.DataFrame

    @classmethod
    def of(cls, histories: Sequence[pl.DataFrame], fields: Mapping[str, Field]) -> "Lives":
        """Return the lives that histories contain, one per known moment, in the order of these moments."""
        rows = {name: known_rows([_values(history, name) for history in histories], ["value"]) for name in fields}
        return cls(fields, rows, known_rows([existence(history) for history in histories], [_TO]))


def fields_of(given: Mapping[str, Field] | Sequence[str], looks: Mapping[str, Look]) -> dict[str, Field]:
    """Return fields by name, with the labels and formats that the model gives where the board does not.

    Raises:
        ReportError: the model has no such field.
    """
    named = given if isinstance(given, Mapping) else dict.fromkeys(given, Field())
    for name in named:
        if name not in looks:
            raise ReportError(f"unknown field {name!r}", hint=f"the fields are {', '.join(looks)}")
    return {name: replace(each, **_look(name, each, looks[name])) for name, each in named.items()}


def _look(name: str, field: Field, look: Look) -> dict[str, str]:
    label = field.label or look.label or name.replace("_", " ").capitalize()
    return {"label": label, "form": field.form or look.format}


def defaults_of(plan: Plan, history: pl.DataFrame) -> dict[str, Any]:
    """Return the value of each field before any event, in the dtypes that a history of all events has."""
    return state_before_events(plan, history.schema).row(0, named=True)


def existence(history: pl.DataFrame) -> pl.DataFrame:
    """Return from when to when entities existed: intervals of a history that touch become one.

    ::

        a  1 Jan  5 Jan                 a  1 Jan  9 Jan
        a  5 Jan  9 Jan         ->      a  2 Feb  null
        a  2 Feb  null
    """
    begins = (pl.col(_FROM) != pl.col(_TO).shift().over("entity")).fill_null(value=True)
    runs = history.select("entity", _FROM, _TO, begins.cum_sum().alias("run"))
    return (
        runs.group_by("run", maintain_order=True)
        .agg(pl.col("entity").first(), pl.col(_FROM).first(), pl.col(_TO).last())
        .drop("run")
    )


def _values(history: pl.DataFrame, field: str) -> pl.DataFrame:
    """Return the rows of a history at which a field gets another value, or the entity begins to exist."""
    dtype = history.schema[field]
    if dtype.is_nested() or dtype.is_temporal() or dtype == pl.Binary:
        text = pl.col(field).map_elements(_text, return_dtype=pl.String)
        history = history.with_columns(text.alias(field))
    is_new = pl.col(field).ne_missing(pl.col(field).shift().over("entity"))
    begins = (pl.col(_FROM) != pl.col(_TO).shift().over("entity")).fill_null(value=True)
    return history.filter(is_new | begins).select("entity", _FROM, pl.col(field).alias("value"))


def _text(value: Any) -> str | None:
    if isinstance(value, pl.Series | list):
        return ", ".join(str(each) for each in value)
    plain = plain_value(value)
    return None if plain is None else str(plain)


def known_rows(frames: Sequence[pl.DataFrame], values: list[str]) -> pl.DataFrame:
    """Return the rows of several frames, each once, with the first and last frame of each run that it is in."""
    keys = ["entity", _FROM, *values]
    whole = pl.concat(
        [frame.select(*keys, pl.lit(number, pl.Int32).alias("known")) for number, frame in enumerate(frames)],
        how="vertical_relaxed",
    )
    # Neighbours in this order are the same row in the next frame: the known moment minus its rank is constant.
    rank = pl.int_range(pl.len(), dtype=pl.Int32).over(keys, order_by="known")
    runs = whole.with_columns((pl.col("known") - rank).alias("run")).group_by(*keys, "run")
    found = runs.agg(known_from=pl.col("known").min(), known_to=pl.col("known").max()).drop("run")
    return found.sort("entity", _FROM, "known_from", *values, nulls_last=True)
