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
from eventsource.sources._spellings import as_iso, check_formats, in_formats

__all__ = ["UNITS", "TimeReader"]

UNITS: Final[Mapping[str, int]] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Unit of epoch numbers → how many are one second."""

_NUMBER: Final = re.compile(r"-?[0-9]{9,20}(\.[0-9]{1,20})?")
_NUMBER_WITH_UNIT: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_ZONE: Final = r"(Z|z|(UTC|GMT)( \d{4})?|\)/|\]|\d:\d\d.*[+-]\d\d(:?\d\d)?( [A-Z]+)?)$"
_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(\d{3})?)?)?(?:\.0*)?")
"""A date in digits, perhaps with a clock; as seconds since 1970 the dates are in the years 1970 to 1973."""
_COMMON: Final = ("19", "20")
"""The centuries of dates that are one whatever the rest is: 20240230 is neither a date nor seconds."""
_DATES: Final = ((10**7, 10**8), (19 * 10**10, 21 * 10**10), (10**13, 10**14), (10**16, 10**17))
"""The numbers that may be such dates, without the second one of each pair."""
_MICROS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GUESSES: Final = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))


class TimeReader:
    """Reads times. Times outside the years 1 to 9999 cannot be read.

    Args:
        tz: the zone of texts that name none.
        unit: the unit of epoch numbers; None: by their size, seconds up to 10**11 (the year 5138),
            milliseconds up to 10**14, microseconds up to 10**17, else nanoseconds; numbers such as 19970101,
            199701012359, 19970101235959 and 19970101235959123 are dates.
        formats: formats of strftime; a text or number that is in none of them is read as without formats.
        is_local: whether epoch numbers count from 1970 in the zone, not in UTC.
    """

    def __init__(self, tz: str, unit: str | None, formats: Sequence[str] = (), *, is_local: bool = False) -> None:
        check_formats(formats)
        self.tz, self._unit, self._formats, self._is_local = tz, unit, formats, is_local
        self._digits = _NUMBER_WITH_UNIT if unit else _NUMBER
        self.without_zone = 0
        """Texts so far that named no zone, as `count_without_zone` counts them."""

    def read(self, values: Sequence[Any]) -> pl.Series:
        """Return instants; null where a value is not a time."""
        kinds = set(map(type, values))
        if kinds <= {type(None)}:
            return pl.Series("at", values, TIMESTAMP)
        if self._formats:
            values = self._in_formats(values)
            kinds = set(map(type, values))
        if kinds <= {str, type(None)}:
            texts = pl.Series("at", values, pl.String)
            found = parse_times(texts, self.tz)
            if found.null_count() == texts.null_count():
                return found
            others = (found.is_null() & texts.is_not_null()).arg_true()
            return found.scatter(others, self._spelt_otherwise(texts.gather(others).to_list()))
        if kinds <= {int, type(None)} and not self._is_local:
            with suppress(OverflowError, TypeError):
                numbers = pl.Series("at", values, pl.Int64)
                if self._unit or not _has_dates(numbers):
                    return self._integers(numbers)
        return self._mixed(values)

    def _integers(self, numbers: pl.Series) -> pl.Series:
        """Return epoch numbers as instants, all at once."""
        found = _scaled(UNITS[self._unit or "ns"])
        for most, name in reversed(() if self._unit else _GUESSES):
            found = pl.when(pl.col("at").abs() < most).then(_scaled(UNITS[name])).otherwise(found)
        return null_outside_calendar(numbers.to_frame().select(found.alias("at")).to_series().cast(TIMESTAMP))

    def _mixed(self, values: Sequence[Any]) -> pl.Series:
        """Return values of any kind as instants: texts together, others one by one."""
        texts = pl.Series("at", [value if isinstance(value, str) else None for value in values], pl.String)
        parsed = parse_times(texts, self.tz)
        others = parsed.is_null().arg_true()
        return parsed.scatter(others, self._spelt_otherwise([values[row] for row in others]))

    def _spelt_otherwise(self, given: Sequence[Any]) -> pl.Series:
        """Return values as instants that are not texts of ISO 8601: numbers, and texts of other spellings."""
        values = given if self._unit else list(map(_date_as_text, given))
        is_text = [isinstance(value, str) and not self._digits.fullmatch(value) for value in values]
        numbers = [None if text else self._micros(value) for value, text in zip(values, is_text, strict=True)]
        epoch = pl.Series("at", numbers, pl.Int64).cast(TIMESTAMP)
        found = self._in_zone(epoch) if self._is_local else epoch
        rows = [row for row, text in enumerate(is_text) if text]
        spelt = [as_iso(values[row]) or (None if values[row] is given[row] else values[row]) for row in rows]
        if any(spelt):
            found = found.scatter(rows, parse_times(pl.Series("at", spelt, pl.String), self.tz))
        return found

    def _in_formats(self, values: Sequence[Any]) -> list[Any]:
        """Return the values that are in one of the formats as ISO 8601, others as they are."""
        texts = pl.Series("at", [None if value is None else str(value) for value in values], pl.String)
        found = in_formats(texts, self._formats)
        return [value if text is None else text for value, text in zip(values, found, strict=True)]

    def _in_zone(self, instants: pl.Series) -> pl.Series:
        """Return instants whose digits in UTC are those of a clock in the zone."""
        return parse_times(instants.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f"), self.tz)

    def count_without_zone(self, values: Sequence[Any]) -> None:
        """Add the texts that name no zone to ``without_zone``; the values are those of events."""
        try:
            texts = pl.Series(values, dtype=pl.String, strict=True)
        except (TypeError, OverflowError):  # numbers and datetimes among them
            texts = pl.Series(list(map(self._text, values)), dtype=pl.String)
        if not texts.str.ends_with("Z").all():
            numbers = texts.str.contains(f"^{self._digits.pattern}$")
            if not self._unit and numbers.any():
                maybe = (numbers & texts.str.contains(f"^{_DATE.pattern}$")).arg_true()
                is_number = [_date_as_text(text) is text for text in texts.gather(maybe)]
                numbers = numbers.scatter(maybe, pl.Series(is_number, dtype=pl.Boolean))
            self.without_zone += int((~texts.str.contains(_ZONE) & ~numbers).sum())

    def _text(self, value: Any) -> str | None:
        """Return what a value is if it is read as a text; None: it is a number, or no time."""
        if type(value) not in {int, float}:
            return value if isinstance(value, str) else None
        if self._formats:
            return str(value)
        text = None if self._unit else _date_as_text(value)
        return text if isinstance(text, str) else None

    def _micros(self, value: Any) -> int | None:
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=time_zone(self.tz), fold=0)
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


def _date_as_text(value: Any) -> Any:
    """Return a number such as 19970101, also as a text or a float, as ISO 8601; other values as they are.

    A number that only looks like a date of the years 1900 to 2099, such as 19971301, is not a time: as seconds it
    would be one of 1970. In other years a number of eight digits is a date if there is such a day, and so is one
    with a clock to the second. Numbers of twelve digits are dates of these years only.
    """
    text = f"{value:.0f}" if type(value) is float and value.is_integer() else value
    found = _DATE.fullmatch(str(text)) if type(value) in {int, float, str} else None
    if found is None:
        return value
    year, month, day, hour, minute, second, fraction = found.groups(default="00")
    date_ = f"{year}-{month}-{day}T{hour}:{minute}:{second}" + (f".{fraction}" if found[7] else "")
    if year.startswith(_COMMON):
        return date_
    if found[4] and not found[6]:  # twelve digits: most such numbers are milliseconds of the years until 2001
        return value
    with suppress(ValueError):
        return datetime.fromisoformat(date_).isoformat(timespec="milliseconds")
    return value


def _has_dates(numbers: pl.Series) -> bool:
    return any(bool(numbers.is_between(first, last, closed="left").any()) for first, last in _DATES)


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
