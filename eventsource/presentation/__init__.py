"""How answers are shown: labels and formats of fields, and what readers may see.

Charts, frames in notebooks, sentences and boards ask this package. A process shows raw names and values until
`eventsource.notebook` or the run of a report says otherwise (`use`). In the run of a report for an audience that
may not see personal values, these are masked before anything is drawn::

    Timeline(log, Customer)     the names, labels, formats and personal fields of the model become known
    shown(frame)                a column of a personal field reads •••, one with a label is called by it
    masked(frame)               the same without labels and formats, for charts
    with_event_words(frame)     on pages, the event type PlanBought reads "Plan bought"

Numbers are computed from the real values: only what is shown differs.
"""

import json
import os
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec import Struct, field

from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.plan import Plan
from eventsource.presentation._event_types import EventTypes
from eventsource.presentation._looks import PLAIN, Look, Looks, looks_of
from eventsource.presentation._readers import EVERYTHING, MASK, Readers
from eventsource.presentation._small_groups import hidden_rows, small, with_small_groups, without_small_groups

__all__ = [
    "EVERYTHING",
    "MASK",
    "PLAIN",
    "READERS",
    "Look",
    "Looks",
    "Readers",
    "add",
    "is_small",
    "label",
    "look",
    "looks_of",
    "masked",
    "readers",
    "show_frames",
    "shown",
    "shown_value",
    "small",
    "small_text",
    "texts_of_small_rows",
    "timelines",
    "use",
    "with_event_words",
    "without_payloads",
]

READERS: Final = "EVENTSOURCE_READERS"
"""The environment variable that names the file in which a report says for whom it runs."""

_PAYLOADS: Final = ("data", "metadata")
_WITH_FORMAT: Final = (date, timedelta, Decimal, float, int)
"""The types of values that have a format of their own."""
_ENVELOPE: Final = "event_id"
_CELLS: Final = {"value", "before", "after"}
"""Columns of `explain`, `changes` and `diff`: the column ``field`` says of which field their values are."""


class _Process(Struct):
    """What this process knows.

    Args:
        looks: how columns are shown.
        readers: those for whom it runs; None: anybody who runs it.
        is_used: whether labels and formats are shown.
        timelines: all timelines; only where there are readers.
        event_types: the event types of the models.
    """

    looks: Looks
    readers: Readers | None
    is_used: bool = False
    timelines: list[Any] = []
    event_types: EventTypes = field(default_factory=EventTypes)


def _process() -> _Process:
    name = os.environ.get(READERS)
    if not name:
        return _Process(Looks({}), None)
    try:
        members = json.loads(Path(name).read_text(encoding="utf-8"))
        found = Readers.from_dict(members) if members["audience"] else None
        return _Process(Looks(members["fields"]), found, is_used=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(
            f"{READERS}: expected a file of a report, got {name}: {error}", hint=f"unset {READERS}"
        ) from error


_HERE: Final = _process()


def use() -> None:
    """Show labels and formats in this process."""
    _HERE.is_used = True


def add(timeline: Any, plan: Plan) -> None:
    """Take what a model says about its fields; `Timeline` calls it."""
    _HERE.looks.add(plan)
    _HERE.event_types.add(plan)
    if _HERE.readers is not None:
        _HERE.readers.add(plan)
        _HERE.timelines.append(timeline)


def readers() -> Readers | None:
    """Return those for whom this process runs; None: nothing is hidden from them."""
    return _HERE.readers


def timelines() -> list[Any]:
    """Return all timelines of this process; none where it runs for no readers."""
    return [*_HERE.timelines]


def look(column: str) -> Look:
    """Return how a column is shown."""
    return _HERE.looks.of(column) if _HERE.is_used else PLAIN


def label(column: str) -> str:
    """Return how a column is called."""
    return look(column).label or column


def masked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame for a chart: without personal values and small groups that readers may not see."""
    hides = _HERE.readers
    if hides is None:
        return frame
    counted = without_small_groups(frame, hides.counts, hides.smallest_group)
    hidden = hides.hidden(counted.columns)
    return counted.with_columns(hides.series(counted[name], for_chart=True) for name in hidden)


def texts_of_small_rows(frame: pl.DataFrame) -> list[str | None]:
    """Return what is shown in place of the numbers of each row; None: the numbers are shown."""
    hides = _HERE.readers
    if hides is None:
        return [None] * frame.height
    hidden = hidden_rows(frame, hides.counts, hides.smallest_group)
    counts = frame.select(name for name in frame.columns if name in hides.counts).rows()
    is_few = [any(is_small(number) for number in row) for row in counts] or [False] * frame.height
    return [
        None if not is_hidden else small(hides.smallest_group) if few else MASK
        for is_hidden, few in zip(hidden, is_few, strict=True)
    ]


def small_text() -> str:
    """Return what is shown in place of a number of entities that is too small for the readers."""
    hides = _HERE.readers
    return small(hides.smallest_group) if hides is not None and hides.smallest_group else "–"


def is_small(number: Any) -> bool:
    """Return whether a number of entities is too small for the readers."""
    hides = _HERE.readers
    return hides is not None and isinstance(number, int | float) and 0 < number < hides.smallest_group


def shown_value(column: str, value: Any, form: str = "") -> Any:
    """Return a value as readers may see it, as a text in its format where it has one."""
    hides = _HERE.readers
    if hides is not None:
        if column in hides.counts and is_small(value):
            return small(hides.smallest_group)
        if hides.kind(column) is not None:
            return hides.value(column, value)
    form = form or look(column).format
    return formatted(value, form) if form and value is not None else value


def shown(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame for a table: as `masked`, with labels and formats, and without payloads of events."""
    hides = _HERE.readers
    frame = with_event_words(without_payloads(frame))
    if hides is not None:
        frame = with_small_groups(frame, hides.counts, hides.smallest_group)
        frame = _masked_cells(frame, hides)
        frame = frame.with_columns(hides.series(frame[name]) for name in hides.hidden(frame.columns))
    if not _HERE.is_used:
        return frame
    texts = [_as_text(frame[name], look(name).format) for name in frame.columns if look(name).format]
    labels = {name: label(name) for name in frame.columns}
    frame = frame.with_columns(texts)
    return frame.rename(labels) if len(set(labels.values())) == frame.width else frame


def show_frames() -> None:
    """Make the notebook of this process show frames by `shown`; outside of a notebook, do nothing."""
    from eventsource.presentation._notebooks import show_frames as install  # noqa: PLC0415 - it imports this module

    install()


def with_event_words(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose event types are in words on a page; elsewhere code needs them as they are."""
    return _HERE.event_types.in_words(frame) if _is_page() else frame


def without_payloads(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame of events without what is in them: pages show no payloads."""
    payloads = [name for name in _PAYLOADS if name in frame.columns and _ENVELOPE in frame.columns]
    if not payloads or not _is_page():
        return frame
    return frame.with_columns(pl.lit(MASK).alias(name) for name in payloads)


def _is_page() -> bool:
    """Return whether this process makes the page of a report."""
    return bool(os.environ.get(READERS))


def _as_text(values: pl.Series, form: str) -> pl.Series:
    """Return values as texts in a format; null stays null, and so does what the format does not fit."""
    if not (values.dtype.is_numeric() or values.dtype.is_temporal() or form == "event"):
        return values
    texts = [None if value is None else _text(value, form) for value in values.to_list()]
    return pl.Series(values.name, texts, pl.String)


def _text(value: Any, form: str) -> str:
    try:
        return formatted(value, form)
    except (TypeError, ValueError, AttributeError):
        return formatted(value, "" if type(value) in _WITH_FORMAT else "text")


def _masked_cells(frame: pl.DataFrame, hides: Readers) -> pl.DataFrame:
    """Return an answer of `explain`, `changes` or `diff` without the values of fields that are hidden.

    ::

        field  before   after           field  before  after
        name   Ada      Ada L.    ->    name   •••     •••
        orders 3        4               orders 3       4
    """
    if "field" not in frame.columns or not _CELLS & set(frame.columns):
        return frame
    fields = frame["field"].cast(pl.String).to_list()
    if not hides.hidden({field for field in fields if field is not None}):
        return frame
    found = []
    for name in [name for name in frame.columns if name in _CELLS]:
        values = zip(fields, frame[name].to_list(), strict=True)
        seen = [value if field is None else hides.value(field, value) for field, value in values]
        found.append(pl.Series(name, [None if value is None else str(value) for value in seen], pl.String))
    return frame.with_columns(found)
