r"""Messages as lines of JSON, which the decoder of files reads in bulk: the value, and what is beside it.

Example: a message with the key ``c-7`` at offset 41::

    value    {"event_id": "1", "data": {"price": 5}}
    line     {"event_id": "1", "data": {"price": 5},"@key":"c-7","@place":"shop/0","@position":41,"@time":"2024…"}

What is beside it comes last, as the last one of two members with one name counts: a value cannot pretend to have
another key. Line breaks between members of the value become blanks.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from eventsource.sources.kafka._received import Received

__all__ = ["headers_of", "line_of", "text_of", "time_of"]

_encode: Final = msgspec.json.Encoder().encode
_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_CLOUD_EVENT: Final = "ce_"
_LAST: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


def line_of(value: bytes, message: Received, place: str, key: str | None) -> bytes:
    """Return the line of a message.

    Args:
        value: a JSON object, or something that only looks like one: it is then not JSON as a line either.
        message: the message.
        place: its topic and partition.
        key: its key as a text.
    """
    headers = headers_of(message.headers())
    if headers is not None and f"{_CLOUD_EVENT}specversion" in headers:
        value = _cloud_event(value, headers)
    value = value.strip()
    if b"\n" in value:
        value = value.translate(_LINE_BREAKS)
    time = time_of(message)
    return b'%b%b"@key":%b,%b"@place":%b,"@position":%d%b}' % (
        value[:-1],
        b"" if value[1:-1].isspace() or len(value) <= len(b"{}") else b",",
        b"null" if key is None else _encode(key),
        b"" if headers is None else b'"@headers":%b,' % _encode(headers),
        _quoted(place),
        message.offset(),
        b"" if time is None else b',"@time":"%b"' % time.encode(),
    )


def text_of(raw: bytes | str | None) -> str | None:
    """Return a key or a header as a text; bytes that are not UTF-8 as ``base64:…``."""
    if raw is None or isinstance(raw, str):
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(raw).decode()}"


def headers_of(headers: Sequence[tuple[str, bytes | None]] | None) -> dict[str, Any] | None:
    """Return headers by name; of several with one name, all of them. None if there are none."""
    if not headers:
        return None
    found: dict[str, Any] = {}
    for name, value in headers:
        text = text_of(value)
        if name not in found:
            found[name] = text
        else:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), text]
    return found


def time_of(message: Received) -> str | None:
    """Return the time of a message, of its producer or its broker as the topic is set; None if it has none.

    A producer may write any number. One behind the year 9999 counts as none.
    """
    kind, milliseconds = message.timestamp()
    if kind == TIMESTAMP_NOT_AVAILABLE or not 0 <= milliseconds <= _LAST:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=1024)
def _quoted(text: str) -> bytes:
    return _encode(text)


def _cloud_event(value: bytes, headers: Mapping[str, Any]) -> bytes:
    """Return the CloudEvent whose attributes are headers (``ce_id``, ``ce_type``) and whose data is the value."""
    attributes = {
        name.removeprefix(_CLOUD_EVENT): text for name, text in headers.items() if name.startswith(_CLOUD_EVENT)
    }
    if "content-type" in headers:
        attributes["datacontenttype"] = headers["content-type"]
    try:
        return _encode({**attributes, "data": _raw(value)})
    except msgspec.DecodeError:
        return _encode({**attributes, "data_base64": value})  # bytes become base64
