"""ISO 8601 texts of one width in UTC, the spelling that most logs have, read as columns of digits.

Example::

    text     2024-02-29T12:30:05.250Z      24 bytes: no fraction has 20, microseconds have 27
    bytes    0123-56-89T12:45:78.012Z      row by row; each column of digits becomes one array
    result   days since 1970 * 86,400 s + 12 h + 30 min + 5 s + 250 ms, as microseconds

A text of this form is a time, a leap second, or no time in any spelling. So only leap seconds and texts of other
forms are left to the readers of other spellings, which are slow.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["fixed_width_times"]

Digits = npt.NDArray[Any]

_WIDTHS: Final = {20: 0, 24: 3, 27: 6}
"""Bytes of a text → digits of its fraction."""
_SEPARATORS: Final = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))
_NUMBERS: Final = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
_DAYS: Final = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_NINE: Final = 9
_FEBRUARY: Final = 2
_LEAP_SECOND: Final = 60
_LEAST: Final = (1, 1, 1, 0, 0, 0)
_MOST: Final = (9999, 12, 31, 23, 59, 59)
_SECONDS: Final = 86_400
_TIMESTAMP: Final = pl.Datetime("us", "UTC")
_MICROS: Final = 1_000_000


def fixed_width_times(texts: pl.Series) -> tuple[pl.Series, Digits] | None:
    """Read texts such as ``2024-02-29T12:30:05.250Z``.

    Returns:
        The instants, null where a text is not one; and the rows that may be times in another spelling: texts of
        another form or another width than most, and leap seconds. None if most texts have another width.
    """
    widths = texts.str.len_bytes()
    width = int(widths.median() or 0)  # type: ignore[arg-type]  # a number
    if width not in _WIDTHS:
        return None
    is_wide = (widths == width).fill_null(value=False).to_numpy()
    rows = np.flatnonzero(is_wide)
    if not len(rows):
        return None
    is_all = len(rows) == len(texts)
    micros, is_time, is_other = _read(texts if is_all else texts.gather(rows), width)
    if is_all and is_time.all():
        return pl.Series(texts.name, micros).cast(_TIMESTAMP), rows[:0]
    found = pl.Series(texts.name, [None], pl.Int64).new_from_index(0, len(texts))
    others = ~is_wide & texts.is_not_null().to_numpy()
    others[rows] = is_other
    return found.scatter(rows[is_time], micros[is_time]).cast(_TIMESTAMP), np.flatnonzero(others)


def _read(texts: pl.Series, width: int) -> tuple[Digits, Digits, Digits]:
    """Return microseconds since 1970, for which of the texts they are right, and which may be spelt otherwise."""
    joined = np.frombuffer(texts.str.join("").item().encode(), np.uint8)
    # One row per byte of the texts, so that each digit of all texts is contiguous.
    rows = np.ascontiguousarray(joined.reshape(len(texts), width).T)
    dot = ((19, "."),) if _WIDTHS[width] else ()
    separators = (*_SEPARATORS, *dot, (width - 1, "Z"))
    digits = rows - np.uint8(ord("0"))  # other characters wrap around to more than 9
    has_form = np.logical_and.reduce([rows[at] == ord(each) for at, each in separators])
    has_form &= (digits[[*_NUMBERS, *range(20, width - 1)]] <= _NINE).all(axis=0)
    micros, is_time, second = _micros(digits, _WIDTHS[width], has_form)
    return micros, is_time, ~has_form | (second == _LEAP_SECOND)


def _micros(digits: Digits, fraction: int, has_form: Digits) -> tuple[Digits, Digits, Digits]:
    """Return microseconds since 1970, where each number is that of a date or of a time, and the seconds."""
    numbers = [_number(digits, 0, 4), *(_number(digits, at, 2) for at in (5, 8, 11, 14, 17))]
    is_time = has_form.copy()
    for least, each, most in zip(_LEAST, numbers, _MOST, strict=True):
        is_time &= (each >= least) & (each <= most)
    year, month, day, hour, minute, second = numbers
    is_leap_year = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last_days = _DAYS[np.where(is_time, month, 1)] - ((month == _FEBRUARY) & ~is_leap_year)
    is_time &= day <= last_days
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = months.astype("M8[D]").astype(np.int64) + (day - 1)
    seconds = days * _SECONDS + hour * 3600 + minute * 60 + second
    fine: Any = _number(digits, 20, fraction) * 10 ** (6 - fraction) if fraction else 0
    return seconds * _MICROS + fine, is_time, second


def _number(digits: Digits, at: int, count: int) -> Digits:
    """Return the numbers that ``count`` digits spell."""
    found: Digits = digits[at].astype(np.int32)
    for each in digits[at + 1 : at + count]:
        found = found * 10 + each
    return found
