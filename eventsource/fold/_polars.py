"""The Polars engine: every question is a lookup in the tracks of the fields."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl

from eventsource.decode import Clustered, Integers, RowNumbers, bisect_right
from eventsource.fold._columns import refusal
from eventsource.fold._effects import derived
from eventsource.fold._track import Touched, Track
from eventsource.fold._tracks import Tracks
from eventsource.fold.engine import EXISTS, Events
from eventsource.plan import Plan

__all__ = ["PolarsEngine"]

_ENVELOPE: Final = ("at", "position", "event_id", pl.col("type").cast(pl.String))


class PolarsEngine:
    """Folds whole logs at columnar speed; see `eventsource.fold.engine.Engine`."""

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """Look up the last row of each entity."""
        tracks = Tracks(events, events.plan.rules, moment)
        exists = tracks[EXISTS].last()
        fields = [tracks[name].last().alias(name) for name in tracks.fields]
        states = pl.DataFrame([events.clustered.entities.alias("entity"), *fields])
        states = states if exists.all() else states.filter(exists)
        return derived(states, events.plan.rules).select("entity", *events.plan.fields)

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Find the row of each asked moment among its entity's rows, and look it up."""
        rows = events.clustered
        numbers = pl.DataFrame({"entity": rows.entities}).with_row_index("|number")
        # In order of rows, lookups find their neighbours' memory warm.
        found = asked.select("entity", "at").with_row_index("|place").join(numbers, on="entity", nulls_equal=False)
        found = found.drop_nulls("at").sort("|number", "at")
        owners = found["|number"].to_numpy()
        tracks = Tracks(events, events.plan.rules)
        states = _states(tracks, events.plan, _ends(rows, owners, found["at"]), owners)
        states = states.with_columns(found["|place"])
        every = pl.DataFrame({"|place": pl.Series(range(asked.height), dtype=pl.UInt32)})
        answer = every.join(states.filter(EXISTS), on="|place", how="left", maintain_order="left")
        return answer.select(pl.col(EXISTS).fill_null(value=False), *events.plan.fields)

    def history(self, events: Events) -> pl.DataFrame:
        """Runs of equal neighbours among the last states of each instant."""
        rows, tracks = events.clustered, Tracks(events, events.plan.rules)
        touched = _touched(rows, (tracks[name] for name in tracks))
        ends, owners = pl.Series(touched.rows + 1), touched.owners.alias("|owner")
        at = rows.collect("at").to_series().gather(pl.Series(touched.rows))
        last = (owners != owners.shift(-1)).fill_null(value=True) | (at != at.shift(-1)).fill_null(value=True)
        ends, owners, at = ends.filter(last), owners.filter(last), at.filter(last)
        states = _states(tracks, events.plan, ends.to_numpy(), owners.to_numpy())
        return _intervals(states.with_columns(owners, at.alias("valid_from")), events)

    def changes(self, events: Events, fields: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Per field, the touches after which it is not what it was before."""
        plan = events.plan.only(fields)
        tracks = Tracks(events, plan.rules)
        envelope = _collected(events.clustered, *_ENVELOPE)
        return {name: _changes(events.clustered, tracks, plan.only([name]), name, envelope) for name in fields}


def _states(tracks: Tracks, plan: Plan, ends: RowNumbers, owners: Integers) -> pl.DataFrame:
    """Return `EXISTS` and the fields before the rows ``ends``, each for the entity of the number in ``owners``."""
    columns = [tracks[name].before(ends, owners).alias(name) for name in tracks]
    return derived(pl.DataFrame(columns), plan.rules).select(EXISTS, *plan.fields)


def _ends(rows: Clustered, owners: Integers, moments: pl.Series) -> RowNumbers:
    """Return for the entities of some numbers the end of their rows up to moments, inclusive."""
    at = rows.collect(pl.col("at").to_physical()).to_series().to_numpy()
    return bisect_right(at, rows.starts[:-1][owners], rows.starts[1:][owners], moments.to_physical().to_numpy())


def _touched(rows: Clustered, tracks: Iterable[Track]) -> Touched:
    """Return the rows that touch anything."""
    mask = np.zeros(len(rows), bool)
    for track in tracks:
        mask |= track.touched.mask
    return Touched(mask, rows.starts)


def _intervals(states: pl.DataFrame, events: Events) -> pl.DataFrame:
    """Return the history of states in fold order: runs of equal neighbours as one row."""
    same = (pl.col("|owner") == pl.col("|owner").shift()).fill_null(value=False)
    differs = [pl.col(name).ne_missing(pl.col(name).shift()) for name in (EXISTS, *events.plan.fields)]
    runs = states.filter(~same | pl.any_horizontal(differs))
    goes_on = pl.col("|owner") == pl.col("|owner").shift(-1)
    until = pl.when(goes_on).then(pl.col("valid_from").shift(-1))
    shown = runs.with_columns(until.alias("valid_to")).filter(EXISTS)
    entity = events.clustered.entities.gather(shown["|owner"]).alias("entity")
    return shown.select(entity, "valid_from", "valid_to", *events.plan.fields)


def _changes(rows: Clustered, tracks: Tracks, plan: Plan, name: str, envelope: pl.DataFrame) -> pl.DataFrame:
    """Return the changes of one field, the only one of ``plan`` that is asked for."""
    names = [rule.name for rule in plan.rules if rule.op != "derive"]
    touched = _touched(rows, (tracks[n] for n in names))
    owners = touched.owners.to_numpy()
    before, after = (_before(tracks, plan, name, ends, owners) for ends in (touched.rows, touched.rows + 1))
    changed = before.ne_missing(after)
    events = envelope.select(pl.all().gather(pl.Series(touched.rows).filter(changed)))
    at, position, *source = events.get_columns()
    changes = pl.DataFrame(
        [
            at,
            position,
            rows.entities.gather(touched.owners.filter(changed)).alias("entity"),
            pl.Series("field", [name], pl.String).new_from_index(0, events.height),
            before.filter(changed).alias("before"),
            after.filter(changed).alias("after"),
            *source,
        ]
    )
    return changes if len(rows.entities) == 1 else changes.sort("at", "position")


def _before(tracks: Tracks, plan: Plan, name: str, ends: RowNumbers, owners: Integers) -> pl.Series:
    """Return a field before the rows ``ends``, each for the entity of the number in ``owners``."""
    if plan.rule(name).op != "derive":
        return tracks[name].before(ends, owners)
    plain = [rule.name for rule in plan.rules if rule.op != "derive"]
    columns = [tracks[name].before(ends, owners).alias(name) for name in plain]
    return derived(pl.DataFrame([pl.Series("|row", ends), *columns]), plan.rules)[name]


def _collected(rows: Clustered, *columns: str | pl.Expr) -> pl.DataFrame:
    try:
        return rows.collect(*columns)
    except pl.exceptions.PolarsError as error:
        raise refusal(error) from error
