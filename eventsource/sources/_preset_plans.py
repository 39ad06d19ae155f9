"""The tables of known libraries: what their columns mean, and the traps that they have.

Most tables are rows of `LAYOUTS`. Where a table differs between versions or databases, a function makes the plan:
it gets the table as it is, and the expression of its position. SQL handles traps where it can.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from eventsource.moment import time_zone
from eventsource.sources._mapping import PathOrParts
from eventsource.sources._store_source import Prepare
from eventsource.sources._table_plan import Column, Found, Kind, TablePlan
from eventsource.sources._table_rows import axon_row, commanded_row, marten_row, stored_state

__all__ = ["LAYOUTS", "Layout", "axon", "commanded", "marten"]

_KINDS: Final[Mapping[str, Kind]] = {"json": "json", "bytes": "bytes"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The table of a library, and how its columns become an event.

    A column is a text such as ``message_data:json -> data``: its name, what it holds, the column of the envelope.

    ========== =======================================================
    ``:text``  a text, where PostgreSQL has a type of its own
    ``:json``  the text of a document
    ``:bytes`` bytes
    ``?``      in the end: not every table has the column
    ========== =======================================================

    Args:
        columns: what is read.
        paths: column of the envelope → path, where that is not one column.
        sql: the expressions of columns that are not read as they are.
        transaction: the column of the transaction (``xid8``), which only PostgreSQL has; ``?`` as above.
        where: see `TablePlan`.
        time: see `TablePlan`.
        prepare: see `TablePlan`.
    """

    columns: tuple[str, ...]
    paths: Mapping[str, PathOrParts] = field(default_factory=dict)
    sql: Mapping[str, str] = field(default_factory=dict)
    transaction: str | None = None
    where: str = ""
    time: str | None = None
    prepare: Prepare | None = None

    def plan(self, found: Found, position: str) -> TablePlan:
        """Return the plan for a table."""
        columns, paths = [], dict(self.paths)
        for text in self.columns:
            column, _, envelope = text.removesuffix("?").partition(" -> ")
            name, _, kind = column.partition(":")
            if text.endswith("?") and not found.has(name):
                continue
            sql = self.sql.get(name, name)
            is_text = kind in ("text", "json")
            columns.append(Column(name, found.text(sql) if is_text else sql, _KINDS.get(kind, "plain")))
            paths |= {envelope: name} if envelope else {}
        return TablePlan(
            found.name,
            found.sql,
            tuple(columns),
            position,
            self._transaction(found),
            where=self.where,
            time=self.time,
            paths=paths,
            prepare=self.prepare,
        )

    def _transaction(self, found: Found) -> str | None:
        name = (self.transaction or "").removesuffix("?")
        if not name or found.dialect != "postgresql" or (name != self.transaction and not found.has(name)):
            return None
        return self.sql.get(name, name)


_UTC: Final = "time AT TIME ZONE 'UTC'"

LAYOUTS: Final = {
    "eventsource": Layout(
        (
            *("event_id -> event_id", "stream -> stream", "version -> version", "type -> type"),
            *("occurred_at -> occurred_at", "recorded_at", "data:json -> data", "metadata:json"),
        ),
        transaction="transaction",
        time="recorded_at",
    ),
    "eventsourcing": Layout(
        ("originator_id:text -> stream", "originator_version -> version", "topic", "state:bytes"),
        {
            "event_id": "{originator_id}:{originator_version}",
            "type": "=type",
            "occurred_at": "=time",
            "data": "=data",
        },
        prepare=stored_state,
    ),
    "marten": Layout(
        (
            *("id:text -> event_id", "stream_id:text -> stream", "version -> version", "type -> type"),
            *("timestamp -> occurred_at", "data:json", "headers:json?", "bdata:bytes?", "tenant_id?"),
            *("mt_dotnet_type?", "correlation_id?", "causation_id?", "user_name?", "is_archived?"),
        ),
        {"data": "=data", "metadata": "@rest"},
        where="type <> 'tombstone'",
        time="timestamp",
        prepare=marten_row,
    ),
    "message-db": Layout(
        (
            *("id:text -> event_id", "stream_name -> stream", "position -> version", "type -> type"),
            *("time -> occurred_at", "data:json -> data", "metadata:json -> metadata"),
        ),
        sql={"time": _UTC, "data": "coalesce(data, '{}')"},
        time=_UTC,
    ),
    "emmett": Layout(
        (
            *("message_id -> event_id", "stream_id -> stream", "stream_position -> version"),
            *("message_type -> type", "created -> occurred_at"),
            *("message_data:json -> data", "message_metadata:json -> metadata"),
        ),
        transaction="transaction_id?",
        where="message_kind = 'E'",
        time="created",
    ),
    "eventsource-py": Layout(
        (
            *("event_id:text -> event_id", "aggregate_id:text", "aggregate_type", "event_type -> type"),
            *("version -> version", "timestamp -> occurred_at", "created_at -> recorded_at"),
            *("payload:json -> data", "tenant_id:text?", "actor_id:text?"),
        ),
        {"stream": "{aggregate_type}-{aggregate_id}"},
        sql={"txid": "coalesce(txid, '0'::xid8)"},
        transaction="txid?",
        time="created_at",
    ),
}
"""Name of the preset → its table."""


def marten(found: Found, position: str) -> TablePlan:
    """Marten; its Quick append writes timestamps that are wrong by the offset of the server's zone."""
    layout = LAYOUTS["marten"]
    if found.has("is_skipped"):
        layout = replace(layout, where=f"{layout.where} AND NOT is_skipped")
    if found.written_in is not None:
        zone = str(time_zone(found.written_in)).replace("'", "''")
        time = f"(timestamp AT TIME ZONE '{zone}') AT TIME ZONE 'UTC'"
        return replace(layout, sql={"timestamp": time}).plan(found, position)
    note = (
        "Marten's Quick append writes timestamps that are wrong by the offset of the server's zone; if this store "
        'uses it: written_in="Europe/Berlin"'
    )
    return replace(layout.plan(found, position), notes=(note,))


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
