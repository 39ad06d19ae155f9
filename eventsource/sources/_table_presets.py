"""The libraries whose tables are read without a mapping: one row each."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from eventsource.errors import SourceError
from eventsource.messages import suggestion
from eventsource.sources._preset_plans import LAYOUTS, axon, commanded, marten
from eventsource.sources._table_plan import Found, TablePlan

__all__ = ["TABLE_PRESETS", "TablePreset", "table_preset"]


@dataclass(frozen=True, slots=True)
class TablePreset:
    """A library whose tables are read without a mapping.

    Args:
        title: the library.
        table: its table, if the user names none.
        position: the column of the position: the first of these that is there, or else the last.
        needed: columns that say that the table is of this library.
        plan: makes the plan.
    """

    title: str
    table: str
    position: tuple[str, ...]
    needed: Collection[str]
    plan: Callable[[Found, str], TablePlan]


def table_preset(name: str) -> TablePreset:
    """Return a preset.

    Raises:
        SourceError: there is none of this name.
    """
    if name not in TABLE_PRESETS:
        raise SourceError(f"unknown preset {name!r} for tables", hint=suggestion(name, list(TABLE_PRESETS)))
    return TABLE_PRESETS[name]


TABLE_PRESETS: Final[Mapping[str, TablePreset]] = {
    "eventsource": TablePreset(
        "eventsource.EventStore",
        "events",
        ("position",),
        ("stream", "recorded_at"),
        LAYOUTS["eventsource"].plan,
    ),
    "eventsourcing": TablePreset(
        "eventsourcing (Python)",
        "stored_events",
        ("notification_id", "rowid"),
        ("originator_id", "originator_version", "topic", "state"),
        LAYOUTS["eventsourcing"].plan,
    ),
    "marten": TablePreset("Marten (.NET)", "mt_events", ("seq_id",), ("stream_id", "data", "type"), marten),
    "axon": TablePreset(
        "Axon Framework 4 (JDBC, JPA)",
        "domainevententry",
        ("globalindex", "globalIndex", "global_index"),
        (),
        axon,
    ),
    "message-db": TablePreset(
        "message-db (Eventide)",
        "message_store.messages",
        ("global_position",),
        ("stream_name", "time"),
        LAYOUTS["message-db"].plan,
    ),
    "commanded": TablePreset(
        "Commanded EventStore (Elixir)",
        "events",
        ("stream_version",),
        ("event_type", "causation_id"),
        commanded,
    ),
    "emmett": TablePreset(
        "Emmett (PostgreSQL, SQLite)",
        "emt_messages",
        ("global_position",),
        ("message_kind", "stream_id"),
        LAYOUTS["emmett"].plan,
    ),
    "eventsource-py": TablePreset(
        "eventsource-py",
        "events",
        ("global_position", "id"),
        ("aggregate_id", "aggregate_type"),
        LAYOUTS["eventsource-py"].plan,
    ),
}
"""Name → the library whose tables it reads."""
