"""Comparing two pages: which figures changed, which entities moved, and by which events.

```text
             page A                      page B
 as of       30 June, position 900       30 June, position 950     the figure of one day, seen twice
 premium     126                         127
                  c7: premium false → true, by PlanBought of 29 June at position 931: it came later
```
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import polars as pl

from eventsource.errors import MomentError
from eventsource.log import Log
from eventsource.model import Model
from eventsource.moment import parse_moment
from eventsource.plan import Plan
from eventsource.report._page_file import manifest_of_page
from eventsource.report._state import LogState
from eventsource.timeline import Timeline

__all__ = ["Change", "Difference", "Move", "diff"]

_MOST: Final = 100
"""Entities whose events are looked up, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """A named result that differs.

    Args:
        name: its name.
        before: on page A; None: it has no such result, or null.
        after: on page B.
    """

    name: str
    before: Any
    after: Any

    @property
    def more(self) -> float | None:
        """How much more it is, if both are numbers."""
        numbers = [value for value in (self.before, self.after) if isinstance(value, int | float)]
        is_number = len(numbers) == 2 and not any(isinstance(value, bool) for value in numbers)  # noqa: PLR2004
        return numbers[1] - numbers[0] if is_number else None


@dataclass(frozen=True, slots=True)
class Move:
    """A field of an entity that differs, and the event that made it so.

    Args:
        entity: the id of the entity.
        change: ``added``, ``removed`` or ``changed``.
        field: the field; empty where the entity was added or removed.
        before: its value on page A.
        after: its value on page B.
        event_id: the id of the event that set it; None: it has its default, or too many entities moved.
        type: the type of the event.
        at: when it happened.
        is_later: whether it came after page A was made.
    """

    entity: str
    change: str
    field: str
    before: Any
    after: Any
    event_id: str | None = None
    type: str | None = None
    at: datetime | None = None
    is_later: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two pages.

    Args:
        a: the manifest of page A.
        b: the manifest of page B.
        changes: named results that differ.
        parameters: parameters that differ.
        moves: entities of the model that differ; None: no model was given, or the pages read no log.
        events: events between the two positions; None: the pages read no common log.
    """

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    changes: tuple[Change, ...]
    parameters: tuple[Change, ...]
    moves: tuple[Move, ...] | None
    events: int | None


def diff(
    a: str | Path,
    b: str | Path,
    *,
    model: type[Model] | Plan | None = None,
    root: str | Path | None = None,
    log: str | None = None,
    limit: int = _MOST,
) -> Difference:
    """Return what differs between two pages of a report.

    Args:
        a: the earlier page.
        b: the later page.
        model: whose states to compare, each at the moment and the position of its page; None: only the figures.
        root: the folder of the project. Default: the working directory.
        log: the log of the model; default: the first one that the pages read.
        limit: entities whose events are looked up.

    Raises:
        ReportError: a file is not the page of a report.
        LogError: the log is not there.
    """
    base = Path(root or Path.cwd())
    first, second = manifest_of_page(Path(a))[1], manifest_of_page(Path(b))[1]
    sides = [_Side.of(manifest, base, log) for manifest in (first, second)]
    same_log = None not in sides and sides[0].state.path == sides[1].state.path  # type: ignore[union-attr]  # not None
    moves = events = None
    if same_log:
        before, after = (side for side in sides if side is not None)
        events = after.state.position - before.state.position
        if model is not None:
            moves = tuple(_moves(Timeline(Log(before.state.path, create=False), model), before, after, limit))
    results = _changes(first["results"], second["results"])
    return Difference(first, second, results, _changes(first["parameters"], second["parameters"]), moves, events)


@dataclass(frozen=True, slots=True)
class _Side:
    """What a page is about: a moment, and a state of the log."""

    state: LogState
    moment: Any

    @classmethod
    def of(cls, manifest: Mapping[str, Any], root: Path, log: str | None) -> Self | None:
        """Return the side of a page; None: it reads no log."""
        states = [LogState.from_dict(members, root) for members in manifest["logs"]]
        if log is not None:
            states = [state for state in states if Path(state.path) == Path(log).absolute()] or states
        return cls(states[0], _moment_of(manifest["parameters"])) if states else None


def _moment_of(parameters: Mapping[str, Any]) -> Any:
    """Return the moment that a page is about: the parameter ``as_of``, else the last moment of all; None: now."""
    found = {}
    for name, value in parameters.items():
        try:
            found[name] = parse_moment(value) if isinstance(value, str) else None
        except MomentError:
            continue
    moments = {name: value for name, value in found.items() if value is not None}
    if "as_of" in moments:
        return moments["as_of"]
    return next((moments[name] for name in ("until", "when", "moment", *moments) if name in moments), None)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = dict.fromkeys([*before, *after])
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    )


def _moves(timeline: Timeline, before: _Side, after: _Side, limit: int) -> Sequence[Move]:
    """Return the entities whose states differ, by entity and declared order of fields."""
    states = [timeline.as_of(side.moment, upto=side.state.position) for side in (before, after)]
    moved = list(_moved(states[0], states[1]))
    explained: dict[str, dict[str, tuple[Any, ...]]] = {}
    for entity in list(dict.fromkeys(move.entity for move in moved))[:limit]:
        rows = timeline.explain(entity, after.moment, upto=after.state.position)
        columns = ("field", "event_id", "type", "at", "position")
        explained[entity] = {row[0]: row[1:] for row in rows.select(columns).iter_rows()}
    return [_explained(move, explained.get(move.entity, {}), before.state.position) for move in moved]


def _moved(before: pl.DataFrame, after: pl.DataFrame) -> Sequence[Move]:
    """Return moves without their events.

    Rows of both frames, by entity::

        before    a 1 x    b 2 y             a is the same, b changed in its second field, c was added
        after     a 1 x    b 2 z    c 3 x
    """
    old = {row["entity"]: row for row in before.iter_rows(named=True)}
    new = {row["entity"]: row for row in after.iter_rows(named=True)}
    moves = []
    for entity in sorted(old.keys() | new.keys()):
        if entity not in old or entity not in new:
            moves.append(Move(entity, "added" if entity in new else "removed", "", None, None))
            continue
        moves += [
            Move(entity, "changed", field, old[entity].get(field), value)
            for field, value in new[entity].items()
            if old[entity].get(field) != value
        ]
    return moves


def _explained(move: Move, events: Mapping[str, tuple[Any, ...]], position: int) -> Move:
    """Return a move with its event: of its field, or for an entity that was added, its latest."""
    known = [row for row in events.values() if row[3] is not None]
    row = events.get(move.field) if move.field else max(known, key=lambda each: each[3], default=None)
    if row is None or row[0] is None:
        return move
    event_id, kind, at, found = row
    return Move(
        move.entity,
        move.change,
        move.field,
        move.before,
        move.after,
        event_id,
        kind,
        at,
        is_later=found >= position,
    )
