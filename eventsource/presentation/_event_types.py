"""Event types in words: the pages of reports show them so, as boards do; notebooks show what code needs."""

import re
from typing import Final

import polars as pl

from eventsource.formats import formatted
from eventsource.plan import Plan

__all__ = ["EventTypes"]

_TYPE: Final = "type"
_ENVELOPE: Final = "event_id"
_SEVERAL_WORDS: Final = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+")


class EventTypes:
    """The event types that this process knows.

    A column ``type`` of rows with an ``event_id`` holds event types. So does any column ``type`` with a type that
    a model names, unless it may be a field. Without a model, all of its values must be words written as one::

        type                events          type             events
        PurchaseMade           366    ->    Purchase made       366        a model names PurchaseMade
        card.expired            12          Card expired         12        so they are all event types

        type                flights         type             flights
        BOEING                 210    ->    BOEING              210        types of something else
    """

    def __init__(self) -> None:
        self._named: set[str] = set()
        self._is_field = False

    def add(self, plan: Plan) -> None:
        """Take the event types and the names of the fields of a model."""
        self._named |= set(plan.types)
        self._is_field |= _TYPE in plan.fields

    def in_words(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a frame whose event types are in words; the very same one where it has none."""
        if _TYPE not in frame.columns or not self._are_event_types(frame):
            return frame
        column = frame[_TYPE].cast(pl.String)
        types = column.drop_nulls().unique()
        words = pl.Series([formatted(each, "event") for each in types], dtype=pl.String)
        return frame.with_columns(column.replace_strict(types, words, default=None, return_dtype=pl.String))

    def _are_event_types(self, frame: pl.DataFrame) -> bool:
        column = frame[_TYPE]
        if not isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
            return False
        if _ENVELOPE in frame.columns:
            return True
        types = column.cast(pl.String).drop_nulls().unique().to_list()
        if self._is_field or not types:
            return False
        if not self._named:
            return all(map(_SEVERAL_WORDS.fullmatch, types))
        return not self._named.isdisjoint(types)
