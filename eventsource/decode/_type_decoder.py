"""Decoding the events of one type: their entities, and the members that a plan reads."""

import decimal
from collections.abc import Mapping, Sequence
from itertools import chain, filterfalse
from typing import Any

import msgspec
import polars as pl

from eventsource.decode._envelope import envelope_columns, envelope_values, is_envelope
from eventsource.decode._kinds import split_by_kind
from eventsource.decode._paths import UNSET, PathDecoder
from eventsource.decode._texts import decimal_texts, entity_text
from eventsource.decode.conditions import Condition
from eventsource.errors import FoldError

__all__ = ["TypeDecoder"]


class TypeDecoder:
    """Decodes the events of one type.

    Args:
        name: the event type.
        key: dotted path of the member that names the entity; None: the stream does.
        members: column → (dotted paths, of which the first that is present counts; the dtype that the model asks
            for).
        conditions: which conditions to compute.
        with_payload: whether the whole payload is wanted too, as text.
    """

    def __init__(
        self,
        name: str,
        key: str | None,
        members: Mapping[str, tuple[tuple[str, ...], pl.DataType | None]],
        conditions: Sequence[Condition] = (),
        *,
        with_payload: bool,
    ) -> None:
        self._name, self._key, self._with_payload = name, key, with_payload
        # Decimals are decoded apart from the rest, since a float would lose digits.
        self._plain = {c: paths for c, (paths, dtype) in members.items() if not isinstance(dtype, pl.Decimal)}
        self._decimal = {c: (p, t.scale) for c, (p, t) in members.items() if isinstance(t, pl.Decimal)}
        self._conditions = conditions
        conditional = chain(*(condition.paths for condition in conditions))
        plain = [*chain(*self._plain.values()), *conditional, *(() if key is None else (key,))]
        digits = chain(*(paths for paths, _ in self._decimal.values()))
        self._paths = PathDecoder(filterfalse(is_envelope, plain), float)
        self._digits = PathDecoder(filterfalse(is_envelope, digits), decimal.Decimal)

    def decode(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return a row for each event that has an entity; see `eventsource.decode.columns`.

        Raises:
            FoldError: a key is an object or an array, or a number does not fit any type.
        """
        values = self._values(self._paths, events)
        entity = self._entities(values, events)
        if entity.null_count():
            # Decoded again without them: events that have no entity must not decide a dtype.
            return self.decode(events.filter(entity.is_not_null()))
        columns = [
            entity.alias("entity"),
            *(events[name] for name in ("at", "position", "event_id", "type", "recorded_at")),
        ]
        if self._key is None and events["version"].null_count() < events.height:
            columns.append(events["version"])
        if self._with_payload:
            columns.append(events["data"])
        for column, paths in self._plain.items():
            if len(paths) == 1 and is_envelope(paths[0]):
                columns += envelope_columns(column, events, paths[0])
            else:
                columns += split_by_kind(column, _first_present(paths, values, events))
        columns += self._decimals(events)
        for condition in self._conditions:
            members = {path: _first_present((path,), values, events) for path in condition.paths}
            columns += condition.columns(members, events.height)
        return pl.DataFrame({column.name: column for column in columns})  # conditions may share a mark

    def entities(self, events: pl.DataFrame) -> pl.Series:
        """Return the entity of each event; null: it has none.

        Raises:
            FoldError: a key is an object or an array.
        """
        return self._entities(self._values(self._paths, events), events)

    def _values(self, paths: PathDecoder, events: pl.DataFrame) -> dict[str, list[Any]]:
        try:
            return paths.values(events["data"])
        except msgspec.DecodeError:
            position, error = _first_failure(paths, events)
        raise FoldError(
            f"the payload of the event at position {position} ({self._name}) cannot be decoded: {error}",
            hint="a log never changes an event: correct the source, and pull it into a new log",
        )

    def _entities(self, values: Mapping[str, list[Any]], events: pl.DataFrame) -> pl.Series:
        if self._key is None:
            return events["stream"].alias("entity")
        keys = _first_present((self._key,), values, events)
        try:
            return pl.Series("entity", [entity_text(key) for key in keys], pl.String())
        except TypeError:
            row = next(row for row, key in enumerate(keys) if isinstance(key, dict | list))
        raise FoldError(
            f"expected a text or a number as key {self._key!r} of the event at position "
            f"{events['position'][row]} ({self._name}), got {str(keys[row])[:80]}",
            hint="key= must name a member that identifies one entity",
        )

    def _decimals(self, events: pl.DataFrame) -> list[pl.Series]:
        if not self._decimal:
            return []
        values = self._values(self._digits, events)
        columns = []
        for column, (paths, scale) in self._decimal.items():
            found = _first_present(paths, values, events)
            try:
                columns += split_by_kind(column, decimal_texts(found, scale))
            except (ArithmeticError, TypeError, ValueError) as error:
                row = _first_without_digits(found, scale)
                raise FoldError(
                    f"expected a decimal number in {' or '.join(paths)!r} of {self._name} at position "
                    f"{events['position'][row]}, got {str(found[row])[:80]!r}",
                    hint="leave out dtype= of the field, or correct the events",
                ) from error
        return columns


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


def _first_without_digits(values: Sequence[Any], scale: int) -> int:
    for row, value in enumerate(values):
        try:
            decimal_texts([value], scale)
        except (ArithmeticError, TypeError, ValueError):
            return row
    return 0


def _first_failure(paths: PathDecoder, events: pl.DataFrame) -> tuple[int, str]:
    """Return the position of the first event whose payload cannot be decoded, and why."""
    for row in events.select("position", "data").iter_slices(1):
        try:
            paths.values(row["data"])
        except msgspec.DecodeError as error:
            return int(row["position"][0]), str(error)
    return -1, "cannot be decoded"
