"""The debugger: one entity, event by event."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final, overload

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from eventsource.event import TIMESTAMP, EventLog
from eventsource.fold import Events
from eventsource.index import reading
from eventsource.messages import counted
from eventsource.moment import readable_time
from eventsource.presentation import MASK, readers
from eventsource.timeline._answers import dtypes_of, state_before_events
from eventsource.timeline._corrections import EntityCorrections, correction_note
from eventsource.timeline._display import Folded, table_html

__all__ = ["Replay", "Step", "replay_of"]

_FRAME: Final = {
    "at": TIMESTAMP,
    "position": pl.Int64(),
    "type": pl.String(),
    "event_id": pl.String(),
    "changed": pl.String(),
    "data": pl.String(),
    "exists": pl.Boolean(),
}


class Step(Struct, frozen=True):
    """What one event did.

    Events change the fields of an entity even while it does not exist, and an entity that is created again has
    the state that these events left. ``before`` and ``after`` are that state even where the entity does not exist.

    Args:
        at: the event's moment in fold order.
        position: its position in the log.
        event_id: its id.
        type: its type.
        data: its payload, JSON text.
        before: the state before it.
        changed: field → (before, after), only the fields that the event changed.
        after: the state after it.
        exists_before: whether the entity exists before it.
        exists_after: whether the entity exists after it.
        existence: ``created``, ``deleted`` or ``created again``; empty where the event changes no existence.
        correction: how the event was corrected, when, by which event and why; empty if it was not.
    """

    at: datetime
    position: int
    event_id: str
    type: str
    data: str
    before: Mapping[str, Any]
    changed: Mapping[str, tuple[Any, Any]]
    after: Mapping[str, Any]
    exists_before: bool
    exists_after: bool
    existence: str
    correction: str = ""

    @property
    def summary(self) -> str:
        """What the event changed, on one line: ``deleted, premium: true → false``; empty if nothing."""
        fields = (f"{name}: {_text(old)} → {_text(new)}" for name, (old, new) in self.changed.items())
        return ", ".join([self.existence, *fields] if self.existence else fields)

    def __repr__(self) -> str:
        return f"<Step #{self.position} {self.type} at {readable_time(self.at)}: {self.summary or 'no change'}>"


class Replay(Sequence[Step]):
    """The steps of one entity, in fold order; a notebook shows them as a table.

    Args:
        entity: the id of the entity.
        steps: its steps.
        corrections: the corrections of its events, the last one of each: ``event_id`` and ``position`` of the
            event, ``correction`` (``$corrected`` or ``$retracted``), ``correction_id``, ``recorded_at`` and
            ``reason`` of the correction. Retracted events have no step.
    """

    def __init__(self, entity: str, steps: Sequence[Step], corrections: pl.DataFrame) -> None:
        self.entity, self._steps, self.corrections = entity, tuple(steps), corrections

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
        """Return one row per step.

        Returns:
            ``at``, ``position``, ``type``, ``event_id``, ``changed`` (text, such as ``deleted, premium: true →
            false``), ``data``, ``exists`` (whether the entity exists after the event). If any event was corrected,
            also ``corrected``: when, by which event and why; null where it was not.
        """
        rows = [(s.at, s.position, s.type, s.event_id, s.summary, s.data, s.exists_after) for s in self]
        frame = pl.DataFrame(rows, schema=_FRAME, orient="row")
        if not any(step.correction for step in self):
            return frame
        return frame.with_columns(pl.Series("corrected", [s.correction or None for s in self], pl.String()))

    @property
    def _title(self) -> str:
        return f"Replay of {self.entity}: {counted(len(self), 'event')}"

    def __repr__(self) -> str:
        lines = [f"{readable_time(s.at)}  #{s.position}  {s.type}  {s.summary}" for s in self]
        return "\n".join([self._title, *lines, *self.notes])

    @property
    def notes(self) -> list[str]:
        """A sentence per corrected event: when, by which event and why it was corrected or retracted."""
        return [
            f"#{row['position']}  {row['event_id']} was {correction_note(row)}"
            for row in self.corrections.iter_rows(named=True)
        ]

    def _repr_html_(self) -> str:
        rows = [
            (readable_time(s.at), (s.type, f"#{s.position}"), Folded(_change_lines(s), _folded(s))) for s in self
        ]
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return table_html(("at (UTC)", "event", "changed"), rows, self._title) + notes


def replay_of(
    entity: str, events: Events, changes: Mapping[str, pl.DataFrame], log: EventLog, corrections: EntityCorrections
) -> Replay:
    """Return the steps of one entity from its events, the changes of all its fields, and the corrections."""
    changed = _changes_by_position(changes)
    envelope = events.with_key.collect("at", "position", "event_id", pl.col("type").cast(pl.String))
    payloads = _payloads(log, envelope["position"]) | corrections.payloads(log)
    notes = corrections.notes
    plan = events.plan
    state = state_before_events(plan, dtypes_of(changes)).row(0, named=True)
    exists = existed = False
    steps = []
    for at, position, event_id, type_ in envelope.iter_rows():
        here = changed.get(position, {})
        after = state | {name: new for name, (_, new) in here.items()}
        exists_after = plan.creates(type_) or (exists and type_ not in plan.deleted)
        existence = _existence(exists, exists_after, existed=existed)
        data = payloads[position]
        note = notes.get(position, "")
        step = Step(at, position, event_id, type_, data, state, here, after, exists, exists_after, existence, note)
        steps.append(step)
        state, exists, existed = after, exists_after, existed or exists_after
    return _seen(Replay(entity, steps, corrections.frame))


def _seen(replay: Replay) -> Replay:
    """Return a replay without what the readers of a report may not see. Nothing is computed from a replay."""
    hides = readers()
    if hides is None:
        return replay
    steps = [
        replace(
            step,
            data="{}",
            event_id=step.event_id if hides.kind("entity") is None else MASK,
            before={name: hides.value(name, value) for name, value in step.before.items()},
            changed={
                name: (hides.value(name, old), hides.value(name, new)) for name, (old, new) in step.changed.items()
            },
            after={name: hides.value(name, value) for name, value in step.after.items()},
        )
        for step in replay
    ]
    return Replay(hides.value("entity", replay.entity), steps, replay.corrections.clear())


def _changes_by_position(changes: Mapping[str, pl.DataFrame]) -> dict[int, dict[str, tuple[Any, Any]]]:
    """Return position → field → (before, after)."""
    found: dict[int, dict[str, tuple[Any, Any]]] = {}
    for name, frame in changes.items():
        for position, before, after in frame.select("position", "before", "after").iter_rows():
            found.setdefault(position, {})[name] = (before, after)
    return found


def _existence(before: bool, after: bool, *, existed: bool) -> str:  # noqa: FBT001 - both sides of one event
    """Return what an event did to an entity's existence; ``existed``: it existed at some time before."""
    if before == after:
        return ""
    return "deleted" if before else "created again" if existed else "created"


def _payloads(log: EventLog, positions: pl.Series) -> dict[int, str]:
    if positions.is_empty():
        return {}
    wanted = pl.col("position").is_in(positions.implode())
    with reading(log):
        scan = log.scan(start=int(positions.min()), upto=int(positions.max()) + 1)  # type: ignore[arg-type]  # ints
        return dict(scan.filter(wanted).select("position", "data").collect().iter_rows())


def _change_lines(step: Step) -> tuple[str, ...]:
    """Return what an event changed, a line per field: ``city: Kraków → Warszawa``."""
    fields = [f"{name}: {_text(old)} → {_text(new)}" for name, (old, new) in step.changed.items()]
    return tuple([step.existence, *fields] if step.existence else fields) or ("–",)


def _folded(step: Step) -> tuple[str, ...]:
    """Return what a notebook shows on request only: the payload, and the state after the event."""
    state = [f"{name} = {_text(value)}" for name, value in step.after.items()]
    return step.data, *(state if step.exists_after else ["does not exist"])


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return readable_time(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
