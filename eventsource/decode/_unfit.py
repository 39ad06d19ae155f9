"""Values that no column can hold: what remains of them, and reading the payloads that have them.

msgspec refuses a payload as a whole if one number in it is beyond all floats (``1E400``), or an integer has
thousands of digits. Such a number spoils only the fields that read it, so these few payloads are read again by
Python's parser:

    payload     {"amount": 1E400, "city": "Oslo"}
    amount      Unfit("1E400")
    city        "Oslo"
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

__all__ = ["Unfit", "read_leniently", "unfit"]

_MOST_DIGITS: Final = 400


class Unfit(Struct, frozen=True):
    """A value that no column can hold.

    Args:
        text: the value as JSON.
    """

    text: str


def read_leniently(text: str) -> Any:
    """Parse a payload; a number that no column can hold becomes an `Unfit`.

    A text that is not JSON becomes an `Unfit` as a whole.
    """
    try:
        return _plain(json.loads(text, parse_float=_float, parse_int=_int, parse_constant=Unfit))
    except (ValueError, RecursionError):
        return Unfit(text)


def unfit(value: Any) -> Any:
    """Return a value of such a payload; if any number in it is unfit, all of it is."""
    return Unfit(_json(value)) if _has_unfit(value) else value


def _float(text: str) -> Any:
    value = float(text)
    return Unfit(text) if value in (float("inf"), float("-inf")) else value


def _int(text: str) -> Any:
    return Unfit(text) if len(text) > _MOST_DIGITS else int(text)


def _plain(value: Any) -> Any:
    return value if isinstance(value, Mapping) else Unfit(_json(value))


def _has_unfit(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unfit, value.values()))
    if isinstance(value, list):
        return any(map(_has_unfit, value))
    return isinstance(value, Unfit)


def _json(value: Any) -> str:
    """Return a value with unfit numbers in it as JSON, with the digits that the payload has."""
    if isinstance(value, Unfit):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_json(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value)
