"""The timeline: log × model × fold. Questions are methods, moments are arguments.

A model and a log know nothing of each other; they meet here, once, in `Timeline(log, Model)`.
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from copy import copy
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

import polars as pl
from msgspec.structs import replace

from eventsource.errors import LogError, ModelError
from eventsource.event import TIMESTAMP, EventLog
from eventsource.fold import Engine, PolarsEngine, concat_answers
from eventsource.index import Attempt, Index
from eventsource.lazy_names import lazy_names
from eventsource.model import Model, plan_of
from eventsource.moment import Moment, first_instant, last_instant, time_zone
from eventsource.plan import Plan
from eventsource.presentation import add
from eventsource.progress import Progress
from eventsource.snapshots import (
    Snapshot,
    SnapshotPolicy,
    Snapshots,
    Unusable,
    take_snapshot,
    verify_snapshots,
)
from eventsource.timeline._answers import difference, explanation, state_before_events
from eventsource.timeline._corrections import EntityCorrections, correction_note
from eventsource.timeline._faults import Faults, Sight, check_faults, listed_faults, raise_or_warn_of_faults
from eventsource.timeline._mixed import Mixed
from eventsource.timeline._names import warn_of_unknown_names
from eventsource.timeline._question import (
    Entities,
    Moments,
    Question,
    entity_id,
    entity_ids,
    is_one_moment,
    several_moments,
)
from eventsource.timeline._states import changes_of, states_at_moments, states_of_rows, trend_slots
from eventsource.timeline._tuning import Tuning
from eventsource.timeline._unknown_entity import hint_for_unknown_entity, warn_of_unknown_entity
from eventsource.timeline._unnamed_types import warn_of_unnamed_types

if TYPE_CHECKING:
    from eventsource.timeline._display import plan_html
    from eventsource.timeline._replay import Replay, Step
    from eventsource.timeline._revisions import revisions

__all__ = [
    "Entities",
    "Faults",
    "Mixed",
    "Moment",
    "Moments",
    "Replay",
    "Step",
    "Timeline",
    "Tuning",
    "correction_note",
    "hint_for_unknown_entity",
    "plan_html",
    "revisions",
    "state_before_events",
]

_HOMES: Final = {"Replay": "_replay", "Step": "_replay", "plan_html": "_display", "revisions": "_revisions"}

if not TYPE_CHECKING:  # a type checker reads the imports above
    __getattr__, __dir__ = lazy_names(globals(), _HOMES)

T = TypeVar("T", bound=Sized)


class Timeline:
    """Answers questions about any moment of a log, as a model sees it.

    Answers are Polars frames; times in them are UTC. Each question reads one consistent set of events, with one
    refresh of the log. These arguments mean the same in every question:

    ``entity``
        Only this entity, or only these: one id, or any iterable of ids (a list, a set, a Series). Ids are texts;
        integers are matched as text. One id that no entity has, at any moment, is an `UnknownEntityWarning`.
    ``known_at``
        Only events with ``recorded_at`` up to this moment, inclusive: what was known then.
    ``upto``
        Only events with a smaller position. This pins an answer: later events never change it.
    ``tz``
        The zone of dates, and of datetimes without one; default: that of the timeline. A datetime means that
        instant, inclusive; a date the whole day, up to its last microsecond.

    Args:
        log: a `Log`.
        model: a `Model` class or a `Plan`.
        tz: the zone of moments that name none.
        faults: what to do where an answer depends on an event that a field cannot fold (a *fault*). ``"raise"``
            raises a `FaultError` that names the event. ``"skip"`` answers without that value, and warns how many
            values were skipped. See `faults`.
        engine: what folds events; default: `eventsource.fold.PolarsEngine`.
        snapshots: which snapshots are taken automatically, as questions are asked; default: none, only those of
            `snapshot`.
        progress: called while a question adds many events to the index, with the phase, how much of it is done,
            and how much there is.
        tuning: sizes and thresholds of the caches. They never change an answer; tests set small ones.

    Raises:
        LogError: ``log`` is a path.
        ModelError: ``model`` is not a model, ``snapshots`` not a policy, or ``faults`` neither of the two.
        MomentError: the zone ``tz`` does not exist.
    """

    def __init__(  # noqa: PLR0913 - all but two by keyword
        self,
        log: EventLog,
        model: type[Model] | Plan,
        *,
        tz: str = "UTC",
        faults: Faults = "raise",
        engine: Engine | None = None,
        snapshots: SnapshotPolicy | None = None,
        progress: Progress | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        if isinstance(log, str | Path):
            raise LogError(f"expected a log, got the path {str(log)!r}", hint=f"es.Log({str(log)!r})")
        if not isinstance(snapshots, SnapshotPolicy | None):
            raise ModelError(
                f"expected a SnapshotPolicy as snapshots, got {snapshots!r}", hint='es.SnapshotPolicy(every="1mo")'
            )
        time_zone(tz)  # raises an error for a zone that does not exist
        self.log, self.plan, self.tz = log, plan_of(model), tz
        self.on_fault = check_faults(faults)
        self.tuning = tuning or Tuning()
        self._engine: Engine = engine or PolarsEngine()
        self._index = Index(log, self.plan, sizes=self.tuning.index, progress=progress)
        self._snapshots = Snapshots(log, self.plan, tz=tz, policy=snapshots, thresholds=self.tuning.snapshots)
        self._names_lock, self._names_checked = Lock(), False
        add(self, self.plan)

    def as_of(
        self,
        when: Moments | None = None,
        *,
        entity: Entities | None = None,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
        snapshots: bool = True,
    ) -> pl.DataFrame:
        """Return the state of every entity that exists at a moment.

        Args:
            when: one moment; several (a list or Series); or none: now, that is after all events.
            snapshots: whether to start from a snapshot where one helps. This never changes the answer. Only a
                question for one moment, and for all entities or at least 100, starts from one: see `snapshot_for`.

        Returns:
            ``entity``, then the fields in declared order; sorted by ``entity``. For several moments the same
            rows under a leading column ``as_of`` (Date where all moments are dates, else Datetime), in the
            order of the moments. A moment that is named twice counts once.
        """
        question, ids = self._question(known_at, upto, tz), entity_ids(entity)
        if when is None or is_one_moment(when):
            moment = question.last_instant(when)
            for attempt in self._attempts(question):
                with attempt as view:
                    sight = Sight(view, moment)
                    states = self._states(sight, ids, snapshots=snapshots, take_due=upto is None)
            return self._checked(states, sight, ids)
        moments = several_moments(when)
        last = max((last_instant(each, question.tz) for each in moments), default=None)
        for attempt in self._attempts(question):
            with attempt as view:
                sight = Sight(view, last)
                states = states_at_moments(sight, self._engine, moments, question.tz, ids)
        return self._checked(states, sight, ids)

    def snapshot(self, when: Moment | None = None) -> Snapshot:
        """Store the states at a moment, for later questions to start from.

        If its file is deleted, it is not taken again automatically. Only the snapshots of a policy are.

        Args:
            when: the moment; default: that of the latest event.

        Raises:
            FoldError: the log has no events, or the states of this model cannot be stored.
            IndexFileError: the snapshot cannot be written.
            LogError: the log is in memory.
        """
        moment = None if when is None else last_instant(when, self.tz)
        if not self.log.path:
            raise LogError("a log in memory cannot have snapshots", hint="es.Log(path)")
        for attempt in self._index.views():
            with attempt as view:
                taken = take_snapshot(view, self._snapshots.store, moment)
        return taken

    def take_due(self, policy: SnapshotPolicy) -> list[Snapshot]:
        """Take the snapshots that a policy asks for by now; remove those that it does not keep."""
        if not self.log.path:
            return []
        for attempt in self._index.views():
            with attempt as view:
                taken = self._snapshots.take_due(view, policy)
        return taken

    def snapshot_for(
        self,
        when: Moment | None = None,
        *,
        entity: Entities | None = None,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
    ) -> Snapshot | Unusable:
        """Return the snapshot that `as_of` starts from with the same arguments, or why it starts from none.

        It takes as long as that question. It writes no snapshot, even where a policy asks for one.

        Args:
            when: one moment; default: now, that is after all events. For several moments no snapshot is used.

        Returns:
            A `Snapshot`, with ``moment`` and ``position``, or an `Unusable`, with ``reason``. Both are classes of
            `eventsource.snapshots`.
        """
        question, ids = self._question(known_at, upto, tz), entity_ids(entity)
        moment = question.last_instant(when)
        for attempt in self._attempts(question):
            with attempt as view:
                found = self._snapshots.snapshot_for(view, moment, entities=ids)
        return found

    def snapshots(self) -> pl.DataFrame:
        """Return the snapshots of this model: ``moment``, ``position``, ``entities``; by moment and position."""
        rows = [(each.moment, each.position, each.entities) for each in self._snapshots.store.all()]
        schema = {"moment": TIMESTAMP, "position": pl.Int64(), "entities": pl.Int64()}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def prune(self, keep: int = 0) -> int:
        """Remove all snapshots of this model but the ``keep`` latest; return how many were removed.

        Raises:
            ModelError: ``keep`` is not an integer, or below 0.
        """
        if not isinstance(keep, int) or keep < 0:
            raise ModelError(f"expected keep to be an integer >= 0, got {keep!r}", hint="keep=12")
        return self._snapshots.store.prune(keep)

    def verify(self) -> pl.DataFrame:
        """Compare answers with and without each snapshot: at its moment, and now.

        Returns:
            ``moment``, ``position``, ``same``, ``reason``: a row per snapshot. ``reason`` says why the answers
            differ, or why the snapshot is not used; null where it is used. A snapshot that can never be used
            again, since its file is damaged or the log lost its events, is not the same.
        """
        for attempt in self._index.views():
            with attempt as view:
                verified = verify_snapshots(view, self._engine, self._snapshots.thresholds.max_share)
        return verified

    def history(
        self, entity: Entities | None = None, *, known_at: Moment | None = None, upto: int | None = None
    ) -> pl.DataFrame:
        """Return one row per interval in which nothing changed: a slowly changing dimension (SCD2).

        Returns:
            ``entity``, ``valid_from``, ``valid_to`` (half-open; null while it lasts), then the fields; sorted
            by ``entity``, ``valid_from``. Equal neighbours are one row, and of several events at one instant
            only the last state shows. While the entity does not exist, it has no row.
        """
        ids = entity_ids(entity)
        for attempt in self._attempts(self._question(known_at, upto)):
            with attempt as view:
                sight = Sight(view)
                histories = sight.map(self._engine.history, ids)
        return self._checked(concat_answers(histories), sight, ids)

    def changes(
        self,
        field: str,
        *,
        entity: Entities | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
    ) -> pl.DataFrame:
        """Return one row per event that changed a field: when it changed, and by which event.

        Args:
            field: a field of the model.
            since: first moment, inclusive; a date begins at its midnight.
            until: last moment, inclusive; a date ends with its day.

        Returns:
            ``at``, ``position``, ``entity``, ``field``, ``before``, ``after``, ``event_id``, ``type``; sorted
            by (``at``, ``version``, ``position``), as events are folded.
        """
        question, ids = self._question(known_at, upto, tz), entity_ids(entity)
        self.plan.rule(field)  # raises an error for a field that does not exist
        for attempt in self._attempts(question):
            with attempt as view:
                sight = Sight(view, question.last_instant(until))
                changes = changes_of(sight, self._engine, [field], entities=ids)[field]
        if since is not None:
            changes = changes.filter(pl.col("at") >= first_instant(since, question.tz))
        return self._checked(changes, sight, ids)

    def diff(
        self,
        a: Moment,
        b: Moment,
        *,
        entity: Entities | None = None,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
        mixed: Mixed = "json",
    ) -> pl.DataFrame:
        """Return what differs between two moments.

        Args:
            a: the first moment.
            b: the second.
            mixed: what ``before`` and ``after`` hold where the fields have several dtypes: ``"json"`` for JSON
                text, ``"object"`` for Python values, which no file format takes (dtype Object).

        Returns:
            ``entity``, ``change``, ``field``, ``before``, ``after``: per entity one row ``added`` or
            ``removed`` without a field, or one row ``changed`` per field; sorted by ``entity``, then the
            declared order of fields. ``before`` and ``after`` have the dtype of the fields. Where the fields have
            several, they are String and hold JSON text: a text in quotes, a Decimal as a text of its digits, an
            instant as ISO 8601 in UTC, a list as an array. Null stays null.
        """
        question, ids = self._question(known_at, upto, tz), entity_ids(entity)
        first, second = (last_instant(moment, question.tz) for moment in (a, b))
        for attempt in self._attempts(question):
            with attempt as view:
                sight = Sight(view, max(first, second))
                pairs = sight.map(lambda e: (self._engine.as_of(e, first), self._engine.as_of(e, second)), ids)
        before, after = (concat_answers(states) for states in zip(*pairs, strict=True))
        return self._checked(difference(before, after, self.plan.fields, mixed), sight, ids)

    def explain(
        self,
        entity: str | int,
        when: Moment | None = None,
        *,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
        mixed: Mixed = "json",
    ) -> pl.DataFrame:
        """Return, per field of one entity, its value and the event that last changed it.

        Args:
            entity: the entity's id: a text, or an integer that is matched as text.
            when: the moment; default: after all events.
            mixed: what ``value`` holds where the fields have several dtypes; see `diff`.

        Returns:
            ``field``, ``value``, ``event_id``, ``type``, ``at``, ``position``; the last four are null while
            the field has its default. An entity without events by then has all defaults. Where the fields
            have several dtypes, ``value`` is JSON text, as in `diff`. If events of the entity were corrected, also
            ``corrected``: per field, which of its events were corrected or retracted, when, and why.
        """
        question, ids = self._question(known_at, upto, tz), entity_id(entity)
        for attempt in self._attempts(question):
            with attempt as view:
                sight = Sight(view, question.last_instant(when))
                changes = changes_of(sight, self._engine, self.plan.fields, entities=ids)
                corrected = EntityCorrections.of(view, ids).notes_of_fields(self.plan, sight.until)
        if not any(map(len, changes.values())):
            warn_of_unknown_entity(self, ids, sight.view)
        return self._checked(explanation(changes, self.plan, mixed, corrected), sight)

    def trend(  # noqa: PLR0913 - filters, all by keyword
        self,
        measures: Mapping[str, pl.Expr],
        *,
        every: str,
        since: Moment | None = None,
        until: Moment | None = None,
        by: str | Sequence[str] | None = None,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
    ) -> pl.DataFrame:
        """Return measures over the entities that exist, at ``since``, ``since + every``, … up to ``until``.

        The same as `as_of` of each moment, aggregated. But histories are folded once, and sums, counts and means
        of fields are computed from the ends of their intervals, so that more moments cost next to nothing. Sums
        and means of floats are exact sums, rounded once. Only where 128 bits do not hold all values at once, such
        as 1e21 beside 0.1, each moment is summed as Polars does.

        Args:
            measures: column name → a Polars aggregation over the fields, such as
                ``pl.col("premium").sum()`` or ``pl.len()``.
            every: the step, a Polars duration such as ``"1d"``, ``"1w"``, ``"1mo"``.
            since: first moment; default: the last day of the calendar step that contains the first event, such as
                the last day of its month; for steps of hours or less, the day of the first event. A date means the
                end of its day; for steps of hours or less, its midnight.
            until: last moment that may be in the answer; default: the last day of the step of the last event.
            by: fields to group by.

        Returns:
            ``as_of``, the groups of ``by``, one column per measure; sorted by ``as_of`` and groups. Without
            ``by`` every moment has a row. Where no entity exists, a measure has the value that it has for no rows:
            0, NaN or null; also null where Polars cannot compute it, such as a Decimal divided by zero.
        """
        from eventsource.timeline._trend import Trend  # noqa: PLC0415 - most questions are others
        from eventsource.timeline._trend_moments import trend_moments  # noqa: PLC0415 - likewise

        question = self._question(known_at, upto, tz)
        trend = Trend.of(measures, [by] if isinstance(by, str) else list(by or ()))
        plan = self.plan.only(trend.fields(self.plan))
        for attempt in self._attempts(question):
            with attempt as view:
                labels = trend_moments(view, every, since=since, until=until, tz=question.tz)
                instants = [question.last_instant(moment) for moment in labels]
                sight = Sight(view, instants[-1] if instants else None)
                slots = trend_slots(sight, self._engine, trend, plan, instants)
        return self._checked(trend.over(slots, labels), sight)

    def join(
        self,
        frame: Any,
        *,
        on: str,
        at: str,
        prefix: str = "",
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
    ) -> pl.DataFrame:
        """Return a frame with the state of each row's entity at the row's own moment appended.

        With ``known_at="decided_at"``, the name of a column, each row gets what was known at a time of its own. So
        no row of a training set knows what was recorded after its decision. Its answer is that of
        ``as_of(at, known_at=decided_at)``; all rows are answered in one pass.

        Args:
            frame: a Polars or pandas frame, or what a Polars frame is made of; a lazy one is collected.
            on: its column of entity ids; integers are matched as text.
            at: its column of moments: dates, datetimes or texts.
            prefix: what to put before the names of the fields.
            known_at: one moment for all rows, or the name of a column of moments.

        Returns:
            Every row in its order, then the fields; null where the entity does not exist at that moment, and where
            the id, ``at`` or ``known_at`` of the row is null.

        Raises:
            ModelError: columns that are missing or already there, ids that are neither texts nor integers, or a
                ``known_at`` that is both a moment and the name of a column.
        """
        from eventsource.timeline._join import JoinedRows, latest_known_at  # noqa: PLC0415 - likewise

        rows = JoinedRows.of(frame, on, at, known_at)
        rows.check_names(prefix + name for name in self.plan.fields)
        question = self._question(None if rows.known_at else known_at, upto, tz)
        asked = rows.asked(question.tz)
        if rows.known_at:
            question = replace(question, known_at=latest_known_at(asked))
        for attempt in self._attempts(question):
            with attempt as view:
                sight = Sight(view.over_time() if rows.known_at else view, asked["at"].max())  # type: ignore[arg-type]  # a datetime
                states = states_of_rows(sight, self._engine, asked)
        joined = rows.frame.hstack(states.select(pl.col(name).alias(prefix + name) for name in self.plan.fields))
        return self._checked(joined, sight)

    def replay(self, entity: str | int, *, known_at: Moment | None = None, upto: int | None = None) -> "Replay":
        """Return one step per relevant event of an entity: the state before, what changed, the state after.

        A step also says whether the event created the entity, deleted it or created it again, and whether it was
        corrected. Retracted events have no step: `Replay.corrections` lists them.
        """
        from eventsource.timeline._replay import replay_of  # noqa: PLC0415 - likewise

        ids, fields = entity_id(entity), self.plan.fields
        for attempt in self._attempts(self._question(known_at, upto)):
            with attempt as view:
                sight = Sight(view)
                [(events, changes)] = sight.map(lambda events: (events, self._engine.changes(events, fields)), ids)
                corrections = EntityCorrections.of(view, ids)
                steps = replay_of(ids[0], events, changes, self.log, corrections)
        return self._checked(steps, sight, ids)

    def faults(
        self, entity: Entities | None = None, *, known_at: Moment | None = None, upto: int | None = None
    ) -> pl.DataFrame:
        """Return all faults: events that a field of the model cannot fold.

        A fault spoils the answers about its entity, from its moment on, that may see it. A correction or a
        retraction of the event repairs it permanently.

        Returns:
            ``event_id``, ``position``, ``entity``, ``field``, ``value`` (as JSON), ``reason``; sorted by
            ``position``. An event whose key is an array or object has no field; its entity is that of its stream.
        """
        ids = entity_ids(entity)
        for attempt in self._attempts(self._question(known_at, upto)):
            with attempt as view:
                found = view.map(self._engine.faults, ids)
        return listed_faults(pl.concat(found))

    def with_faults(self, faults: Faults) -> "Timeline":
        """Return this timeline with another mode for faults; both share index and snapshots.

        Raises:
            ModelError: ``faults`` is neither ``"raise"`` nor ``"skip"``.
        """
        other = copy(self)
        other.on_fault = check_faults(faults)
        return other

    def touched(self, start: int, upto: int) -> pl.Series:
        """Return the ids of entities with relevant events at ``start`` <= position < ``upto``, sorted.

        They are the only ones whose states and histories can differ between ``upto=start`` and ``upto=upto``.
        """
        for attempt in self._index.views(upto=upto):
            with attempt as view:
                ids = view.touched_entities(start)
        return ids

    def entities(self, *, known_at: Moment | None = None, upto: int | None = None) -> pl.Series:
        """Return the ids of all entities that have relevant events, sorted, whether they exist or not."""
        for attempt in self._attempts(self._question(known_at, upto)):
            with attempt as view:
                ids = view.map(lambda events: events.with_key.entities)
        return pl.concat(ids).alias("entity")

    def __repr__(self) -> str:
        return f"<Timeline of {self.plan.name} over {self.log!r}, tz={self.tz!r}>"

    def _repr_html_(self) -> str:
        from eventsource.timeline._display import timeline_html  # noqa: PLC0415 - only notebooks show it

        return timeline_html(self.plan, repr(self.log), self.tz)

    def _question(self, known_at: Moment | None, upto: int | None, tz: str | None = None) -> Question:
        return Question.of(known_at, upto, tz or self.tz)

    def _attempts(self, question: Question) -> Iterator[Attempt]:
        """Yield attempts to answer a question; see `Index.views`. The first warns of names that no event has."""
        for attempt in self._index.views(upto=question.upto, known_at=question.known_at):
            with self._names_lock:  # threads that ask at once still get one warning
                if not self._names_checked:
                    with attempt as view:
                        self._names_checked = warn_of_unknown_names(self.log, view)
                        warn_of_unnamed_types(self.log, view)
            if attempt.missing is None:
                yield attempt

    def _checked(self, answer: T, sight: Sight, ids: pl.Series | None = None) -> T:
        """Return an answer, after a check for faults; warn if it is empty because no entity has the id.

        Raises:
            FaultError: the question met a fault, and the mode is ``raise``.
        """
        raise_or_warn_of_faults(sight, self.on_fault, self.plan.name)
        if ids is not None and not len(answer):
            warn_of_unknown_entity(self, ids, sight.view)
        return answer

    def _states(self, sight: Sight, ids: pl.Series | None, *, snapshots: bool, take_due: bool) -> pl.DataFrame:
        """Return the states at a moment: from a snapshot where one helps, else folded from all events."""
        if snapshots:
            found = self._snapshots.states(sight.view, sight.until, entities=ids, take_due=take_due)
            if not isinstance(found, Unusable):
                return found
        return concat_answers(sight.map(lambda events: self._engine.as_of(events, sight.until), ids))
