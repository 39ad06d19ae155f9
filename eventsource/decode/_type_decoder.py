"""Decoding the events of one type: their entities, and the members that a plan reads."""

import decimal
from collections.abc import Mapping, Sequence
from itertools import chain, filterfalse
from typing import Any, Final

import polars as pl
from msgspec import Struct

from eventsource.decode._envelope import envelope_columns, envelope_values, is_envelope
from eventsource.decode._exact import as_json, columns_of_dtype, exact_decimals, reads_digits
from eventsource.decode._kinds import BAD_KEY, split_by_kind
from eventsource.decode._paths import UNSET, JsonTexts, PathDecoder
from eventsource.decode._texts import entity_text
from eventsource.decode._unfit import Unfit
from eventsource.decode.conditions import Condition

__all__ = ["Reading", "TypeDecoder"]

_NOT_KEYS: Final = frozenset({dict, list, Unfit})


class Reading(Struct, frozen=True):
    """How a member is read.

    Args:
        paths: dotted paths, of which the first that is present counts.
        dtype: the dtype that the model asks for, if any.
        rounding: how values that the dtype does not hold exactly are rounded; None: they are not taken.
    """

    paths: tuple[str, ...]
    dtype: pl.DataType | None
    rounding: str | None


class TypeDecoder:
    """Decodes the events of one type.

    Args:
        key: dotted path of the member that names the entity; None: the stream does.
        members: column → how it is read.
        conditions: which conditions to compute.
        with_payload: whether the whole payload is wanted too, as text.
    """

    def __init__(
        self,
        key: str | None,
        members: Mapping[str, Reading],
        conditions: Sequence[Condition] = (),
        *,
        with_payload: bool,
    ) -> None:
        self._key, self._with_payload = key, with_payload
        self._conditions = conditions
        self._members = dict(members)
        # Decimals and integers are decoded apart from the rest, since a float would lose digits.
        digits = chain(*(reading.paths for reading in members.values() if reads_digits(reading.dtype)))
        plain = chain(*(reading.paths for reading in members.values() if not reads_digits(reading.dtype)))
        keys = () if key is None else (key,)
        conditional = chain(*(condition.paths for condition in conditions))
        self._paths = PathDecoder(filterfalse(is_envelope, [*plain, *conditional, *keys]), float)
        own = list(filterfalse(is_envelope, digits))
        self._digits = PathDecoder(own, decimal.Decimal)
        # Exact decimals are read from their texts, which is faster; elements of arrays are read one by one.
        self._decimals = {
            column: (reading.paths, reading.dtype)
            for column, reading in self._members.items()
            if isinstance(reading.dtype, pl.Decimal)
            and self._digits.has_names_only
            and not any(map(is_envelope, reading.paths))
        }
        self._digits_as_texts = PathDecoder(own if self._decimals else (), str)

    def decode(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return a row for each event that has an entity; see `eventsource.decode.columns`."""
        payloads = JsonTexts(events["data"])
        values = self._paths.values(payloads)
        keys = self._keys(values, events)
        entity = _entities(keys, events)
        if entity.null_count():
            # Decoded again without them: events that have no entity must not decide a dtype.
            return self.decode(events.filter(entity.is_not_null()))
        columns = [entity, *(events[name] for name in ("at", "position", "event_id", "type", "recorded_at"))]
        if keys is not None:
            columns += _bad_keys(keys)
        elif events["version"].null_count() < events.height:
            columns.append(events["version"])
        if self._with_payload:
            columns.append(events["data"])
        exact = self._exact_decimals(payloads, events)
        digits = None
        for column, reading in self._members.items():
            if column in exact:
                columns += exact[column]
            elif reads_digits(reading.dtype):
                digits = self._digits.values(payloads) if digits is None else digits
                columns += _columns(column, reading, digits, events)
            else:
                columns += _columns(column, reading, values, events)
        for condition in self._conditions:
            members = {path: _first_present((path,), values, events) for path in condition.paths}
            columns += condition.columns(members, events.height)
        return pl.DataFrame({column.name: column for column in columns})  # conditions may share a mark

    def _exact_decimals(self, payloads: JsonTexts, events: pl.DataFrame) -> dict[str, list[pl.Series]]:
        """Return the columns of decimals whose values are all exact: the usual case, and faster."""
        if not self._decimals:
            return {}
        values = self._digits_as_texts.values(payloads)
        found = {
            column: exact_decimals(column, _first_present(paths, values, events), dtype)
            for column, (paths, dtype) in self._decimals.items()
        }
        return {column: columns for column, columns in found.items() if columns is not None}

    def entities(self, events: pl.DataFrame) -> pl.Series:
        """Return the entity of each event; null: it has none."""
        keys = None if self._key is None else self._keys(self._paths.values(events["data"]), events)
        return _entities(keys, events)

    def _keys(self, values: Mapping[str, list[Any]], events: pl.DataFrame) -> list[Any] | None:
        """Return the key of each event; None: the stream names the entity."""
        return None if self._key is None else _first_present((self._key,), values, events)


def _entities(keys: Sequence[Any] | None, events: pl.DataFrame) -> pl.Series:
    """Return the entity of each event. One whose key names none is listed under its stream."""
    streams = events["stream"].alias("entity")
    if keys is None:
        return streams
    pairs = zip(keys, streams, strict=True)
    return pl.Series(
        "entity", [entity_text(key) if _is_key(key) else stream for key, stream in pairs], pl.String()
    )


def _bad_keys(keys: Sequence[Any]) -> list[pl.Series]:
    """Return the column of keys that name no entity, if there is one."""
    texts = [None if _is_key(key) else as_json(key) for key in keys]
    return [pl.Series(BAD_KEY, texts, pl.String())] if any(text is not None for text in texts) else []


def _is_key(key: Any) -> bool:
    """Return whether a value can name an entity; absent and null name none, which is not a fault."""
    return key.__class__ not in _NOT_KEYS


def _columns(
    column: str, reading: Reading, values: Mapping[str, list[Any]], events: pl.DataFrame
) -> list[pl.Series]:
    if reading.dtype is not None:
        found = _first_present(reading.paths, values, events)
        return columns_of_dtype(column, found, reading.dtype, reading.rounding)
    if len(reading.paths) == 1 and is_envelope(reading.paths[0]):
        return envelope_columns(column, events, reading.paths[0])
    return split_by_kind(column, _first_present(reading.paths, values, events))


def _first_present(paths: Sequence[str], values: Mapping[str, list[Any]], events: pl.DataFrame) -> list[Any]:
    """Return per event the value at the first path that is present; an explicit null is present.

    Args:
        paths: the paths.
        values: path into the payload → its values.
        events: the events, for paths into their envelope.
    """
    columns = [envelope_values(events, path) if is_envelope(path) else values[path] for path in paths]
    if len(columns) == 1:
        return columns[0]
    rows = zip(*columns, strict=True)
    return [next((value for value in row if value is not UNSET), UNSET) for row in rows]
