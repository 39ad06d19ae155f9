"""The timeline: log × model × fold. Questions are methods, moments are arguments.

A model and a log know nothing of each other; they meet here, once, in `Timeline(log, Model)`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from eventsource.errors import LogError, ModelError, MomentError
from eventsource.event import TIMESTAMP
from eventsource.fold import Events, concat_answers
from eventsource.moment import Moment, first_instant, last_instant, last_instants
from eventsource.snapshots import Snapshot, SnapshotPolicy, taken, taken_if_due
from eventsource.timeline._answers import difference, explanation
from eventsource.timeline._asking import Asking, Entities, Moments
from eventsource.timeline._display import timeline_html
from eventsource.timeline._mixed import Mixed
from eventsource.timeline._replay import Replay, Step, replay_of
from eventsource.timeline._trend import Trend

__all__ = ["Replay", "Step", "Timeline"]


class Timeline(Asking):
    """Answers questions about any moment of a log, as a model sees it.

    Every question takes ``known_at`` (only events with ``recorded_at`` up to that moment), ``upto`` (only events
    with a smaller position: this pins an answer for good) and, where it takes moments, ``tz`` (the zone of
    dates and of datetimes without one). A datetime means that instant, inclusive; a date the whole day,
    closed at its end. Answers are Polars frames; times in them are UTC.

    Args:
        log: a `Log`.
        model: a `Model` class or a `Plan`.
        tz: the zone of moments that name none.
        engine: what folds; default: the Polars engine.
        snapshots: when snapshots are taken by themselves, as questions are asked; default: only by `snapshot`.
        progress: called while a question first takes in many events, with what is done, how much, of how much.
    """

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
            entity: only this one, or only these.
            known_at: see the class.
            upto: see the class.
            tz: see the class.
            snapshots: whether the nearest snapshot may be gone on from; the answer is the same.

        Returns:
            ``entity``, then the fields in declared order; sorted by ``entity``. For several moments the same
            rows under a leading column ``as_of`` (Date where all moments are dates, else Datetime), in the
            order of the moments asked for.
        """
        view = self._view(known_at, upto, tz)
        if when is None or isinstance(when, str | date):
            moment = None if when is None else last_instant(when, view.tz)
            if snapshots and (answer := self._kept(view, moment, entity)) is not None:
                return answer
            return concat_answers(self._ask(view, lambda events: self._engine.as_of(events, moment), entity))
        if not isinstance(when, Iterable):
            raise MomentError(f"{when!r} is no moment", hint='a date, a datetime or a text such as "2024-06-30"')
        return self._states(view, list(when), entity)

    def snapshot(self, when: Moment | None = None) -> Snapshot:
        """Keep the states at a moment, for later questions to go on from.

        Args:
            when: the moment; default: that of the latest event.

        Raises:
            FoldError: the log has no events, or states of this model cannot be kept.
            IndexFileError: the snapshot cannot be written.
        """
        moment = None if when is None else last_instant(when, self.tz)
        shelf = self._shelf
        if not self.log.path:
            raise LogError("a log in memory keeps no snapshots", hint="es.Log(path)")
        return self._index.ask(lambda view: taken(view, self.plan, shelf, moment))

    def take_due(self, policy: SnapshotPolicy) -> list[Snapshot]:
        """Take the snapshots that a policy asks for by now; remove those that it does not keep."""
        shelf = self._shelf
        if not self.log.path:
            return []
        return self._index.ask(lambda view: taken_if_due(view, self.plan, shelf, policy, self.tz))

    def snapshots(self) -> pl.DataFrame:
        """Return the snapshots of this model: ``moment``, ``position``, ``entities``; by moment and position."""
        rows = [(s.moment, s.position, s.entities) for s in self._shelf.all()]
        schema = {"moment": TIMESTAMP, "position": pl.Int64(), "entities": pl.Int64()}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def prune(self, keep: int = 0) -> int:
        """Remove all snapshots of this model but the ``keep`` latest; return how many went.

        Raises:
            ModelError: ``keep`` is no number, or below 0.
        """
        if not isinstance(keep, int) or keep < 0:
            raise ModelError(f"keep={keep!r} is no number of snapshots", hint="keep=12")
        return self._shelf.prune(keep)

    def verify(self) -> pl.DataFrame:
        """Compare answers with and without each snapshot: at its moment, and now.

        Returns:
            ``moment``, ``position`` and ``same``, a row per snapshot; one that cannot be read is not the same.
        """
        found = self._shelf.all()
        same = [self._agrees(kept, kept.moment) and self._agrees(kept, None) for kept in found]
        return self.snapshots().select("moment", "position").with_columns(pl.Series("same", same, pl.Boolean()))

    def history(
        self, entity: Entities | None = None, *, known_at: Moment | None = None, upto: int | None = None
    ) -> pl.DataFrame:
        """Return one row per interval in which nothing changed, of one entity, of several or of all.

        Returns:
            ``entity``, ``valid_from``, ``valid_to`` (half-open; null while it lasts), then the fields; sorted
            by ``entity``, ``valid_from``. Equal neighbours are one row, and of several events at one instant
            only the last state shows; there is no row while the entity does not exist.
        """
        return concat_answers(self._ask(self._view(known_at, upto), self._engine.history, entity))

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
            entity: only changes of this one, or of these.
            since: first moment, inclusive; a date begins at its midnight.
            until: last moment, inclusive; a date ends with its day.
            known_at: see the class.
            upto: see the class.
            tz: see the class.

        Returns:
            ``at``, ``position``, ``entity``, ``field``, ``before``, ``after``, ``event_id``, ``type``; sorted
            by (``at``, ``position``).
        """
        view = self._view(known_at, upto, tz)
        self.plan.rule(field)
        changes = self._changes(view, [field], entity)[field]
        if since is not None:
            changes = changes.filter(pl.col("at") >= first_instant(since, view.tz))
        if until is not None:
            changes = changes.filter(pl.col("at") <= last_instant(until, view.tz))
        return changes

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
            entity: only of this one, or of these.
            known_at: see the class.
            upto: see the class.
            tz: see the class.
            mixed: what ``before`` and ``after`` hold where the fields have several dtypes: ``"json"`` for JSON
                text, ``"object"`` for Python values, which no file format takes (dtype Object).

        Returns:
            ``entity``, ``change``, ``field``, ``before``, ``after``: per entity one row ``added`` or
            ``removed`` without a field, or one row ``changed`` per field; sorted by ``entity``, then the
            declared order of fields. ``before`` and ``after`` have the dtype of the fields. Where the fields have
            several, they are String and hold JSON text: a text in quotes, a Decimal as a text of its digits, an
            instant as ISO 8601 in UTC, a list as an array. Null stays null.
        """
        view = self._view(known_at, upto, tz)
        moments = [last_instant(moment, view.tz) for moment in (a, b)]
        pairs = self._ask(view, lambda events: [self._engine.as_of(events, moment) for moment in moments], entity)
        first, second = (concat_answers(states) for states in zip(*pairs, strict=True))
        return difference(first, second, self.plan.fields, mixed)

    def explain(
        self,
        entity: str,
        when: Moment | None = None,
        *,
        known_at: Moment | None = None,
        upto: int | None = None,
        tz: str | None = None,
        mixed: Mixed = "json",
    ) -> pl.DataFrame:
        """Return, per field of one entity, its value and the event that last changed it.

        Args:
            entity: the entity's id.
            when: the moment; default: after all events.
            known_at: see the class.
            upto: see the class.
            tz: see the class.
            mixed: what ``value`` holds where the fields have several dtypes; see `diff`.

        Returns:
            ``field``, ``value``, ``event_id``, ``type``, ``at``, ``position``; the last four are null while
            the field has its default. An entity without events by then has all defaults. Where the fields
            have several dtypes, ``value`` is JSON text, as in `diff`.
        """
        view = self._view(known_at, upto, tz)
        moment = None if when is None else last_instant(when, view.tz)
        return explanation(self._changes(view, self.plan.fields, entity, until=moment), self.plan, mixed)

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

        The same as `as_of` of each moment, aggregated; but histories are folded once, and sums, counts and
        means of fields are taken from transitions, so that more moments cost next to nothing. Sums and means
        of floats are exact sums, rounded once; only where 128 bits do not hold all values at once, such as 1e21
        beside 0.1, each moment is summed as Polars does.

        Args:
            measures: column name → a Polars aggregation over the fields, such as
                ``pl.col("premium").sum()`` or ``pl.len()``.
            every: the step, a Polars duration such as ``"1d"``, ``"1w"``, ``"1mo"``.
            since: first moment; default: the last day of the calendar step of the first event, such as its month's
                last; for steps of hours and less, the day of the first event.
            until: last moment that may be in the answer; default: the last day of the step of the last event.
            by: fields to group by.
            known_at: see the class.
            upto: see the class.
            tz: see the class.

        Returns:
            ``as_of``, the groups of ``by``, one column per measure; sorted by ``as_of`` and groups. Without
            ``by`` every moment has a row, of nobody what a measure makes of no rows: 0, NaN or null; null, too,
            where Polars refuses to compute it, as a Decimal divided by zero.
        """
        view = self._view(known_at, upto, tz)
        groups = [by] if isinstance(by, str) else list(by or ())
        trend = Trend.of(measures, groups)
        plan = self.plan.only(trend.fields(self.plan))
        labels = self._moments(view, every, since, until)
        moments = pl.Series([last_instant(label, view.tz) for label in labels], dtype=TIMESTAMP)
        slots = self._ask(view, lambda events: trend.slots(self._engine.history(events.only(plan)), moments))
        return trend.over(concat_answers(slots), labels)

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

        Args:
            frame: a Polars or pandas frame, or what a Polars frame is made of; a lazy one is collected.
            on: its column of entity ids; integers are matched as text.
            at: its column of moments: dates, datetimes or texts.
            prefix: what to put before the names of the fields.
            known_at: see the class.
            upto: see the class.
            tz: see the class.

        Returns:
            Every row in its order, then the fields; null where the entity does not exist at that moment.

        Raises:
            ModelError: columns that are missing or taken, or ids that are no text and no integers.
        """
        view = self._view(known_at, upto, tz)
        rows = frame.collect() if isinstance(frame, pl.LazyFrame) else pl.DataFrame(frame)
        _check_join(rows, on, at, [prefix + name for name in self.plan.fields])
        asked = pl.DataFrame([_ids(rows[on]), last_instants(rows[at], view.tz).alias("at")]).with_row_index("|row")
        wanted = asked.sort("entity")
        found = self._ask(view, lambda events: self._states_at(events, wanted), wanted["entity"].unique())
        states = asked.select("|row").join(concat_answers(found), on="|row", how="left", maintain_order="left")
        return rows.hstack(states.select(pl.col(name).alias(prefix + name) for name in self.plan.fields))

    def replay(self, entity: str, *, known_at: Moment | None = None, upto: int | None = None) -> Replay:
        """Return one step per relevant event of an entity: the state before, what changed, the state after.

        A step also says whether the event created the entity, deleted it or created it again.
        """

        def steps(events: Events) -> Replay:
            return replay_of(entity, events, self._engine.changes(events, self.plan.fields), self.log)

        return self._ask(self._view(known_at, upto), steps, entity)[0]

    def touched(self, start: int, upto: int) -> pl.Series:
        """Return the ids of entities with relevant events at ``start`` <= position < ``upto``, sorted.

        They are the only ones whose states and histories can differ between ``upto=start`` and ``upto=upto``.
        """
        return self._index.ask(lambda view: view.touched(start), upto=upto)

    def entities(self, *, known_at: Moment | None = None, upto: int | None = None) -> pl.Series:
        """Return the ids of all entities that have relevant events, sorted, whether they exist or not."""
        return pl.concat(self._ask(self._view(known_at, upto), lambda events: events.clustered.entities)).alias(
            "entity"
        )

    def __repr__(self) -> str:
        return f"<Timeline of {self.plan.name} over {self.log!r}, tz={self.tz!r}>"

    def _repr_html_(self) -> str:
        return timeline_html(self.plan, repr(self.log), self.tz)


def _check_join(frame: pl.DataFrame, on: str, at: str, fields: Iterable[str]) -> None:
    for column in (on, at):
        if column not in frame.columns:
            raise ModelError(f"the frame has no column {column!r}", hint=f"it has {', '.join(frame.columns)}")
    if taken := sorted(set(fields) & set(frame.columns)):
        raise ModelError(f"the frame already has a column {taken[0]!r}", hint='prefix="customer_"')


def _ids(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if not (dtype.is_integer() or dtype in (pl.String, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum)):
        raise ModelError(f"column {column.name!r} is {dtype}: entity ids are texts or integers")
    return column.cast(pl.String).alias("entity")
