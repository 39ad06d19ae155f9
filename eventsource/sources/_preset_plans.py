"""The tables of known libraries: what their columns mean, and the traps that they have.

Each function gets the table as it is, and the expression of its position. It returns the plan, in which traps are
handled by the SQL where that is possible.
"""

from typing import Final

from eventsource.moment import time_zone
from eventsource.sources._table_plan import Column, Found, TablePlan
from eventsource.sources._table_rows import axon_row, commanded_row, marten_row, stored_state

__all__ = ["axon", "commanded", "emmett", "eventsource_py", "eventsourcing", "marten", "message_db", "own"]

_BY_ENVELOPE: Final = {name: name for name in ("event_id", "stream", "version", "type", "occurred_at", "data")}


def own(found: Found, position: str) -> TablePlan:
    is_postgresql = found.dialect == "postgresql"
    texts = ("event_id", "stream", "version", "type", "occurred_at", "recorded_at")
    columns = [Column(name, name) for name in texts]
    columns += [Column(name, found.text(name), "json") for name in ("data", "metadata")]
    transaction = "transaction" if is_postgresql else None
    return TablePlan(
        found.name, found.sql, tuple(columns), position, transaction, time="recorded_at", paths=_BY_ENVELOPE
    )


def eventsourcing(found: Found, position: str) -> TablePlan:
    columns = (
        Column("originator_id", found.text("originator_id")),
        Column("originator_version", "originator_version"),
        Column("topic", "topic"),
        Column("state", "state", "bytes"),
    )
    paths = {
        "event_id": "{originator_id}:{originator_version}",
        "stream": "originator_id",
        "version": "originator_version",
        "type": "=type",
        "occurred_at": "=time",
        "data": "=data",
    }
    return TablePlan(found.name, found.sql, columns, position, paths=paths, prepare=stored_state)


def marten(found: Found, position: str) -> TablePlan:
    time = "timestamp"
    if found.written_in is not None:
        zone = str(time_zone(found.written_in)).replace("'", "''")
        time = f"(timestamp AT TIME ZONE '{zone}') AT TIME ZONE 'UTC'"
    more = [
        Column(name, name)
        for name in ("tenant_id", "mt_dotnet_type", "correlation_id", "causation_id", "user_name", "is_archived")
        if found.has(name)
    ]
    columns = (
        Column("id", found.text("id")),
        Column("stream_id", found.text("stream_id")),
        Column("version", "version"),
        Column("type", "type"),
        Column("timestamp", time),
        Column("data", found.text("data"), "json"),
        *([Column("headers", found.text("headers"), "json")] if found.has("headers") else []),
        *([Column("bdata", "bdata", "bytes")] if found.has("bdata") else []),
        *more,
    )
    skipped = " AND NOT is_skipped" if found.has("is_skipped") else ""
    note = (
        "Marten's Quick append writes timestamps that are wrong by the offset of the server's zone; if this store"
    )
    paths = {"event_id": "id", "stream": "stream_id", "occurred_at": "timestamp", "metadata": "@rest"}
    return TablePlan(
        found.name,
        found.sql,
        columns,
        position,
        where=f"type <> 'tombstone'{skipped}",
        time="timestamp",
        paths=paths | {"version": "version", "type": "type", "data": "=data"},
        prepare=marten_row,
        notes=() if found.written_in else (f'{note} uses it: written_in="Europe/Berlin"',),
    )


def axon(found: Found, position: str) -> TablePlan:
    """Axon Framework 4, JDBC and JPA; payloads may be bytes, texts or large objects."""
    names = {name.lower().replace("_", ""): name for name in found.columns}

    def column(name: str) -> str:
        return f'"{names[name]}"' if name in names else "NULL"

    def payload(name: str) -> str:
        is_large_object = found.columns.get(names.get(name, "")) == _OID
        return f"lo_get({column(name)})" if is_large_object else column(name)

    texts = ("eventidentifier", "aggregateidentifier", "sequencenumber", "type", "payloadtype", "payloadrevision")
    columns = [Column(name, column(name)) for name in (*texts, "timestamp")]
    columns += [Column(name, payload(name), "bytes") for name in ("payload", "metadata")]
    paths = {"event_id": "eventidentifier", "stream": "aggregateidentifier", "version": "sequencenumber"}
    return TablePlan(
        found.name,
        found.sql,
        tuple(columns),
        position,
        paths=paths | {"type": "=type", "occurred_at": "timestamp", "data": "=data", "metadata": "=metadata"},
        prepare=axon_row,
    )


_OID: Final = 26
"""PostgreSQL's type of references to large objects."""


def message_db(found: Found, position: str) -> TablePlan:
    columns = (
        Column("id", found.text("id")),
        Column("stream_name", "stream_name"),
        Column("position", "position"),
        Column("type", "type"),
        Column("time", "time AT TIME ZONE 'UTC'"),
        Column("data", found.text("coalesce(data, '{}')"), "json"),
        Column("metadata", found.text("metadata"), "json"),
    )
    paths = {"event_id": "id", "stream": "stream_name", "occurred_at": "time"}
    same = {name: name for name in ("type", "data", "metadata")} | {"version": "position"}
    time = "time AT TIME ZONE 'UTC'"
    return TablePlan(found.name, found.sql, columns, position, time=time, paths=paths | same)


def commanded(found: Found, position: str) -> TablePlan:
    """Commanded's events, in the order of ``$all``, the stream with the id 0; also those of deleted streams."""
    schema = found.sql.rpartition(".")[0]
    prefix = f"{schema}." if schema else ""
    source = (
        f"{found.sql} e JOIN {prefix}stream_events a ON a.event_id = e.event_id AND a.stream_id = 0 "
        f"JOIN {prefix}streams s ON s.stream_id = a.original_stream_id"
    )
    is_binary = found.columns.get("data") == _BYTEA
    columns = (
        Column("event_id", "e.event_id::text"),
        Column("stream", "s.stream_uuid"),
        Column("version", "a.original_stream_version"),
        Column("type", "e.event_type"),
        Column("occurred_at", "e.created_at"),
        Column("data", "e.data" if is_binary else "e.data::text", "bytes" if is_binary else "json"),
        Column("metadata", "e.metadata" if is_binary else "e.metadata::text", "bytes" if is_binary else "json"),
        Column("causation_id", "e.causation_id::text"),
        Column("correlation_id", "e.correlation_id::text"),
    )
    paths = {name: name for name in ("event_id", "stream", "version", "occurred_at")}
    more = {"type": "=type", "data": "=data", "metadata": "=metadata"}
    return TablePlan(
        found.name,
        source,
        columns,
        f"a.{position}",
        time="e.created_at",
        paths=paths | more,
        prepare=commanded_row,
    )


_BYTEA: Final = 17


def emmett(found: Found, position: str) -> TablePlan:
    has_transactions = found.has("transaction_id") and found.dialect == "postgresql"
    columns = (
        Column("message_id", "message_id"),
        Column("stream_id", "stream_id"),
        Column("stream_position", "stream_position"),
        Column("message_type", "message_type"),
        Column("created", "created"),
        Column("message_data", found.text("message_data"), "json"),
        Column("message_metadata", found.text("message_metadata"), "json"),
    )
    paths = {
        "event_id": "message_id",
        "stream": "stream_id",
        "version": "stream_position",
        "type": "message_type",
        "occurred_at": "created",
        "data": "message_data",
        "metadata": "message_metadata",
    }
    return TablePlan(
        found.name,
        found.sql,
        columns,
        position,
        "transaction_id" if has_transactions else None,
        where="message_kind = 'E'",
        time="created",
        paths=paths,
    )


def eventsource_py(found: Found, position: str) -> TablePlan:
    has_transactions = found.has("txid") and found.dialect == "postgresql"
    columns = (
        Column("event_id", found.text("event_id")),
        Column("aggregate_id", found.text("aggregate_id")),
        Column("aggregate_type", "aggregate_type"),
        Column("event_type", "event_type"),
        Column("version", "version"),
        Column("timestamp", "timestamp"),
        Column("created_at", "created_at"),
        Column("payload", found.text("payload"), "json"),
        *(Column(name, found.text(name)) for name in ("tenant_id", "actor_id") if found.has(name)),
    )
    paths = {
        "event_id": "event_id",
        "stream": "{aggregate_type}-{aggregate_id}",
        "version": "version",
        "type": "event_type",
        "occurred_at": "timestamp",
        "recorded_at": "created_at",
        "data": "payload",
    }
    transaction = "coalesce(txid, '0'::xid8)" if has_transactions else None
    return TablePlan(found.name, found.sql, columns, position, transaction, time="created_at", paths=paths)
