"""Values of parameters in words, as pages show them."""

from datetime import datetime
from typing import Any

from eventsource.errors import ReportError
from eventsource.formats import formatted
from eventsource.moment import parse_moment, time_zone
from eventsource.redaction import without_secrets

__all__ = ["in_words", "is_moment"]


def is_moment(value: Any) -> bool:
    """Return whether a value is a moment, or a text that says one."""
    try:
        parse_moment(value)
    except (ReportError, ValueError):
        return False
    return True


def in_words(value: Any, name: str = "", *, tz: str = "UTC") -> str:
    """Return the value of a parameter as pages show it: moments in words, no secret of a URL.

    Args:
        value: the value.
        name: its format; default: the one that fits.
        tz: the zone on whose clocks instants are shown.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        if not is_moment(value):
            return without_secrets(value)
        value = parse_moment(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(time_zone(tz))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return formatted(value, name)
