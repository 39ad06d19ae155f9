"""Moments that depend on each other, such as the parameters of a report."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from itertools import pairwise
from typing import Final

import polars as pl

from eventsource.errors import MomentError
from eventsource.moment._instants import Moment, last_instant, parse_moment

__all__ = ["is_reference", "moments_in_order", "moments_of", "references_resolved"]

_RELATIVE: Final = re.compile(
    r"(?:start of (?:the )?(month|quarter|year) of )?([A-Za-z_]\w*)(?:\s*([+-])\s*(\d{1,6})(d|w|mo|q|y))?"
)
_STARTS: Final = {"month": "1mo", "quarter": "1q", "year": "1y"}
_HINT: Final = 'a date such as "2024-06-30", or "as_of - 3mo", "as_of + 1d", "start of quarter of as_of"'


def moments_of(moments: Mapping[str, Moment]) -> dict[str, date | datetime]:
    """Return moments by name, where a text may name another one of them.

    >>> moments_of({"as_of": "2024-06-30", "before": "as_of - 3mo", "since": "start of quarter of as_of"})
    {'as_of': datetime.date(2024, 6, 30), 'before': datetime.date(2024, 3, 30), 'since': datetime.date(2024, 4, 1)}

    A step is a number of ``d`` (days), ``w``, ``mo``, ``q`` or ``y``. Months end early where they must: a month
    before 31 March is 29 February.

    Raises:
        MomentError: a text is neither a moment nor such a name, or moments name each other in a circle.
    """
    found: dict[str, date | datetime] = {}
    for name in moments:
        _resolve(name, moments, found, ())
    return {name: found[name] for name in moments}


def moments_in_order(**moments: Moment) -> list[date | datetime]:
    """Return moments of which none is before the one to its left; a text may name another, as in `moments_of`.

    >>> moments_in_order(as_of="2024-06-30", known_at="as_of + 1d")
    [datetime.date(2024, 6, 30), datetime.date(2024, 7, 1)]

    Raises:
        MomentError: a moment is before the one to its left, or a text is not a moment.
    """
    found = moments_of(moments)
    names = list(found)
    for left, right in pairwise(names):
        if last_instant(found[right]) < last_instant(found[left]):
            raise MomentError(
                f"expected {right} not to be before {left}, {found[left]}, got {found[right]}",
                hint=f"{right}={found[left]} or later, or an earlier {left}",
            )
    return list(found.values())


def references_resolved(values: Mapping[str, object]) -> dict[str, object]:
    """Return values with texts that count from another one of them, such as ``as_of - 3mo``, as ISO 8601 texts.

    Raises:
        MomentError: what such a text counts from is not a moment.
    """
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    found: dict[str, date | datetime] = {}
    for name, text in texts.items():
        if is_reference(text, texts):
            _resolve(name, texts, found, ())
    return {name: found[name].isoformat() if name in found else value for name, value in values.items()}


def is_reference(text: str, names: Collection[str]) -> bool:
    """Return whether a text counts from one of some names, such as ``as_of - 3mo``."""
    relative = _RELATIVE.fullmatch(text.strip())
    return relative is not None and relative[2] in names and bool(relative[1] or relative[3])


def _resolve(
    name: str, moments: Mapping[str, Moment], found: dict[str, date | datetime], asked: tuple[str, ...]
) -> date | datetime:
    if name in found:
        return found[name]
    if name in asked:
        raise MomentError(
            f"{name} depends on itself: {' → '.join((*asked, name))}", hint="give one of them a date"
        )
    value = moments[name]
    relative = _RELATIVE.fullmatch(value.strip()) if isinstance(value, str) else None
    if relative is None:
        found[name] = parse_moment(value)
    elif relative[2] not in moments:
        raise MomentError(f"{name}: expected a moment, got {value!r}", hint=_HINT)
    else:
        found[name] = _moved(_resolve(relative[2], moments, found, (*asked, name)), relative)
    return found[name]


def _moved(moment: date | datetime, relative: re.Match[str]) -> date | datetime:
    start, _, sign, count, unit = relative.groups()
    column = pl.Series([moment])
    if start:
        column = column.dt.truncate(_STARTS[start])
    if sign:
        column = column.dt.offset_by(f"{sign.strip('+')}{count}{unit}")
    moved: date | datetime = column.item()
    return moved
