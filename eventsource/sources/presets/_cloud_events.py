"""CloudEvents 1.0, as JSON; see https://github.com/cloudevents/spec."""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eventsource.sources._values import MALFORMED, LineError, is_null, json_text, members, plain, shorten
from eventsource.sources.presets._preset import Preset

__all__ = ["CLOUD_EVENTS"]

_JSON: Final = "application/json"
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_check_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def _is_cloud_event(line: Mapping[str, Any]) -> bool:
    return "specversion" in line and str(plain(line["specversion"])).startswith("1.")


def _prepare(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{**line, "=data": msgspec.Raw(_payload(line).encode())}]


def _payload(line: Mapping[str, Any]) -> str:
    """Return the payload as an object; any other value becomes the only member of an object.

    JSON may be the member ``data`` itself, its text in a string, or its bytes in ``data_base64``.
    ``datacontenttype`` says whether it is JSON; without one it is. Bytes of another type stay as they are, as text
    of base64.
    """
    data, encoded = line.get("data"), line.get("data_base64")
    content_type = plain(line.get("datacontenttype")) or _JSON
    if not isinstance(content_type, str):
        raise LineError(f"datacontenttype is not a text: {shorten(content_type)}")
    kind, _, parameters = content_type.partition(";")
    is_json = kind.strip().lower().endswith(("/json", "+json"))
    if is_null(encoded):
        return "{}" if is_null(data) else _as_object(json_text(data), is_json=is_json)
    if not is_null(data):
        raise LineError("expected data or data_base64, got both")
    if not is_json:
        return f'{{"data_base64":{json_text(encoded)}}}'
    return _as_object(_decoded(plain(encoded), parameters), is_json=True)


def _decoded(encoded: Any, parameters: str) -> str:
    """Return the JSON text in base64; the parameters of its type may name a charset."""
    charset = _CHARSET.search(parameters)
    try:
        text = b64decode(encoded, validate=True).decode(charset[1] if charset else "utf-8").strip("\ufeff \t\r\n")
        _check_json(text or "null")
    except (*MALFORMED, TypeError, LookupError) as error:
        raise LineError(f"data_base64 is not JSON in base64: {error}") from error
    return text or "null"


def _as_object(text: str, *, is_json: bool) -> str:
    """Return the text of an object: the value itself, or what a string holds as JSON; else a member ``data``."""
    if is_json and text.startswith('"'):
        inner = str(plain(msgspec.Raw(text.encode()))).strip()
        text = inner if inner.startswith("{") and members(msgspec.Raw(inner.encode())) is not None else text
    if text == "null":
        return "{}"
    return text if text.startswith("{") else f'{{"data":{text}}}'


CLOUD_EVENTS: Final = Preset(
    "cloudevents",
    "CloudEvents 1.0, as JSON",
    recognises=_is_cloud_event,
    prepare=_prepare,
    event_id="{source}#{id}",
    stream="{subject|source}",
    occurred_at="time",
    recorded_at="recordedtime",
    data="=data",
    metadata="@rest",
    hidden=("data", "data_base64", "specversion"),
)
