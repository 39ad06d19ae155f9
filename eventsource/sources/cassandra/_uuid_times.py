"""The times that UUIDs hold: ticks of 100 ns since the beginning of the Gregorian calendar."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

__all__ = ["EPOCH", "age_of", "instant_of", "seconds_of", "ticks_before"]

_GREGORIAN: Final = 0x01B21DD213814000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_of(ticks: int) -> float:
    """Return seconds since 1970."""
    return (ticks - _GREGORIAN) / 1e7


def age_of(ticks: int | None) -> float:
    """Return how many seconds ago a time was; 0 if there is none, or if it is ahead of this clock."""
    return 0.0 if ticks is None else max(0.0, time.time() - seconds_of(ticks))


def instant_of(uuid: UUID) -> datetime:
    """Return the time of a UUID, cut to microseconds."""
    return EPOCH + timedelta(microseconds=(uuid.time - _GREGORIAN) // 10)


def ticks_before(delay: float) -> int:
    """Return the ticks that a UUID has which was made so many seconds before now."""
    return _GREGORIAN + int((time.time() - delay) * 1e7)
