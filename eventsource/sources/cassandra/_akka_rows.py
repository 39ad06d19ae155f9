"""Rows of Akka's journal as records: what is beside the payload, and the payload if it is JSON.

```text
event blob          ser_id  ser_manifest     what it becomes
{"amount": 10}      33      shop.Placed#2    an event of the type Placed, its payload verbatim
1f 8b 08 …          33      shop.Placed      the same: Jackson compresses large payloads with gzip
5                   33      …                {"value": 5}
0a 07 …             1024    …                a rejected row, with its serializer and its manifest
```
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eventsource.sources._inflated import inflated
from eventsource.sources._values import LineError
from eventsource.sources.cassandra._uuid_times import instant_of

__all__ = ["COLUMNS", "record_of"]

COLUMNS: Final = (
    "persistence_id, sequence_nr, timestamp, writer_uuid, ser_id, ser_manifest, event_manifest, event, meta, tags"
)
"""What is read of a row; a view of tags has no column of tags."""

_GZIP: Final = b"\x1f\x8b"
_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode


def record_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row as members of the envelope.

    Raises:
        LineError: the payload is not JSON, or too large uncompressed.
    """
    manifest = row["event_manifest"] or row["ser_manifest"] or ""
    at = instant_of(row["timestamp"])
    about = {
        "manifest": manifest,
        "serializer": row["ser_id"],
        "writer": row["writer_uuid"],
        "tags": sorted(row["tags"]) if row.get("tags") else None,
        "meta": _json(row["meta"]) if row["meta"] else None,
    }
    return {
        "event_id": f"{row['persistence_id']}:{row['sequence_nr']}",
        "stream": row["persistence_id"],
        "version": row["sequence_nr"],
        "type": _type_of(manifest),
        "occurred_at": at,
        "recorded_at": at,
        "data": _payload(row, manifest),
        "metadata": {name: value for name, value in about.items() if value not in (None, "")},
    }


def _type_of(manifest: str) -> str | None:
    """Return the type that a manifest names: ``shop.Order$Placed#2`` is ``Placed``."""
    name = manifest.partition("#")[0].rpartition(".")[2].rpartition("$")[2]
    return name or None


def _payload(row: Mapping[str, Any], manifest: str) -> Any:
    found = _json(row["event"] or b"")
    if found is None:
        raise LineError(f"the payload is not JSON: serializer {row['ser_id']}, manifest {json.dumps(manifest)}")
    return found if bytes(found).lstrip().startswith(b"{") else {"value": found}


def _json(raw: bytes) -> msgspec.Raw | None:
    """Return bytes that are JSON, perhaps compressed; None if they are something else.

    Raises:
        LineError: they are compressed, and too large to be read.
    """
    try:
        text = inflated(raw) if raw.startswith(_GZIP) else raw
        text.decode()
        found: msgspec.Raw = _raw(text)
    except (zlib.error, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    return found
