"""Times that are spelt in other ways than ISO 8601, as texts that are.

Example::

    2024/01/31 12:00:00                2024-01-31 12:00:00
    20240131T120000Z                   2024-01-31T12:00:00Z
    31/Jan/2024:12:00:00 +0100         2024-01-31T12:00:00+01:00      access logs of web servers
    Wed, 31 Jan 2024 12:00:00 GMT      2024-01-31T12:00:00+00:00      mail and HTTP (RFC 2822)
    Wed Jan 31 12:00:00 2024           2024-01-31T12:00:00            ctime
    2024-01-31 12:00:00,123            2024-01-31 12:00:00.123        logging of Python, log4j
    2024-01-31T12:00+01:00[Europe/…]   2024-01-31T12:00+01:00         Java
    2024-01-31 12:00:00 +0000 UTC      2024-01-31 12:00:00 +0000      Go
    /Date(1706702400000)/              2024-01-31T12:00:00+00:00      .NET

Dates such as 1/2/2024 are not among them: they are in January or in February, so their format must be named.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from operator import itemgetter
from typing import Final

import polars as pl

from eventsource.errors import SourceError

__all__ = ["as_iso", "check_formats", "in_formats"]

_ISO: Final = "%Y-%m-%dT%H:%M:%S%.6f"
_FIRST_YEAR: Final = 1000
"""The first year of four digits."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIRECTIVE: Final = re.compile(r"%[-_0]?[a-zA-Z]")


def as_iso(text: str) -> str | None:
    """Return a time as ISO 8601; None if it is not spelt in one of the known ways."""
    for pattern, read in _SPELLINGS.items():
        if found := pattern.fullmatch(text):
            with suppress(ValueError, TypeError, OverflowError):
                return read(found)
    return None


def check_formats(formats: Iterable[str]) -> None:
    """Raise a `SourceError` if a format has no directive of strftime."""
    for given in formats:
        if not _DIRECTIVE.search(given):
            raise SourceError(f"expected a format of strftime, got {given!r}", hint='time_format="%d.%m.%Y %H:%M"')


def in_formats(texts: pl.Series, formats: Iterable[str]) -> pl.Series:
    """Return times as ISO 8601 that are in one of some formats of strftime; the first that fits counts."""
    found = pl.Series(texts.name, [None] * len(texts), pl.String)
    for given in formats:
        has_zone = any(each in given for each in ("%z", "%Z", "%:z", "%#z"))
        times = texts.str.to_datetime(given, time_unit="us", strict=False, exact=True)
        if "%Y" in given:  # the parser also takes the 24 of 01/02/24 for a year
            times = times.set((times.dt.year() < _FIRST_YEAR).fill_null(value=False), None)
        if has_zone and times.dtype.time_zone is not None:  # type: ignore[attr-defined]  # a Datetime
            times = times.dt.convert_time_zone("UTC")
        spelt = times.dt.strftime(_ISO)
        found = found.fill_null(spelt + "Z" if has_zone else spelt)
    return found


def _dotnet(found: re.Match[str]) -> str:
    return (_EPOCH + timedelta(milliseconds=int(found[1]))).isoformat()


def _access_log(found: re.Match[str]) -> str:
    return datetime.strptime(found[0], "%d/%b/%Y:%H:%M:%S %z").isoformat()


def _ctime(found: re.Match[str]) -> str:
    text = f"{found[1]} {found[2]} {found[4]}"
    return datetime.strptime(text, "%b %d %H:%M:%S %Y").isoformat() + ("Z" if found[3] else "")  # noqa: DTZ007 - no zone


def _mail(found: re.Match[str]) -> str:
    return parsedate_to_datetime(found[0]).isoformat()


_SPELLINGS: Final[Mapping[re.Pattern[str], Callable[[re.Match[str]], str]]] = {
    re.compile(r"(\d{4})/(\d\d)/(\d\d)(.*)"): lambda found: f"{found[1]}-{found[2]}-{found[3]}{found[4]}",
    re.compile(r"(\d{4})(\d\d)(\d\d)[T ](\d\d)(\d\d)(\d\d)(\D.*)?"): lambda found: (
        f"{found[1]}-{found[2]}-{found[3]}T{found[4]}:{found[5]}:{found[6]}{found[7] or ''}"
    ),
    re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d),(\d{1,9})(.*)"): lambda found: (
        f"{found[1]}.{found[2]}{found[3]}"
    ),
    re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+))\[[\w/+-]+\]"): itemgetter(1),
    re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) [A-Z]{1,5}"): itemgetter(1),
    re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} +\d{1,2}) (\d\d:\d\d:\d\d)( UTC| GMT)? (\d{4})"): _ctime,
    re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/"): _dotnet,
    re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"): _access_log,
    re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)? \S+"): _mail,
}
