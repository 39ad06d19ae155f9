"""Rows of known libraries as records, where SQL does not suffice: compressed states, binary payloads, flags."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from eventsource.sources._inflated import inflated
from eventsource.sources._values import MALFORMED, LineError, json_text

__all__ = ["axon_row", "commanded_row", "marten_row", "stored_state"]


def stored_state(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with its state decoded: JSON, perhaps compressed; values of its transcoder as plain ones."""
    raw = bytes(row["state"])
    if raw[:1] == b"\x78":
        try:
            raw = inflated(raw)
        except zlib.error as error:
            raise LineError(f"state is compressed, and damaged: {error}") from error
    if not raw.lstrip().startswith(b"{"):
        raise LineError("state is not JSON: it is encrypted, or of another transcoder than JSON")
    try:
        state = _plain_state(msgspec.json.decode(raw))
    except MALFORMED as error:
        raise LineError(f"state is not JSON: {error}") from error
    time = state.pop("timestamp", None)
    kind = str(row["topic"]).rpartition(":")[2]
    return {**row, "=type": kind, "=time": time, "=data": msgspec.Raw(json_text(state).encode())}


def _plain_state(value: Any) -> Any:
    """Return a value without the wrappers of the transcoder: ``{"_type_": "uuid_hex", "_data_": "…"}``."""
    if isinstance(value, dict):
        if value.keys() == {"_type_", "_data_"}:
            return _plain_state(value["_data_"])
        return {name: _plain_state(each) for name, each in value.items()}
    return [_plain_state(each) for each in value] if isinstance(value, list) else value


def marten_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with its payload; a binary one is a member ``base64``. Flags that are not set are left out."""
    binary = row.get("bdata")
    data = row["data"] if binary is None else {"base64": base64.b64encode(binary).decode()}
    kept = {name: value for name, value in row.items() if value is not None and name not in ("data", "bdata")}
    if not kept.get("is_archived"):
        kept.pop("is_archived", None)
    return {**kept, "=data": data}


def axon_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with its payload; the type is the name of the class, without its package."""
    kind = str(row["payloadtype"]).rpartition(".")[2].rpartition("$")[2]
    metadata = {"payload_type": row["payloadtype"], "aggregate_type": row["type"]}
    if row["payloadrevision"] is not None:
        metadata["revision"] = row["payloadrevision"]
    own = _document(row["metadata"])
    merged = {**metadata, **(own if isinstance(own, dict) else {})}
    return {**row, "=type": kind, "=data": _payload(row["payload"]), "=metadata": merged}


def _payload(value: Any) -> Any:
    """Return a payload: JSON of an object verbatim; XML as a member ``xml``, other bytes as ``base64``."""
    raw = value.encode() if isinstance(value, str) else bytes(value or b"{}")
    if isinstance(_document(raw), dict):
        return msgspec.Raw(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
    return {"xml" if text.lstrip().startswith("<") else "text": text}


def _document(value: Any) -> Any:
    try:
        return None if value is None else msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except MALFORMED:
        return None


def commanded_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with its payload: JSON, or the external term format of Erlang as ``base64``."""
    ids = {name: row[name] for name in ("causation_id", "correlation_id") if row[name] is not None}
    own = row["metadata"]
    metadata = _document(bytes(own) if isinstance(own, msgspec.Raw | bytes) else own)
    data = row["data"] if isinstance(row["data"], msgspec.Raw) else _payload(row["data"])
    kind = str(row["type"]).removeprefix("Elixir.").rpartition(".")[2]
    return {**row, "=type": kind, "=data": data, "=metadata": {**ids, **(metadata or {})}}
