"""Which members of raw lines are times, and the format of those that are not in a usual one."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from eventsource.moment import parse_times

__all__ = ["TIMES", "find_times"]

TIMES: Final = re.compile(
    r"occurred|timestamp|time|date|_at$|^at$|^ts$|when|datum|zeit|fecha|hora|heure", re.IGNORECASE
)
"""Names of times."""

_NEARLY_ALL: Final = 0.9
_EPOCH: Final = re.compile(r"\d{10}(\d{3}|\d{6})?(\.\d+)?")
_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S")
_FORMATS: Final = tuple(
    f"{date}{clock}"
    for date in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y")
    for clock in _CLOCKS
)
_NUMBERS: Final = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M")
"""Such numbers are times only where the name says so: an order number may look the same."""
_CENTURIES: Final = range(1900, 2101)


def find_times(columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return name → format of the members that are times; the format is empty where none is needed.

    Of formats that read equally many values, such as ``%d/%m/%Y`` and ``%m/%d/%Y``, the first one counts.

    Args:
        columns: name → values as texts.
    """
    found = {}
    for name, values in columns.items():
        if (form := _format_of_numbers(name, values)) is not None:
            found[name] = form
        elif _are_usual(values):
            found[name] = ""
        elif (form := _best(_FORMATS, values)) is not None:
            found[name] = form
    return found


def _are_usual(values: Sequence[str]) -> bool:
    """Return whether values are times without a format: ISO 8601 and the like, or numbers since 1970."""
    texts = [value for value in values if not value.isdecimal()]
    numbers = sum(bool(_EPOCH.fullmatch(value)) for value in values)
    parsed = parse_times(pl.Series(texts, dtype=pl.String), "UTC").is_not_null().sum() if texts else 0
    return numbers + parsed >= _NEARLY_ALL * len(values)


def _format_of_numbers(name: str, values: Sequence[str]) -> str | None:
    return _best(_NUMBERS, values) if TIMES.search(name) and all(map(str.isdecimal, values)) else None


def _best(formats: Sequence[str], values: Sequence[str]) -> str | None:
    """Return the format that reads most values, if it reads nearly all."""
    counts = [sum(_is_time(value, form) for value in values) for form in formats]
    most = max(counts)
    return formats[counts.index(most)] if values and most >= _NEARLY_ALL * len(values) else None


def _is_time(text: str, form: str) -> bool:
    try:
        return datetime.strptime(text.strip(), form).year in _CENTURIES  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
