"""Times of a source as instants: texts, epoch numbers and datetimes."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import polars as pl

from eventsource.event import TIMESTAMP
from eventsource.moment import (
    FIRST_MICROSECOND,
    LAST_MICROSECOND,
    null_outside_calendar,
    parse_times,
    time_zone,
)

__all__ = ["UNITS", "TimeReader"]

UNITS: Final[Mapping[str, int]] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Unit of epoch numbers → how many are one second."""

_NUMBER: Final = re.compile(r"-?[0-9]{9,20}(\.[0-9]{1,20})?")
_NUMBER_WITH_UNIT: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_MICROS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GUESSES: Final = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))


class TimeReader:
    """Reads times. Times outside the years 1 to 9999 cannot be read.

    Args:
        tz: the zone of texts that name none.
        unit: the unit of epoch numbers; None: by their size, seconds up to 10**11 (the year 5138),
            milliseconds up to 10**14, microseconds up to 10**17, else nanoseconds.
    """

    def __init__(self, tz: str, unit: str | None) -> None:
        self._tz, self._unit = tz, unit
        self._digits = _NUMBER_WITH_UNIT if unit else _NUMBER

    def read(self, values: Sequence[Any]) -> pl.Series:
        """Return instants; null where a value is not a time."""
        kinds = set(map(type, values))
        if kinds <= {type(None)}:
            return pl.Series("at", values, TIMESTAMP)
        if kinds <= {str, type(None)}:
            found = parse_times(pl.Series("at", values, pl.String), self._tz)
            return found if found.null_count() == values.count(None) else self._mixed(values)
        if kinds <= {int, type(None)}:
            with suppress(OverflowError, TypeError):
                return self._integers(pl.Series("at", values, pl.Int64))
        return self._mixed(values)

    def _integers(self, numbers: pl.Series) -> pl.Series:
        """Return epoch numbers as instants, all at once."""
        found = _scaled(UNITS[self._unit or "ns"])
        for most, name in reversed(() if self._unit else _GUESSES):
            found = pl.when(pl.col("at").abs() < most).then(_scaled(UNITS[name])).otherwise(found)
        return null_outside_calendar(numbers.to_frame().select(found.alias("at")).to_series().cast(TIMESTAMP))

    def _mixed(self, values: Sequence[Any]) -> pl.Series:
        """Return values of any kind as instants: texts together, others one by one."""
        texts = [v if isinstance(v, str) and not self._digits.fullmatch(v) else None for v in values]
        numbers = [None if text is not None else self._micros(v) for text, v in zip(texts, values, strict=True)]
        parsed = parse_times(pl.Series("at", texts, pl.String), self._tz)
        return parsed.fill_null(pl.Series("at", numbers, pl.Int64).cast(TIMESTAMP))

    def _micros(self, value: Any) -> int | None:
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=time_zone(self._tz), fold=0)
            return _inside_calendar((aware - _EPOCH) // timedelta(microseconds=1))
        if isinstance(value, date):
            return self._micros(datetime(value.year, value.month, value.day))  # noqa: DTZ001 - local to the zone
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            return None
        try:
            number = Decimal(str(value))
        except (ArithmeticError, ValueError):
            return None
        size = abs(number)
        unit = self._unit or next((name for most, name in _GUESSES if size < most), "ns")
        seconds = number / UNITS[unit]
        if not -LAST_MICROSECOND < seconds < LAST_MICROSECOND:
            return None
        return _inside_calendar(int((seconds * _MICROS).to_integral_value(rounding="ROUND_FLOOR")))


def _scaled(per_second: int) -> pl.Expr:
    """Return numbers of a unit as microseconds, finer digits cut off; null outside the calendar."""
    if per_second >= _MICROS:
        return pl.col("at") // (per_second // _MICROS)
    factor = _MICROS // per_second
    return pl.when(pl.col("at").is_between(FIRST_MICROSECOND // factor, LAST_MICROSECOND // factor)).then(
        pl.col("at") * factor
    )


def _inside_calendar(micros: int) -> int | None:
    """Return the microseconds; None outside the calendar."""
    return micros if FIRST_MICROSECOND <= micros <= LAST_MICROSECOND else None
