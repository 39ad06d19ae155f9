"""Values of a line as values of the envelope; what does not fit is told with its name and what stood there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import msgspec

__all__ = [
    "MALFORMED",
    "Mapped",
    "Misfit",
    "is_null",
    "json_key",
    "json_piece",
    "json_text",
    "members",
    "plain",
    "read_integer",
    "read_object",
    "read_text",
    "read_time",
    "shown",
]

MALFORMED: Final = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
"""What decoding a text that is no JSON raises; a number of thousands of digits is a `ValueError`."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_SHOWN: Final = 60


class Misfit(Exception):  # noqa: N818 - never leaves this package: it becomes a reason
    """A line that cannot be taken, and why."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The members of one line as columns of the envelope; times as they stood."""

    event_id: str
    stream: str
    version: int | None
    type: str
    occurred_at: str | int | float | date
    recorded_at: str | int | float | date | None
    data: str
    metadata: str | None


def plain(raw: Any) -> Any:
    """Return a value decoded; raw JSON that no Python value can hold stays raw."""
    if not isinstance(raw, msgspec.Raw):
        return raw
    try:
        return _decode(raw)
    except MALFORMED:
        return raw


def is_null(raw: Any) -> bool:
    """Say whether a value is absent or null."""
    return raw is None or (isinstance(raw, msgspec.Raw) and bytes(raw) == b"null")


def members(raw: Any) -> Mapping[str, Any] | None:
    """Return the members of an object, their values raw; None for anything else."""
    if isinstance(raw, msgspec.Raw):
        try:
            return _MEMBERS.decode(raw)
        except MALFORMED:
            return None
    return raw if isinstance(raw, Mapping) else None


def json_text(value: Any) -> str:
    """Return the JSON text of a value; raw JSON stays verbatim.

    Raises:
        Misfit: the value has no JSON text, such as an integer of more than 64 bits.
    """
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    try:
        return _encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Misfit(f"a value cannot be written as JSON: {error}") from error


def json_piece(value: Any) -> Any:
    """Return the JSON text of a value as something that bytes can be joined with; raw JSON as it is."""
    return value if isinstance(value, msgspec.Raw) else json_text(value).encode()


@lru_cache(maxsize=4096)
def json_key(key: str) -> bytes:
    """Return the JSON text of a member's name, with the colon."""
    return _encode(key) + b":"


def read_text(name: str, raw: Any) -> str:
    """Return a text that is needed; integers are taken too."""
    value = plain(raw)
    if value is None:
        raise Misfit(f"{name} is missing")
    if isinstance(value, str):
        if not value:
            raise Misfit(f"{name} is empty")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Misfit(f"{name} is {shown(raw)}, not a text")


def read_integer(name: str, raw: Any) -> int | None:
    """Return an integer of 64 bits, or None for null; a text of digits is one, as CSV knows only texts."""
    value = plain(raw)
    if value is None or value == "":
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    raise Misfit(f"{name} is {shown(raw)}, not an integer of 64 bits")


def read_time(name: str, raw: Any) -> str | int | float | date:
    """Return what names a time; whether it does is seen when whole columns are read."""
    value = plain(raw)
    if value is None or value == "":
        raise Misfit(f"{name} is missing")
    if isinstance(value, str | int | float | date) and not isinstance(value, bool):
        return value
    raise Misfit(f"{name} is {shown(raw)}, not a time")


def read_object(name: str, raw: Any) -> str | None:
    """Return the text of an object, verbatim; a text that holds one is one; None for null."""
    if isinstance(raw, msgspec.Raw) and (text := bytes(raw)).startswith(b"{"):
        return text.decode()
    value = plain(raw)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _held(name, value.strip())
    if isinstance(value, Mapping):
        return json_text(value)
    raise Misfit(f"{name} is {shown(raw)}, not an object")


def _held(name: str, text: str) -> str | None:
    try:
        _MEMBERS.decode(text)
    except MALFORMED as error:
        if text == "null":
            return None
        raise Misfit(f"{name} is a text that holds no JSON object: {shown(text)}") from error
    return text


def shown(value: Any) -> str:
    """Return how a reason shows what stood there: its JSON text, shortened."""
    text = str(value) if isinstance(value, date) else json_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
