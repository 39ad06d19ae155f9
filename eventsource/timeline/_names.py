"""Warning, once, of event types and members that a model names and the log has not seen."""

import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.errors import UnknownNameWarning
from eventsource.event import EventLog
from eventsource.index import View
from eventsource.messages import suggestion

__all__ = ["warn_of_unseen"]

_SAMPLE: Final = 1_000
_PACKAGE: Final = __name__.partition(".")[0]


def warn_of_unseen(log: EventLog, view: View) -> bool:
    """Warn of names that the log does not know; return whether there were events to judge by.

    A log in memory, the test kit's, holds what a test needs and is not judged.

    Types are compared with all types of the log, members with those of the types that should carry them; the
    nearest known name is named.
    """
    if not log.path or not view.parts.head:
        return False
    members, columns = view.parts.members, view.parts.columns
    unseen = [m for m in members.all if not any(name.startswith(f"{m.column}|") for name in columns)]
    types = [name for name in members.plan.types if name not in view.parts.types]
    if not unseen and not types:
        return True
    known = log.scan().select(pl.col("type").unique()).collect().to_series().to_list()
    for name in types:
        if name not in known:
            _warn(f"{members.plan.name}: the log has no event of type {name!r} yet", name, known)
    for member in unseen:
        if here := sorted(member.types & set(known)):
            of = f"of {', '.join(here)}"
            _warn(
                f"{members.plan.name}: no event {of} has a member {member.path!r} yet",
                member.path,
                _paths(log, here),
            )
    return True


def _warn(message: str, name: str, known: Iterable[str]) -> None:
    if name in (names := list(known)):
        message += ": one has these dots in its very name, which no path reaches; rename it in the raw log"
    else:
        message += f"; {suggestion(name, names)}"
    warnings.warn(message, UnknownNameWarning, stacklevel=_caller())


def _caller() -> int:
    """Return how many frames up the one stands that asked this package."""
    frame, level = sys._getframe(), 0  # noqa: SLF001 - what `inspect` would do, with the source of every frame
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    return level


def _paths(log: EventLog, types: list[str]) -> set[str]:
    """Return the dotted paths of the first events of some types."""
    texts = log.scan(types=tuple(types)).select("data").head(_SAMPLE).collect().to_series()
    return {path for text in texts for path in _walk(msgspec.json.decode(text), "")}


def _walk(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield prefix + key
            yield from _walk(member, f"{prefix}{key}.")
