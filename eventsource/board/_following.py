"""Charts and tables of the states at each pair of stops: each different one once, and a number for each pair.

Most pairs have the same states, since a moment is known completely some weeks later::

    moments            31 May   30 Jun          the function is called for the states of a, b and c
    known 30 Jun       a        b
    known 31 Jul       a        c               numbers   [[0, 1], [0, 2]]
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from eventsource.board._figures import states_at
from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.presentation import masked, with_event_words

__all__ = ["Drawn", "drawn_at", "plain_charts", "plain_tables"]

_MOST_ROWS: Final = 500
"""Rows of a table at one pair of stops."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a function returned.

    Args:
        values: its different results; None for states without entities, for which it is not called.
        numbers: per known moment and moment, the number of its result.
    """

    values: Sequence[Any]
    numbers: Sequence[Sequence[int]]


def drawn_at(
    histories: Sequence[pl.DataFrame], instants: Sequence[datetime], make: Callable[[pl.DataFrame], Any]
) -> Drawn:
    """Return what a function makes of the states at each instant, as each history knows them."""
    values: list[Any] = []
    seen: dict[tuple[int, int], list[tuple[pl.DataFrame, int]]] = {}
    numbers = []
    for history in histories:
        line = []
        for instant in instants:
            states = states_at(history, instant).drop("valid_from", "valid_to")
            same = seen.setdefault((states.height, int(states.hash_rows().sum())), [])
            number = next((number for frame, number in same if frame.equals(states)), None)
            if number is None:
                number = len(values)
                values.append(make(masked(states)) if states.height else None)
                same.append((states, number))
            line.append(number)
        numbers.append(line)
    return Drawn(values, numbers)


def plain_charts(drawn: Drawn) -> dict[str, Any]:
    """Return charts as JSON: what all specifications share, and what each adds.

    Raises:
        ReportError: the function returned something else than a chart.
    """
    specs: list[Mapping[str, Any] | None] = []
    for value in drawn.values:
        is_chart = callable(getattr(value, "to_dict", None)) and not isinstance(value, pl.DataFrame)
        if value is not None and not is_chart:
            raise ReportError(f"expected a chart, got {type(value).__name__}", hint="board.table(…) takes frames")
        specs.append(None if value is None else _with_short_names(value.to_dict()))
    given = [spec for spec in specs if spec is not None]
    shared = (
        {name: value for name, value in given[0].items() if all(s.get(name) == value for s in given)}
        if given
        else {}
    )
    own = [spec and {name: value for name, value in spec.items() if name not in shared} for spec in specs]
    return {"shared": shared, "specs": own, "numbers": drawn.numbers}


def _with_short_names(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart whose rows are named by numbers: Altair names them by a hash, other at each pair of stops."""
    names = {name: f"rows-{number}" for number, name in enumerate(spec.get("datasets", ()))}

    def renamed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {names.get(key, key): renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    found: dict[str, Any] = renamed(spec)
    return found


def plain_tables(drawn: Drawn, forms: Mapping[str, str]) -> dict[str, Any]:
    """Return tables as JSON: the names of the columns, and per table its rows as texts.

    Raises:
        ReportError: the function returned something else than a frame, or frames of other columns, or a long one.
    """
    tables: list[list[list[str]] | None] = []
    columns: list[str] = []
    for value in drawn.values:
        if value is None:
            tables.append(None)
            continue
        if not isinstance(value, pl.DataFrame):
            raise ReportError(f"expected a frame, got {type(value).__name__}", hint="board.chart(…) takes charts")
        if columns and value.columns != columns:
            raise ReportError(
                f"expected the columns {', '.join(columns)} at each moment, got {', '.join(value.columns)}",
                hint="select(…) the columns that are always there",
            )
        if value.height > _MOST_ROWS:
            raise ReportError(f"expected at most {_MOST_ROWS} rows, got {value.height}", hint="group_by(…) first")
        columns = value.columns
        rows = with_event_words(masked(value))
        tables.append(
            [
                [_text(cell, forms.get(name, "")) for name, cell in row.items()]
                for row in rows.iter_rows(named=True)
            ]
        )
    return {"columns": columns, "tables": tables, "numbers": drawn.numbers}


def _text(value: Any, form: str = "") -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_text, value)) if isinstance(value, list) else formatted(value, form)
