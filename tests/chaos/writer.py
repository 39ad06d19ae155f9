"""One writer: a process that appends as many of its appends as it is allowed by now."""

import time
from typing import Any, Final

from eventsource.errors import ConcurrencyError, StoreError
from tests.chaos.appends import Append, append_of
from tests.chaos.systems import SYSTEMS, Appender

__all__ = ["write"]

_PATIENCE: Final = 300
"""Seconds after which an append that always fails ends the writer."""
_PAUSE: Final = 0.1


def write(system: str, where: str, writer: int, appends: int, allowed: Any) -> None:
    """Append; one whose answer was lost is repeated with the same ids, until the system takes it.

    Args:
        system: a name of `SYSTEMS`.
        where: where it is.
        writer: the number of the writer.
        appends: how many there are.
        allowed: the shared number of those that may be done by now.
    """
    kind = SYSTEMS[system]()
    append = kind.appender(where, writer)
    for number in range(appends):
        while number >= allowed.value:
            time.sleep(_PAUSE)
        _until_taken(append, append_of(writer, number, shares=kind.shares))
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
