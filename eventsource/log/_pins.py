"""Pins: positions at which processes read logs, so that all numbers of a report come from one state of each log.

A report writes a file of pins and names it in the environment of its notebook. Every `Log` that the notebook opens
obeys it::

    EVENTSOURCE_PINS=/tmp/x/pins.json        {"/data/log": {"position": 11908, "at": "2026-11-27T06:00:00+00:00"},
                                              "/tmp/own":  null}

    /data/log   the log ends at position 11,908, whatever is appended; lines that were rejected later are not shown
    /tmp/own    it was empty when it was opened: the notebook fills it itself, so it is read as it is
    another     is pinned at its end when it is opened first, and added to the file

Appending to a pinned log works; what is new comes after the pin. Without the variable nothing is pinned.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from eventsource.atomic_write import atomic_write
from eventsource.errors import LogError

__all__ = ["PINS", "Pin", "pin_of", "read_pins", "write_pins"]

PINS: Final = "EVENTSOURCE_PINS"
"""The environment variable that names the file of pins."""

_LOCK: Final = Lock()


class Pin(Struct, frozen=True):
    """Where a log is pinned.

    Args:
        position: only events before it exist; 0 or more.
        at: only lines rejected up to this moment exist; with an offset from UTC.
    """

    position: Annotated[int, Meta(ge=0)]
    at: Annotated[datetime, Meta(tz=True)]


def read_pins(file: Path) -> dict[str, Pin | None]:
    """Return the pins of a file: the absolute path or URL of a log to its pin, or None for one that has none.

    Raises:
        LogError: the file cannot be read, or is not a file of pins.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Pin | None])
    except (OSError, ValueError, RecursionError) as error:
        raise LogError(
            f"{PINS}: expected a file of pins, got {file}: {error}", hint=f"unset {PINS}, or run the report again"
        ) from error


def write_pins(file: Path, pins: Mapping[str, Pin | None]) -> None:
    """Write a file of pins as a whole."""
    with atomic_write(file, is_private=True) as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(pins, order="sorted"), indent=1))


def pin_of(base: str, head: Callable[[], int]) -> Pin | None:
    """Return the pin of a log in this process; None: it is read as it is.

    Args:
        base: its absolute path or URL.
        head: gives the position of its next event.

    Raises:
        LogError: the environment names a file that is not one of pins.
    """
    name = os.environ.get(PINS)
    if not name:
        return None
    where = base if "://" in base else os.path.realpath(base)
    with _LOCK:
        pins = read_pins(Path(name))
        if where not in pins:
            position = head()
            pins[where] = Pin(position, datetime.now(UTC)) if position else None
            write_pins(Path(name), pins)
    return pins[where]
