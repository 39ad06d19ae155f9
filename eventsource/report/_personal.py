"""Personal values: what is hidden from the readers of a report, found by its notebook at the end of its run.

Only the notebook knows its models, which may be Python code. So it finds the values, and writes them into a folder
that is gone after the run. They are all values that a page could show: of every event up to the pinned position,
also of events that were corrected later, and of every change of a field::

    {"columns": {"entity": "pseudonym", "name": "mask"},
     "values":  {"entity": ["customer-1", …], "name": ["Jan Kowalski", …]}}
"""

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl

from eventsource.atomic_write import atomic_write
from eventsource.decode import PathDecoder
from eventsource.errors import EventsourceError, ReportError
from eventsource.event import CORRECTED
from eventsource.moment import readable_time
from eventsource.plan import Pii, Rule
from eventsource.presentation import Readers, readers, timelines
from eventsource.timeline import Timeline

__all__ = ["PERSONAL", "Personal", "write_personal"]

PERSONAL: Final = "EVENTSOURCE_PERSONAL"
"""The environment variable that names the file into which a run writes the values that are hidden."""

_SHORTEST: Final = 4
"""Letters of a text, below which it is not searched for: it would be found in other words."""
_DIGITS: Final = 6
"""Digits of a number, likewise."""


@dataclass(frozen=True, slots=True)
class Personal:
    """What is hidden from the readers of a report.

    Args:
        columns: the columns that are hidden, each with what is shown in place of its values.
        values: column → texts that must not be on its page.
    """

    columns: Mapping[str, Pii] = field(default_factory=dict)
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> "Personal":
        """Return what a run wrote.

        Raises:
            ReportError: there is no such file.
        """
        try:
            members = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReportError(
                "the notebook did not say which values are personal", hint="let it run to its end: no sys.exit()"
            ) from error
        values = {name: frozenset(texts) for name, texts in members["values"].items()}
        return cls(members["columns"], values)


def write_personal(file: Path) -> None:
    """Write what is hidden from the readers of this process."""
    hides = readers()
    found: dict[str, set[str]] = {}
    if hides is not None:
        for timeline in timelines():
            for name, values in _values(timeline, hides):
                found.setdefault(name, set()).update(_texts(values))
    members = {
        "columns": hides.hidden(hides.personal) if hides is not None else {},
        "values": {name: sorted(texts) for name, texts in found.items()},
    }
    with atomic_write(file, is_private=True) as draft:
        draft.write_text(json.dumps(members), encoding="utf-8")


def _values(timeline: Timeline, hides: Readers) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the hidden columns of a timeline with their values, some of them several times."""
    hidden = hides.hidden(timeline.plan.pii)
    fields = [name for name in hidden if name != "entity"]
    for name in fields:
        yield name, _members(timeline, timeline.plan.rule(name))
    asked = Timeline(timeline.log, timeline.plan, tz=timeline.tz, faults="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [*fields, *([asked.plan.fields[0]] if "entity" in hidden and asked.plan.fields else [])]:
            changes = _changes(asked, name)
            if name in fields:
                yield name, changes["after"].to_list()
            if "entity" in hidden:
                yield "entity", changes["entity"].unique().to_list()
        if "entity" in hidden:
            yield "entity", asked.history()["entity"].unique().to_list()
            streams = timeline.log.scan(types=_types(timeline)).select(pl.col("stream").cast(pl.String).unique())
            yield "entity", streams.collect()["stream"].to_list()


def _changes(asked: Timeline, name: str) -> pl.DataFrame:
    try:
        return asked.changes(name)
    except EventsourceError as error:
        raise ReportError(f"the values of {name!r} cannot be read, so they cannot be hidden: {error}") from error


def _types(timeline: Timeline) -> tuple[str, ...] | None:
    return None if timeline.plan.reads_all_types else timeline.plan.types


def _members(timeline: Timeline, rule: Rule) -> Iterator[Any]:
    """Yield what a field reads in all events, whether they were corrected or not, and in corrections."""
    paths = {path for type_ in rule.types for path in rule.paths(type_)} | set(rule.paths(""))
    inside = sorted(path for path in paths if not path.startswith("@"))
    if not inside:
        return
    types = None if rule.is_of_all_types else rule.types
    for kinds, prefix in ((types, ""), ((CORRECTED,), "data.")):
        texts = timeline.log.scan(types=kinds).select(pl.col("data").cast(pl.String)).collect()["data"]
        for values in PathDecoder([prefix + path for path in inside], float).values(texts).values():
            yield from values


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Yield what of some values could be found on a page."""
    for value in values:
        match value:
            case str():
                text = " ".join(value.split())
                yield from [text] if len(text) >= _SHORTEST else []
            case list() | tuple() | pl.Series():
                yield from _texts(value)
            case dict():
                yield from _texts(value.values())
            case _:
                yield from _spelt(value)


def _spelt(value: Any) -> Iterable[str]:
    """Return how a moment or a long number is spelt; nothing for other values."""
    match value:
        case datetime():
            return value.isoformat(), readable_time(value)
        case date():
            return (value.isoformat(),)
        case int() | float() | Decimal() if not isinstance(value, bool):
            digits = sum(letter.isdigit() for letter in str(value))
            return {str(value), f"{value:,}"} if digits >= _DIGITS else ()
    return ()
