"""One writer: a process that appends as many of its appends as it is allowed by now."""

import time
from dataclasses import dataclass
from typing import Any, Final

from eventsource.errors import ConcurrencyError, StoreError
from tests.chaos.appends import Append, append_of
from tests.chaos.systems import SYSTEMS, Appender

__all__ = ["Pace", "write"]

_PATIENCE: Final = 300
"""Seconds after which an append that always fails ends the writer."""
_PAUSE: Final = 0.1


@dataclass(frozen=True)
class Pace:
    """Shared numbers that keep the writers and the kills together.

    Args:
        appends: how many appends each writer does.
        size: how many events each has.
        allowed: how many appends each writer may have done by now.
        done: how many appends all writers together have done.
    """

    appends: int
    size: int
    allowed: Any
    done: Any


def write(system: str, where: str, writer: int, pace: Pace) -> None:
    """Append; one whose answer was lost is repeated with the same ids, until the system takes it.

    Args:
        system: a name of `SYSTEMS`.
        where: where it is.
        writer: the number of the writer.
        pace: how many appends there are, and how many may be done by now.
    """
    kind = SYSTEMS[system]()
    append = kind.appender(where, writer)
    for number in range(pace.appends):
        while number >= pace.allowed.value:
            time.sleep(_PAUSE)
        _until_taken(append, append_of(writer, number, size=pace.size, shares=kind.shares))
        with pace.done:
            pace.done.value += 1
    append.flush()


def _until_taken(append: Appender, events: Append) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            append(events)
        except (StoreError, ConcurrencyError) as error:
            is_hot = events.version is None  # a stream that all writers share may change too often
            if time.monotonic() > end or (isinstance(error, ConcurrencyError) and not is_hot):
                raise
            time.sleep(_PAUSE)
        else:
            return
