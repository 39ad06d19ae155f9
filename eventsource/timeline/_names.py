"""Warning, once, of event types and members that a model names and the log has not seen."""

import difflib
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import polars as pl

from eventsource.errors import UnknownNameWarning
from eventsource.index import EventLog, Index

__all__ = ["warn_of_unseen"]

_SAMPLE: Final = 1_000
_STACK: Final = 4  # the caller of the question


def warn_of_unseen(log: EventLog, index: Index) -> bool:
    """Warn of names that the log does not know; return whether there were events to judge by.

    A log in memory, the test kit's, holds what a test needs and is not judged.

    Types are compared with all types of the log, members with those of the types that should carry them; the
    nearest known name is named.
    """
    if log.head == 0 or not log.path:
        return False
    plan = index.members.plan
    known = log.scan().select(pl.col("type").unique()).collect().to_series().to_list()
    for name in plan.types:
        if name not in known:
            _warn(f"{plan.name}: the log has no event of type {name!r} yet", name, known)
    unseen = [member for member in index.members.all if not index.has(member)]
    for member in unseen:
        types = sorted(member.types & set(known))
        if types:
            of = f"of {', '.join(types)}"
            _warn(
                f"{plan.name}: no event {of} has a member {member.path!r} yet",
                member.path,
                _paths(log, types),
            )
    return True


def _warn(message: str, name: str, known: Iterable[str]) -> None:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    warnings.warn(message + hint, UnknownNameWarning, stacklevel=_STACK)


def _paths(log: EventLog, types: list[str]) -> set[str]:
    """Return the dotted paths of the first events of some types."""
    texts = log.scan(types=tuple(types)).select("data").head(_SAMPLE).collect().to_series()
    return {path for text in texts for path in _walk(msgspec.json.decode(text), "")}


def _walk(value: Any, prefix: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield prefix + key
            yield from _walk(member, f"{prefix}{key}.")
