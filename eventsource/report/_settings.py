"""What a definition can say: its tables, their members, types and defaults."""

from typing import Literal

import msgspec

__all__ = ["Checks", "ParameterSettings", "Schedule", "Settings"]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a definition: its members, their types and defaults."""


class ParameterSettings(_Table, frozen=True):
    """A parameter of a report: its type, its default (a value, or a relative moment), how the page calls it."""

    type: Literal["date", "datetime", "int", "float", "str", "choice", "bool", "entity"]
    default: str | int | float | bool | None = None
    label: str = ""
    choices: tuple[str, ...] = ()


class Checks(_Table, frozen=True):
    """What must hold before a page counts as good: freshness, counts, and expectations on named results."""

    max_age: str = ""
    events_at_least: int = 0
    rejected_at_most: int | None = None
    expect: tuple[str, ...] = ()


class Schedule(_Table, frozen=True):
    """When a report runs, and what follows when it was missed or failed."""

    cron: str
    tz: str = "UTC"
    catch_up: Literal["none", "latest", "all"] = "latest"
    retries: int = 0
    retry_on: tuple[str, ...] = ("AppendConflictError", "LogError", "OSError")


class Settings(_Table, frozen=True):
    """All settings of a definition; `read_definition` checks them."""

    title: str
    notebook: str
    description: str = ""
    log: str = ""
    model: str = ""
    headline: str = ""
    tz: str = "UTC"
    timeout: str = "10m"
    memory: str = ""
    keep: int = 0
    parameters: dict[str, ParameterSettings] = {}
    checks: Checks = Checks()
    schedule: Schedule | None = None
