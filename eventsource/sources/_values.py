"""Values of a line as values of the envelope. An error names the member, and shows its value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import msgspec

__all__ = [
    "MALFORMED",
    "LineError",
    "MappedLine",
    "check_utf8",
    "decode_members",
    "is_json",
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
    "shorten",
]

MALFORMED: Final = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
"""The errors of decoding text that is not JSON; a number of thousands of digits is a `ValueError`."""

decode_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Returns the members of the text of an object, their values raw; raises one of `MALFORMED`."""

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_MOST_CHARACTERS: Final = 60


class LineError(Exception):
    """Why a line is rejected. It never leaves this package: it becomes the reason of a rejected line."""


@dataclass(frozen=True, slots=True)
class MappedLine:
    """The members of one line as columns of the envelope; times are not read yet."""

    event_id: str
    stream: str
    version: int | None
    type: str
    occurred_at: str | int | float | date
    recorded_at: str | int | float | date | None
    data: str
    metadata: str | None


def check_utf8(raw: bytes) -> None:
    """Raise a `LineError` if bytes are not UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(f"not UTF-8: byte {error.start} is {raw[error.start]:#04x}") from error


def plain(raw: Any) -> Any:
    """Return a decoded value; raw JSON that Python cannot represent stays raw."""
    if not isinstance(raw, msgspec.Raw):
        return raw
    try:
        return _decode(raw)
    except MALFORMED:
        return raw


def is_json(raw: bytes) -> bool:
    """Return whether bytes are one whole value of JSON."""
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except MALFORMED:
        return False
    return True


def is_null(raw: Any) -> bool:
    """Return whether a value is absent or null."""
    return raw is None or (isinstance(raw, msgspec.Raw) and bytes(raw) == b"null")


def members(raw: Any) -> Mapping[str, Any] | None:
    """Return the members of an object, their values raw; None for anything else."""
    if isinstance(raw, msgspec.Raw):
        try:
            return decode_members(raw)
        except MALFORMED:
            return None
    return raw if isinstance(raw, Mapping) else None


def json_text(value: Any) -> str:
    """Return the JSON text of a value; raw JSON stays verbatim.

    Raises:
        LineError: the value cannot be written as JSON, such as an integer of more than 64 bits.
    """
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    try:
        return _encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise LineError(f"a value cannot be written as JSON: {error}") from error


def json_piece(value: Any) -> Any:
    """Return the JSON text of a value for ``bytes.join``; raw JSON as it is."""
    return value if isinstance(value, msgspec.Raw) else json_text(value).encode()


@lru_cache(maxsize=4096)
def json_key(key: str) -> bytes:
    """Return the JSON text of a member's name, with the colon."""
    return _encode(key) + b":"


def read_text(name: str, raw: Any) -> str:
    """Return a required text; an integer becomes its digits."""
    value = plain(raw)
    if value is None:
        raise LineError(f"{name} is missing")
    if isinstance(value, str):
        if not value:
            raise LineError(f"{name} is empty")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise LineError(f"{name} is not a text: {shorten(raw)}")


def read_integer(name: str, raw: Any) -> int | None:
    """Return an integer of 64 bits, or None for null; a text of digits is accepted, as CSV has only texts."""
    value = plain(raw)
    if value is None or value == "":
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    raise LineError(f"{name} is not an integer of 64 bits: {shorten(raw)}")


def read_time(name: str, raw: Any) -> str | int | float | date:
    """Return a value that may be a time; `TimeReader` reads whole columns later."""
    value = plain(raw)
    if value is None or value == "":
        raise LineError(f"{name} is missing")
    if isinstance(value, str | int | float | date) and not isinstance(value, bool):
        return value
    raise LineError(f"{name} is not a time: {shorten(raw)}")


def read_object(name: str, raw: Any) -> str | None:
    """Return the JSON text of an object, verbatim; a text that contains one is accepted; None for null."""
    if isinstance(raw, msgspec.Raw) and (text := bytes(raw)).startswith(b"{"):
        return text.decode()
    value = plain(raw)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _object_text(name, value.strip())
    if isinstance(value, Mapping):
        return json_text(value)
    raise LineError(f"{name} is not an object: {shorten(raw)}")


def _object_text(name: str, text: str) -> str | None:
    try:
        decode_members(text)
    except MALFORMED as error:
        if text == "null":
            return None
        raise LineError(f"{name} is a text that is not a JSON object: {shorten(text)}") from error
    return text


def shorten(value: Any) -> str:
    """Return the JSON text of a value, shortened, for reasons."""
    text = str(value) if isinstance(value, date) else json_text(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
