"""Values as people read them: in sentences, on charts, in tables.

=============== ============================== ================================
format          of                             reads
=============== ============================== ================================
``count``       1234                           1,234
``share``       0.4                            40 %
``money``       1234.5                         €1,234.50
``money PLN``   1234.5                         PLN 1,234.50
``number``      0.125                          0.125
``day``         a date or a datetime           30 June 2024
``moment``      a datetime                     30 June 2024, 17:30
``month``       a date or a datetime           June 2024
``duration``    17 days and some hours         17 days
``event``       PremiumPlanBought              Premium plan bought
``more``        20, -20, 0                     20 more than, 20 fewer than, as many as
``rose``        20, -20, 0                     rose, fell, did not change
``a|b``         1, 1234                        1 a, 1,234 b
(none)          any of them                    the format that fits its type
=============== ============================== ================================

A value that is missing reads ``–``.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

__all__ = ["MISSING", "NAMES", "OTHER", "check_format", "formatted"]

MISSING: Final = "–"
"""How a value reads that is missing."""
OTHER: Final = "other"
"""How the group reads that holds all values without a group of their own."""
_CURRENCY: Final = re.compile(r"money ([A-Z]{3})")
_NEXT_WORD: Final = re.compile(r"[a-z0-9](?=[A-Z])|[A-Z](?=[A-Z][a-z])")  # HTTPFailed: HTTP Failed
_SEPARATORS: Final = re.compile("[_. -]+")
_SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£"}
_UNITS: Final = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def formatted(value: Any, name: str = "") -> str:
    """Return a value as a text in a format; without a name, in the one that fits its type.

    Raises:
        ValueError: no format has this name.
    """
    check_format(name)
    if "|" in name:
        one, many = name.split("|", 1)
        return f"{_count(value)} {one if value == 1 else many}"
    if value is None:
        return MISSING
    if currency := _CURRENCY.fullmatch(name):
        sign = _SIGNS.get(currency[1], f"{currency[1]}\u00a0")
        return f"{'−' if value < 0 else ''}{sign}{abs(value):,.2f}"
    return _FORMATS[name or _fitting(value)](value)


def check_format(name: str) -> None:
    """Check the name of a format; an empty one is the format that fits.

    Raises:
        ValueError: no format has this name.
    """
    if name and name not in _FORMATS and "|" not in name and not _CURRENCY.fullmatch(name):
        raise ValueError(f"expected a format, got {name!r}: {', '.join(NAMES)}, money PLN, or one|many")


def _fitting(value: Any) -> str:
    kinds = ((bool, "text"), (int, "count"), (datetime, "moment"), (date, "day"), (timedelta, "duration"))
    found = next((name for kind, name in kinds if isinstance(value, kind)), "text")
    return "number" if isinstance(value, float | Decimal) else found


def _count(value: Any) -> str:
    return f"{value:,}".replace("-", "−")


def _number(value: Any) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".").replace("-", "−")


def _day(value: date) -> str:
    return f"{value.day} {value:%B} {value.year}"


def _moment(value: datetime) -> str:
    return f"{_day(value)}, {value:%H:%M}"


def _duration(value: timedelta) -> str:
    """Return the largest unit that fits, cut off: a wait of 17 days and 7 hours is one of 17 days."""
    for unit, length in _UNITS:
        if count := value // length:
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _event(value: str) -> str:
    """Return the type of an event in words; forms.js does the same on boards."""
    words = _SEPARATORS.sub(" ", _NEXT_WORD.sub(r"\g<0> ", value)).strip().lower()
    return words[:1].upper() + words[1:] if words else value


def _more(value: Any) -> str:
    return "as many as" if not value else f"{_count(abs(value))} {'more' if value > 0 else 'fewer'} than"


def _rose(value: Any) -> str:
    return "did not change" if not value else "rose" if value > 0 else "fell"


_FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    "count": _count,
    "share": lambda value: f"{100 * value:.0f} %",
    "money": lambda value: f"€{value:,.2f}",
    "number": _number,
    "day": _day,
    "moment": _moment,
    "month": lambda value: f"{value:%B} {value.year}",
    "duration": _duration,
    "event": _event,
    "more": _more,
    "rose": _rose,
    "text": str,
}
NAMES: Final = tuple(_FORMATS)
"""The names of the formats."""
