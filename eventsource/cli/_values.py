"""Values as text: for JSON, for CSV and Markdown, for a terminal."""

import re
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

__all__ = ["guarded", "harmless", "json", "marked_down", "short", "text"]

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Characters that a terminal obeys, or that turn the order of others around."""

_FORMULA: Final = re.compile(r"^[=+\-@\t\r\n]")
_MARKDOWN: Final = re.compile(r"[\\`*\[\]|~$]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_PLACES: Final = 4
_WHOLE: Final = 2.0**53  # floats beyond it have no places


def harmless(text: str, keep: str = "") -> str:
    """Return a text whose control characters are visible signs that no terminal obeys, but for ``keep``."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in keep else _picture(found[0]), text)


def json(value: Any) -> bytes:
    """Return a value as JSON.

    Times are ISO 8601 in UTC (``Z``), durations ISO 8601 too, decimals texts of their digits, bytes base64; a
    float that is no number becomes null.
    """
    return _encode(value)


def text(value: Any) -> str:
    """Return a value as text: a text stands for itself, everything else for its JSON text."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(value)
    encoded = json(value).decode()
    return encoded[1:-1] if encoded.startswith('"') else encoded


def guarded(value: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{value}" if _FORMULA.match(value) else value


def marked_down(value: str) -> str:
    """Return a text that Markdown shows as it stands: no markup, no end of the cell."""
    escaped = re.sub("[&<>]", lambda found: _ENTITIES[found[0]], harmless(value))
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", escaped)


def short(value: Any) -> str:
    """Return a value for a terminal: null as –, times to the second, floats to four places; one line, harmless."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, float) and abs(value) < _WHOLE:
        return f"{value:.{_PLACES}f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return harmless(", ".join(value))
    return harmless(text(value))


def _duration(value: timedelta) -> str:
    """Return days and the time of day, such as ``3d 04:00:09``."""
    sign, rest = ("-", -value) if value < timedelta() else ("", value)
    minutes, seconds = divmod(rest.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return f"{sign}{rest.days}d {clock}" if rest.days else f"{sign}{clock}"


def _picture(sign: str) -> str:
    """Return what stands for a control character: its Unicode picture, or its number."""
    code = ord(sign)
    if code < 0x20:  # noqa: PLR2004 - the end of the C0 controls
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - Latin-1
