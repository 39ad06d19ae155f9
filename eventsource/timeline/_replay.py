"""The debugger: one entity, event by event."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload

import polars as pl

from eventsource.event import EventLog
from eventsource.fold import Events
from eventsource.messages import counted
from eventsource.timeline._answers import defaults
from eventsource.timeline._display import table_html

__all__ = ["Replay", "Step", "replayed"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one event did.

    Args:
        at: the event's moment in fold order.
        position: its place in the log.
        event_id: its id.
        type: its type.
        data: its payload, JSON text.
        before: the state before it.
        changed: field → (before, after), only what changed.
        after: the state after it.
    """

    at: datetime
    position: int
    event_id: str
    type: str
    data: str
    before: Mapping[str, Any]
    changed: Mapping[str, tuple[Any, Any]]
    after: Mapping[str, Any]


class Replay(Sequence[Step]):
    """The steps of one entity, in fold order; a notebook shows them as a table."""

    def __init__(self, entity: str, steps: Sequence[Step]) -> None:
        self.entity, self._steps = entity, tuple(steps)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def to_frame(self) -> pl.DataFrame:
        """Return one row per step: ``at``, ``position``, ``type``, ``event_id``, ``changed`` (text), ``data``."""
        rows = [(s.at, s.position, s.type, s.event_id, _told(s.changed), s.data) for s in self]
        names = ["at", "position", "type", "event_id", "changed", "data"]
        return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)

    @property
    def _title(self) -> str:
        return f"Replay of {self.entity}: {counted(len(self), 'event')}"

    def __repr__(self) -> str:
        lines = [f"{s.at:%Y-%m-%d %H:%M:%S}  #{s.position}  {s.type}  {_told(s.changed)}" for s in self]
        return "\n".join([self._title, *lines])

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{s.at:%Y-%m-%d %H:%M:%S}",
                s.position,
                s.type,
                _told(s.changed) or "–",
                s.data,
                _state(s.after),
            )
            for s in self
        ]
        head = ("at (UTC)", "position", "event", "changed", "payload", "state after")
        return table_html(head, rows, self._title)


def replayed(entity: str, events: Events, changes: Mapping[str, pl.DataFrame], log: EventLog) -> Replay:
    """Return the steps of one entity from its events and the changes of all its fields."""
    changed: dict[int, dict[str, tuple[Any, Any]]] = {}
    for name in events.plan.fields:
        for position, before, after in changes[name].select("position", "before", "after").iter_rows():
            changed.setdefault(position, {})[name] = (before, after)
    envelope = events.clustered.collect("at", "position", "event_id", pl.col("type").cast(pl.String))
    payloads = _payloads(log, envelope["position"])
    state = defaults(changes, events.plan).row(0, named=True)
    steps = []
    for at, position, event_id, kind in envelope.iter_rows():
        moved = changed.get(position, {})
        after = state | {name: new for name, (_, new) in moved.items()}
        steps.append(Step(at, position, event_id, kind, payloads[position], state, moved, after))
        state = after
    return Replay(entity, steps)


def _payloads(log: EventLog, positions: pl.Series) -> dict[int, str]:
    if positions.is_empty():
        return {}
    wanted = pl.col("position").is_in(positions.implode())
    scan = log.scan(start=int(positions.min()), upto=int(positions.max()) + 1)  # type: ignore[arg-type]  # ints
    return dict(scan.filter(wanted).select("position", "data").collect().iter_rows())


def _told(changed: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name}: {_shown(old)} → {_shown(new)}" for name, (old, new) in changed.items())


def _state(state: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in state.items())


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "null" if value is None else str(value)
