"""How a timeline asks: which events a question sees, in parts, and from which snapshot it may go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from eventsource.errors import LogError, ModelError
from eventsource.event import TIMESTAMP, EventLog
from eventsource.fold import EXISTS, Engine, Events, PolarsEngine, concat_answers
from eventsource.index import Index, View, still_contains
from eventsource.model import Model, plan_of
from eventsource.moment import (
    Moment,
    day_of,
    first_instant,
    is_calendar_step,
    last_day_of_step,
    last_days_of_steps,
    last_instant,
    parse_moment,
    steps,
    time_zone,
)
from eventsource.plan import Plan
from eventsource.progress import Progress
from eventsource.snapshots import Shelf, Snapshot, SnapshotPolicy, from_snapshot, nearest, taken_if_due
from eventsource.timeline._answers import one_column
from eventsource.timeline._names import warn_of_unknown_names

__all__ = ["Asking", "Entities", "Moments"]

Moments = Moment | Sequence[Moment] | pl.Series
Entities = str | Sequence[str] | pl.Series

_MANY: Final = 100
"""So many entities are spread over so many row groups that a snapshot is read faster."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _View:
    """Which events a question may see, and what its moments mean."""

    known_at: datetime | None
    upto: int | None
    tz: str


class Asking:
    """What stands behind the questions of a `Timeline`; see there."""

    def __init__(
        self,
        log: EventLog,
        model: type[Model] | Plan,
        *,
        tz: str = "UTC",
        engine: Engine | None = None,
        snapshots: SnapshotPolicy | None = None,
        progress: Progress | None = None,
    ) -> None:
        if isinstance(log, str | Path):
            raise LogError(f"{str(log)!r} is a path, not a log", hint=f"es.Log({str(log)!r})")
        if not isinstance(snapshots, SnapshotPolicy | None):
            raise ModelError(f"{snapshots!r} is no policy of snapshots", hint='es.SnapshotPolicy(every="1mo")')
        time_zone(tz)  # refuses one that there is not
        self.log, self.plan, self.tz = log, plan_of(model), tz
        self._engine: Engine = engine or PolarsEngine()
        self._index = Index(log, self.plan, progress=progress)
        self._checked, self._policy = False, snapshots
        self._sound: set[Snapshot] = set()
        self._held: dict[tuple[Path, int], pl.DataFrame] = {}

    def _view(self, known_at: Moment | None, upto: int | None, tz: str | None = None) -> _View:
        zone = tz or self.tz
        if upto is not None and upto < 0:
            raise ModelError(f"upto={upto} is not a position")
        return _View(None if known_at is None else last_instant(known_at, zone), upto, zone)

    def _ask(self, asked: _View, question: Callable[[Events], T], entity: Entities | None = None) -> list[T]:
        """Return the answers to a question for ranges of entities, in their order."""
        ids = _ids(entity)

        def answers(view: View) -> list[T]:
            if not self._checked:
                self._checked = warn_of_unknown_names(self.log, view)
            return view.map(question, self.plan, ids)

        return self._index.ask(answers, upto=asked.upto, known_at=asked.known_at)

    @property
    def _shelf(self) -> Shelf:
        return Shelf(self.log.path, self.log.identity, self.plan, self._held)

    def _kept(self, asked: _View, moment: datetime | None, entity: Entities | None) -> pl.DataFrame | None:
        """Return the states at a moment from a snapshot, if one helps; take those that are due."""
        shelf, ids = self._shelf, _ids(entity)
        if not self.log.path or (ids is not None and len(ids) < _MANY):
            return None
        if self._policy is not None:
            policy = self._policy
            self._index.ask(lambda view: taken_if_due(view, self.plan, shelf, policy, self.tz))
        kept = shelf.all()
        if not kept:
            return None

        def states(view: View) -> pl.DataFrame | None:
            found = nearest(kept, view, moment)
            if found is None or not self._is_of_log(found):
                return None
            return from_snapshot(view, shelf, found, moment, ids)

        return self._index.ask(states, upto=asked.upto, known_at=asked.known_at)

    def _is_of_log(self, snapshot: Snapshot) -> bool:
        """Say whether a snapshot is of the log as it is; once for each that is."""
        if snapshot not in self._sound and still_contains(
            self.log, snapshot.mark, head=snapshot.position, last_id=snapshot.last
        ):
            self._sound.add(snapshot)
        return snapshot in self._sound

    def _agrees(self, snapshot: Snapshot, moment: datetime | None) -> bool:
        """Say whether the answer from a snapshot is the one without; where it does not help, it is.

        One that cannot be read is not: it is as good as none, and should go.
        """
        shelf, now = replace(self._shelf, held={}), self._view(None, self.log.head)
        if shelf.states(snapshot) is None:
            return False

        def states(view: View) -> pl.DataFrame | None:
            return from_snapshot(view, shelf, snapshot, moment)

        kept = self._index.ask(states, upto=now.upto)
        folded = self._ask(now, lambda events: self._engine.as_of(events, moment))
        return kept is None or kept.equals(concat_answers(folded))

    def _changes(
        self, view: _View, fields: Sequence[str], entity: Entities | None, until: datetime | None = None
    ) -> dict[str, pl.DataFrame]:
        parts = self._ask(view, lambda events: self._engine.changes(events.until(until), fields), entity)
        if len(parts) == 1:
            return parts[0]
        return {name: concat_answers([part[name] for part in parts]).sort("at", "position") for name in fields}

    def _states(self, view: _View, moments: list[Moment], entity: Entities | None) -> pl.DataFrame:
        """Return the entities that exist at each of several moments, by per-row moments over all of them."""
        labels = one_column([parse_moment(moment) for moment in moments], view.tz)
        cuts = pl.DataFrame(
            {"at": pl.Series([last_instant(moment, view.tz) for moment in moments], dtype=TIMESTAMP)}
        )
        cuts = cuts.with_row_index("|moment")

        def states(events: Events) -> pl.DataFrame:
            asked = cuts.join(events.clustered.entities.alias("entity").to_frame(), how="cross")
            found = asked.select("|moment", "entity").hstack(self._engine.states_at(events, asked))
            return found.filter(EXISTS).drop(EXISTS)

        found = concat_answers(self._ask(view, states, entity)).sort("|moment", maintain_order=True)
        return found.select(labels.gather(found["|moment"]).alias("as_of"), pl.all().exclude("|moment"))

    def _states_at(self, events: Events, wanted: pl.DataFrame) -> pl.DataFrame:
        """Return the states of those wanted (sorted by ``entity``) that are among these events' entities."""
        ids = events.clustered.entities
        low = wanted["entity"].search_sorted(ids[0], side="left") if len(ids) else 0
        high = wanted["entity"].search_sorted(ids[-1], side="right") if len(ids) else 0
        mine = wanted.slice(low, high - low)
        return mine.select("|row").hstack(self._engine.states_at(events, mine)).filter(EXISTS)

    def _moments(
        self, view: _View, every: str, since: Moment | None, until: Moment | None
    ) -> list[date | datetime]:
        if since is None or until is None:
            ends = pl.DataFrame(self._ask(view, _span), schema=["first", "last"], orient="row")
            first, last = ends.cast(TIMESTAMP).select(pl.col("first").min(), pl.col("last").max()).row(0)
            if first is None:
                return []
            return _stretched(day_of(first, view.tz), day_of(last, view.tz), every, since, until, view.tz)
        return steps(since, until, every, view.tz)


def _stretched(
    first: date, last: date, every: str, since: Moment | None, until: Moment | None, tz: str
) -> list[date | datetime]:
    """Return moments of which an end was left open: they stretch over all events, from ``first`` to ``last``.

    Calendar steps end with their last days; the last one may be yet to come.
    """
    if not is_calendar_step(every):
        return steps(
            first_instant(first, tz) if since is None else since, last if until is None else until, every, tz
        )
    if since is not None:
        return steps(since, last_day_of_step(last, every), every, tz)
    final = last if until is None else day_of(first_instant(until, tz), tz)
    limit = None if until is None else last_instant(until, tz)
    return [
        end for end in last_days_of_steps(first, final, every) if limit is None or last_instant(end, tz) <= limit
    ]


def _ids(entity: Entities | None) -> pl.Series | None:
    if entity is None:
        return None
    ids = pl.Series("entity", entity if isinstance(entity, pl.Series | list | tuple) else [entity], strict=False)
    if ids.dtype.is_integer() or ids.dtype in (pl.String, pl.Null):
        return ids.cast(pl.String)
    raise ModelError(f"{entity!r} names no entity", hint="an id is a text; several are a list or a Series")


def _span(events: Events) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last moment of events."""
    at = pl.col("at")
    return events.clustered.in_order.select(at.min().alias("first"), at.max().alias("last")).collect().row(0)
