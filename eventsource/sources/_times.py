"""Times of a source: texts, epoch numbers and datetimes, as instants."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import polars as pl

from eventsource.event import TIMESTAMP
from eventsource.moment import parse_times, zone
from eventsource.sources._mapping import UNITS

__all__ = ["Clock"]

_NUMBER: Final = re.compile(r"-?\d{9,20}(\.\d+)?")
_NUMBER_WITH_UNIT: Final = re.compile(r"-?\d{1,20}(\.\d+)?")
_MICROS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = -62_135_596_800 * _MICROS  # 0001-01-01
_LAST: Final = 253_402_300_800 * _MICROS  # 10000-01-01
_GUESSES: Final = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))


class Clock:
    """Reads times.

    Args:
        tz: the zone of texts that name none.
        unit: the unit of epoch numbers; None: by their size, seconds up to 10**11 (the year 5138),
            milliseconds up to 10**14, microseconds up to 10**17, else nanoseconds.
    """

    def __init__(self, tz: str, unit: str | None) -> None:
        self._tz, self._unit = tz, unit
        self._digits = _NUMBER_WITH_UNIT if unit else _NUMBER

    def read(self, values: Sequence[Any]) -> pl.Series:
        """Return instants; null where a value is no time, or one that does not exist."""
        values = list(values)
        if set(map(type, values)) <= {str, type(None)}:
            found = parse_times(pl.Series("at", values, pl.String), self._tz)
            if found.null_count() == values.count(None):
                return found
        texts = [v if isinstance(v, str) and not self._digits.fullmatch(v) else None for v in values]
        numbers = [None if text is not None else self._micros(v) for text, v in zip(texts, values, strict=True)]
        parsed = parse_times(pl.Series("at", texts, pl.String), self._tz)
        return parsed.fill_null(pl.Series("at", numbers, pl.Int64).cast(TIMESTAMP))

    def _micros(self, value: Any) -> int | None:
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=zone(self._tz))
            return (aware - _EPOCH) // timedelta(microseconds=1)
        if isinstance(value, date):
            return self._micros(datetime(value.year, value.month, value.day))  # noqa: DTZ001 - local to the zone
        if value is None or isinstance(value, bool):
            return None
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            return None
        size = abs(number)
        unit = self._unit or next((name for most, name in _GUESSES if size < most), "ns")
        micros = int((number * _MICROS / UNITS[unit]).to_integral_value(rounding="ROUND_FLOOR"))
        return micros if _FIRST <= micros < _LAST else None
