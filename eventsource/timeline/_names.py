"""One warning, once per timeline, about event types and members that a model names and the log does not have."""

from collections.abc import Iterator
from typing import Final

import msgspec
import polars as pl

from eventsource.decode import Alternatives
from eventsource.dotted_paths import ENVELOPE_PATHS, dotted_paths
from eventsource.errors import UnknownNameWarning
from eventsource.event import EventLog
from eventsource.index import View, reading
from eventsource.messages import suggestion, warn

__all__ = ["warn_of_unknown_names"]

_SAMPLE: Final = 1_000
"""How many events of a type are searched for members that the model may have meant."""


def warn_of_unknown_names(log: EventLog, view: View) -> bool:
    """Warn of all names of a model that the log does not have; return False if the log has no events yet.

    Types are compared with all types of the log, members with those of the types that should carry them. Each name
    comes with the nearest name that the log has. An in-memory log is not checked: it holds what a test needs.
    """
    if not log.path or not view.parts.head:
        return False
    with reading(log):
        names = list(_unknown_names(log, view))
    if names:
        model = view.parts.members.plan.name
        warn(_message(model, names), UnknownNameWarning)
    return True


def _message(model: str, names: list[tuple[str, str]]) -> str:
    if len(names) == 1:
        return f"{model}: the log has no {names[0][0]} yet; {names[0][1]}"
    lines = (f"- {name}; {advice}" for name, advice in names)
    return "\n".join([f"{model}: {len(names)} names of the model are not in the log yet:", *lines])


def _unknown_names(log: EventLog, view: View) -> Iterator[tuple[str, str]]:
    """Yield each name that the log does not have, and what to do about it."""
    members, columns = view.parts.members, view.parts.columns
    unseen = [part for part in members.stored if not any(name.startswith(f"{part.column}|") for name in columns)]
    unseen += [
        Alternatives((path,), None, condition.types)
        for condition in members.conditions
        for path in condition.paths
        if condition.seen(path) not in columns
    ]
    types = sorted(set(members.plan.types).difference(view.parts.types))
    if not unseen and not types:
        return
    known = log.scan().select(pl.col("type").unique()).collect().to_series().to_list()
    for name in types:
        if name not in known:
            yield f"event of type {name!r}", suggestion(name, known)
    paths: dict[tuple[str, ...] | None, dict[str, str]] = {}
    for part in unseen:
        here = None if part.types is None else tuple(sorted(part.types & set(known)))
        if here is None or here:
            if here not in paths:
                paths[here] = _paths(log, here)
            where = "any event" if here is None else f"events {', '.join(here)}"
            yield f"member {part.text!r} in {where}", _advice(part.paths[0], paths[here])


def _advice(path: str, known: dict[str, str]) -> str:
    """Return what to do about a path that no event has; ``known``: path without quotes → path."""
    if path in ENVELOPE_PATHS:
        return "their source gives none"
    return f"did you mean {known[path]!r}?" if path in known else suggestion(path, known.values())


def _paths(log: EventLog, types: tuple[str, ...] | None) -> dict[str, str]:
    """Return the dotted paths in the first events of some types (None: of all): without quotes → with quotes."""
    texts = log.scan(types=types).select("data").head(_SAMPLE).collect().to_series()
    members = (member for text in texts for member in dotted_paths(msgspec.json.decode(text), elements=True))
    return {member.path.replace('"', ""): member.path for member in members}
