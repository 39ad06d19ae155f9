"""Decoding the events of one type: their entities, and the members that a plan reads."""

import decimal
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import polars as pl

from eventsource.decode._kinds import split_by_kind
from eventsource.decode._paths import UNSET, PathDecoder
from eventsource.decode._texts import decimal_texts, entity_text
from eventsource.errors import FoldError

__all__ = ["TypeDecoder"]


class TypeDecoder:
    """Decodes the events of one type.

    Args:
        name: the event type.
        key: dotted path of the member that names the entity; None: the stream does.
        members: column → (dotted paths, of which the first that is present counts; the dtype that the model asks
            for).
        with_payload: whether the whole payload is wanted too, as text.
    """

    def __init__(
        self,
        name: str,
        key: str | None,
        members: Mapping[str, tuple[tuple[str, ...], pl.DataType | None]],
        *,
        with_payload: bool,
    ) -> None:
        self._name, self._key, self._with_payload = name, key, with_payload
        # Decimals are decoded apart from the rest, since a float would lose digits.
        self._plain = {c: paths for c, (paths, dtype) in members.items() if not isinstance(dtype, pl.Decimal)}
        self._decimal = {c: (p, t.scale) for c, (p, t) in members.items() if isinstance(t, pl.Decimal)}
        keys = () if key is None else (key,)
        self._paths = PathDecoder(chain(*self._plain.values(), keys), float)
        self._digits = PathDecoder(
            [path for paths, _ in self._decimal.values() for path in paths], decimal.Decimal
        )

    def decode(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return a row for each event that has an entity; see `eventsource.decode.columns`.

        Raises:
            FoldError: a key is an object or an array, or a number does not fit any type.
        """
        values = self._values(self._paths, events)
        entity = events["stream"] if self._key is None else self._entities(values[self._key], events)
        if entity.null_count():
            # Decoded again without them: events that have no entity must not decide a dtype.
            return self.decode(events.filter(entity.is_not_null()))
        columns = [
            entity.alias("entity"),
            *(events[name] for name in ("at", "position", "event_id", "type", "recorded_at")),
        ]
        if self._with_payload:
            columns.append(events["data"])
        for column, paths in self._plain.items():
            columns += split_by_kind(column, _first_present(paths, values))
        columns += self._decimals(events)
        return pl.DataFrame(columns)

    def entities(self, events: pl.DataFrame) -> pl.Series:
        """Return the entity of each event; null: it has none.

        Raises:
            FoldError: a key is an object or an array.
        """
        if self._key is None:
            return events["stream"].alias("entity")
        return self._entities(self._values(self._paths, events)[self._key], events)

    def _values(self, paths: PathDecoder, events: pl.DataFrame) -> dict[str, list[Any]]:
        try:
            return paths.values(events["data"])
        except msgspec.DecodeError:
            position, error = _first_failure(paths, events)
        raise FoldError(
            f"the payload of the event at position {position} ({self._name}) cannot be decoded: {error}",
            hint="a log never changes an event: correct the source, and pull it into a new log",
        )

    def _entities(self, values: Sequence[Any], events: pl.DataFrame) -> pl.Series:
        try:
            return pl.Series("entity", [entity_text(value) for value in values], pl.String())
        except TypeError:
            row = next(row for row, value in enumerate(values) if isinstance(value, dict | list))
        raise FoldError(
            f"expected a text or a number as key {self._key!r} of the event at position "
            f"{events['position'][row]} ({self._name}), got {str(values[row])[:80]}",
            hint="key= must name a member that identifies one entity",
        )

    def _decimals(self, events: pl.DataFrame) -> list[pl.Series]:
        if not self._decimal:
            return []
        values = self._values(self._digits, events)
        columns = []
        for column, (paths, scale) in self._decimal.items():
            found = _first_present(paths, values)
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


def _first_present(paths: Sequence[str], values: Mapping[str, list[Any]]) -> list[Any]:
    """Return per event the value at the first path that is present; an explicit null is present."""
    if len(paths) == 1:
        return values[paths[0]]
    rows = zip(*(values[path] for path in paths), strict=True)
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
