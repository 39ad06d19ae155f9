"""What a definition can say: its tables, their members, types and defaults."""

from typing import Literal

import msgspec

__all__ = ["Audience", "Checks", "FieldSettings", "ParameterSettings", "Schedule", "Settings"]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a definition: its members, their types and defaults."""


class ParameterSettings(_Table, frozen=True):
    """A parameter of a report: its type, its default (a value, or a relative moment), how the page calls it."""

    type: Literal["date", "datetime", "int", "float", "str", "choice", "bool", "entity"]
    default: str | int | float | bool | None = None
    label: str = ""
    choices: tuple[str, ...] = ()


class FieldSettings(_Table, frozen=True):
    """How the page shows a field or a column of this name, in place of what the model says."""

    label: str = ""
    format: str = ""


class Audience(_Table, frozen=True):
    """For whom the report is: which personal fields they may see, and how small a group may be."""

    name: str
    shows: tuple[str, ...] = ()
    smallest_group: int = 0
    counts: tuple[str, ...] = ("n", "len")
    harmless: tuple[str, ...] = ()


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
    audience: Audience | str = ""
    parameters: dict[str, ParameterSettings] = {}
    fields: dict[str, FieldSettings] = {}
    checks: Checks = Checks()
    schedule: Schedule | None = None

    @property
    def readers(self) -> Audience | None:
        """The audience, if it does not see everything; a name alone is one that sees nothing personal."""
        return (
            (Audience(name=self.audience) if self.audience else None)
            if isinstance(self.audience, str)
            else (self.audience)
        )
