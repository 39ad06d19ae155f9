"""Reading what a plan names from the events of one type."""

import decimal
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from eventsource.decode._kinds import by_kind, decimal_texts, entity_text
from eventsource.decode._paths import Paths
from eventsource.errors import FoldError

__all__ = ["Reader"]


class Reader:
    """Reads the events of one type.

    Args:
        name: the event type.
        key: dotted path of the member that names the entity; None: the stream does.
        members: column → (dotted path, the dtype asked for).
        whole: whether the whole payload is wanted too, as text.
    """

    def __init__(
        self,
        name: str,
        key: str | None,
        members: Mapping[str, tuple[str, pl.DataType | None]],
        *,
        whole: bool,
    ) -> None:
        self._name, self._key, self._whole = name, key, whole
        self._plain = {c: path for c, (path, dtype) in members.items() if not isinstance(dtype, pl.Decimal)}
        self._exact = {c: (p, t.scale) for c, (p, t) in members.items() if isinstance(t, pl.Decimal)}
        keys = () if key is None else (key,)
        self._paths = Paths([*self._plain.values(), *keys], float)
        self._digits = Paths([path for path, _ in self._exact.values()], decimal.Decimal)

    def read(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return a row per event that belongs to somebody; see `eventsource.decode.payload`.

        Raises:
            FoldError: a key that is an object or array, a number out of every range.
        """
        values = self._values(self._paths, events)
        entity = events["stream"] if self._key is None else self._entities(values[self._key], events)
        if entity.null_count():
            return self.read(events.filter(entity.is_not_null()))  # what is nobody's must not decide a dtype
        columns = [
            entity.alias("entity"),
            *(events[name] for name in ("at", "position", "event_id", "type", "recorded_at")),
        ]
        if self._whole:
            columns.append(events["data"])
        for column, path in self._plain.items():
            columns += by_kind(column, values[path])
        columns += self._decimals(events)
        return pl.DataFrame(columns)

    def _values(self, paths: Paths, events: pl.DataFrame) -> dict[str, list[Any]]:
        try:
            return paths.values(events["data"])
        except msgspec.DecodeError:
            position, error = _culprit(paths, events)
        raise FoldError(f"the payload of the event at position {position} ({self._name}): {error}")

    def _entities(self, values: Sequence[Any], events: pl.DataFrame) -> pl.Series:
        try:
            return pl.Series("entity", [entity_text(value) for value in values], pl.String())
        except TypeError:
            row = next(row for row, value in enumerate(values) if isinstance(value, dict | list))
        raise FoldError(
            f"the event at position {events['position'][row]} ({self._name}) names its entity by "
            f"{self._key!r} = {str(values[row])[:80]}, which is not a text or a number",
            hint="key= must lead to a member that identifies one entity",
        )

    def _decimals(self, events: pl.DataFrame) -> list[pl.Series]:
        if not self._exact:
            return []
        values = self._values(self._digits, events)
        columns = []
        for column, (path, scale) in self._exact.items():
            try:
                columns += by_kind(column, decimal_texts(values[path], scale))
            except (ArithmeticError, TypeError, ValueError) as error:
                row = _first_without_digits(values[path], scale)
                raise FoldError(
                    f"{path!r} of {self._name} at position {events['position'][row]} is no decimal: "
                    f"{str(values[path][row])[:80]!r}",
                    hint="leave its dtype out, or mend the log",
                ) from error
        return columns


def _first_without_digits(values: Sequence[Any], scale: int) -> int:
    for row, value in enumerate(values):
        try:
            decimal_texts([value], scale)
        except (ArithmeticError, TypeError, ValueError):
            return row
    return 0


def _culprit(paths: Paths, events: pl.DataFrame) -> tuple[int, str]:
    """Return the position of the first event whose payload cannot be decoded, and why."""
    for row in events.select("position", "data").iter_slices(1):
        try:
            paths.values(row["data"])
        except msgspec.DecodeError as error:
            return int(row["position"][0]), str(error)
    return -1, "cannot be decoded"
