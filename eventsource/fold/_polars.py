"""The Polars engine: every question is a look-up in the histories of the fields."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from eventsource.decode import Clustered, Integers, RowNumbers, bisect_right
from eventsource.fold._asked_faults import asked_faults
from eventsource.fold._faults import faults_of
from eventsource.fold._field_histories import FieldHistories
from eventsource.fold.engine import EXISTS, Events
from eventsource.operations import FieldHistory, TouchedRows, compute_derived, fold_errors
from eventsource.plan import Plan

__all__ = ["PolarsEngine"]


class PolarsEngine:
    """Folds whole logs at columnar speed; see `eventsource.fold.Engine`."""

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """Look up each field after the last row of each entity up to the moment."""
        events.report(faults_of(events, moment))
        histories = FieldHistories(events, events.plan.rules, moment)
        exists = histories[EXISTS].last()
        fields = [histories[name].last().alias(name) for name in histories.fields]
        states = pl.DataFrame([events.clustered.entities.alias("entity"), *fields])
        states = states if exists.all() else states.filter(exists)
        return compute_derived(states, events.plan.rules).select("entity", *events.plan.fields)

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Find the end of each asked entity's rows up to its moment, and look up the fields there."""
        events.report(asked_faults(faults_of(events, asked["at"].max()), asked))  # type: ignore[arg-type]  # a moment
        # Sorted like the rows: neighbouring look-ups then read neighbouring memory.
        found = asked.select("owner", "at").with_row_index("|asked").drop_nulls().sort("owner", "at")
        owners = found["owner"].to_numpy()
        histories = FieldHistories(events, events.plan.rules)
        states = _states(histories, events.plan, _ends(events.clustered, owners, found["at"]), owners)
        states = states.with_columns(found["|asked"])
        every = pl.DataFrame({"|asked": pl.Series(range(asked.height), dtype=pl.UInt32)})
        answer = every.join(states.filter(EXISTS), on="|asked", how="left", maintain_order="left")
        return answer.select(pl.col(EXISTS).fill_null(value=False), *events.plan.fields)

    def history(self, events: Events) -> pl.DataFrame:
        """Look up the state after the last row of each instant, and join equal neighbours."""
        events.report(faults_of(events, events.moment))
        clustered, histories = events.clustered, FieldHistories(events, events.plan.rules)
        touched = _touched_by_any(clustered, histories.values())
        ends, owners = pl.Series(touched.rows + 1), touched.owners.alias("|owner")
        at = clustered.collect("at").to_series().gather(pl.Series(touched.rows))
        is_last = (owners != owners.shift(-1)).fill_null(value=True) | (at != at.shift(-1)).fill_null(value=True)
        ends, owners, at = ends.filter(is_last), owners.filter(is_last), at.filter(is_last)
        states = _states(histories, events.plan, ends.to_numpy(), owners.to_numpy())
        return _intervals(states.with_columns(owners, at.alias("valid_from")), events)

    def changes(self, events: Events, fields: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Return per field the touches after which its value differs from the one before."""
        events.report(faults_of(events, events.moment))
        plan = events.plan.only(fields)
        histories = FieldHistories(events, plan.rules)
        type_ = pl.col("type").cast(pl.String)
        envelope = _collect(events.clustered, "at", events.clustered.version, "position", "event_id", type_)
        return {name: _changes(events.clustered, histories, plan.only([name]), name, envelope) for name in fields}

    def faults(self, events: Events) -> pl.DataFrame:
        """Find the values that fields cannot fold by their kinds, and the totals that leave their range."""
        return faults_of(events, events.moment)


def _states(histories: FieldHistories, plan: Plan, ends: RowNumbers, owners: Integers) -> pl.DataFrame:
    """Return `EXISTS` and the fields before the rows ``ends``, each for the entity of the number in ``owners``."""
    columns = [histories[name].before(ends, owners).alias(name) for name in histories]
    return compute_derived(pl.DataFrame(columns), plan.rules).select(EXISTS, *plan.fields)


def _ends(clustered: Clustered, owners: Integers, moments: pl.Series) -> RowNumbers:
    """Return the end of each entity's rows up to its moment, inclusive; ``owners`` are numbers of entities."""
    at = clustered.collect(pl.col("at").to_physical()).to_series().to_numpy()
    starts = clustered.starts
    return bisect_right(at, starts[:-1][owners], starts[1:][owners], moments.to_physical().to_numpy())


def _touched_by_any(clustered: Clustered, histories: Iterable[FieldHistory]) -> TouchedRows:
    """Return the rows that touch any of the fields."""
    mask = np.zeros(len(clustered), bool)
    for history in histories:
        mask |= history.touched.mask
    return TouchedRows(mask, clustered.starts)


def _intervals(states: pl.DataFrame, events: Events) -> pl.DataFrame:
    """Return states, one row per entity and instant in fold order, as intervals in which nothing changes.

    Six states of one entity, where ``-`` is a state in which the entity does not exist:

        valid_from    1    2    3    4    5    6
        state         A    A    B    -    -    B
        streaks       A         B    -         B         the first row of equal neighbours
        valid_to      3         4    6         null      the next streak's valid_from
        answer        A 1–3     B 3–4          B 6–
    """
    same_owner = (pl.col("|owner") == pl.col("|owner").shift()).fill_null(value=False)
    differs = [pl.col(name).ne_missing(pl.col(name).shift()) for name in (EXISTS, *events.plan.fields)]
    streaks = states.filter(~same_owner | pl.any_horizontal(differs))
    has_next = pl.col("|owner") == pl.col("|owner").shift(-1)
    valid_to = pl.when(has_next).then(pl.col("valid_from").shift(-1)).alias("valid_to")
    shown = streaks.with_columns(valid_to).filter(EXISTS)
    entity = events.clustered.entities.gather(shown["|owner"]).alias("entity")
    return shown.select(entity, "valid_from", "valid_to", *events.plan.fields)


def _changes(
    clustered: Clustered, histories: FieldHistories, plan: Plan, name: str, envelope: pl.DataFrame
) -> pl.DataFrame:
    """Return the changes of one field; ``plan`` has this field and the fields that it is derived from."""
    touched = _touched_by_any(clustered, (histories[rule.name] for rule in plan.folded))
    owners = touched.owners.to_numpy()
    before, after = (_before(histories, plan, name, ends, owners) for ends in (touched.rows, touched.rows + 1))
    changed = before.ne_missing(after)
    events = envelope.select(pl.all().gather(pl.Series(touched.rows).filter(changed)))
    at, version, position, *source = events.get_columns()
    return pl.DataFrame(
        [
            at,
            version,
            position,
            clustered.entities.gather(touched.owners.filter(changed)).alias("entity"),
            pl.Series("field", [name], pl.String).new_from_index(0, events.height),
            before.filter(changed).alias("before"),
            after.filter(changed).alias("after"),
            *source,
        ]
    )


def _before(histories: FieldHistories, plan: Plan, name: str, ends: RowNumbers, owners: Integers) -> pl.Series:
    """Return a field before the rows ``ends``, each for the entity of the number in ``owners``."""
    if not plan.rule(name).is_derived:
        return histories[name].before(ends, owners)
    columns = [histories[rule.name].before(ends, owners).alias(rule.name) for rule in plan.folded]
    return compute_derived(pl.DataFrame([pl.Series("|row", ends), *columns]), plan.rules)[name]


def _collect(clustered: Clustered, *columns: str | pl.Expr) -> pl.DataFrame:
    with fold_errors():
        return clustered.collect(*columns)
