"""Durations and sizes as definitions write them: ``10m``, ``2d``, ``4 GB``."""

import re
from datetime import timedelta
from typing import Final

from eventsource.errors import ReportError

__all__ = ["bytes_of", "in_words", "seconds_of"]

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES: Final = {"MB": 10**6, "GB": 10**9}
_DURATION: Final = re.compile(r"(\d{1,9})\s*([smhdw])")
_SIZE: Final = re.compile(r"(\d{1,9})\s*(MB|GB)", re.IGNORECASE)


def seconds_of(text: str) -> int:
    """Return a duration in seconds.

    Raises:
        ReportError: it is not a duration, or not longer than zero.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not seconds:
        raise ReportError(f"expected a duration, got {text!r}", hint='such as "30s", "10m", "24h" or "2d"')
    return seconds


def bytes_of(text: str) -> int:
    """Return a size in bytes.

    Raises:
        ReportError: it is not a size, or zero.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) * _BYTES[found[2].upper()] if found else 0
    if not size:
        raise ReportError(f"expected a size, got {text!r}", hint='such as "500 MB" or "4 GB"')
    return size


def in_words(text: str) -> str:
    """Return a duration in words, such as ``2 days`` for ``2d``."""
    left = timedelta(seconds=seconds_of(text))
    parts = []
    for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)):
        count, left = divmod(left, unit)
        if count:
            name = {86_400: "day", 3600: "hour", 60: "minute", 1: "second"}[int(unit.total_seconds())]
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts)
