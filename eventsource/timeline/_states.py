"""What questions read from a view: states at many moments, changes, and the intervals of a trend.

In a question for states at many moments each asked row has an entity and a moment of its own.

An engine finds the state of an asked row by bisection among the events of its entity (`Engine.states_at`). Two
questions use that. ``join`` asks for the rows of a frame; ``as_of`` with several moments asks for every entity at
every moment::

    moments      entities       asked: |moment  entity  at       found: |moment  entity  plan
    Jan, Feb  ×  a, b       ->         0        a       Jan  ->         0        a       basic
                                       0        b       Jan             1        a       premium
                                       1        a       Feb             1        b       basic
                                       1        b       Feb             (b did not exist in January)
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from eventsource.decode import FOLD_ORDER
from eventsource.event import TIMESTAMP
from eventsource.fold import EXISTS, Engine, Events, concat_answers
from eventsource.moment import Moment, last_instant, parse_moment
from eventsource.plan import Plan
from eventsource.timeline._answers import moments_column
from eventsource.timeline._faults import Sight
from eventsource.timeline._trend import Trend

__all__ = ["changes_of", "states_at_moments", "states_of_rows", "trend_slots"]


def states_at_moments(
    sight: Sight, engine: Engine, moments: Sequence[Moment], tz: str, entities: pl.Series | None
) -> pl.DataFrame:
    """Return the entities that exist at each moment: ``as_of``, ``entity``, the fields; in order of moments.

    A moment that is named twice counts once: an aggregation by ``as_of`` would count its rows double.
    """
    labels = moments_column([parse_moment(moment) for moment in moments], tz)
    instants = pl.Series("at", [last_instant(moment, tz) for moment in moments], TIMESTAMP)
    numbered = instants.to_frame().with_row_index("|moment").filter(instants.is_first_distinct())

    def states(events: Events) -> pl.DataFrame:
        asked = numbered.join(events.clustered.entities.alias("entity").to_frame(), how="cross")
        found = asked.select("|moment", "entity").hstack(engine.states_at(events, asked))
        return found.filter(EXISTS).drop(EXISTS)

    found = concat_answers(sight.map(states, entities)).sort("|moment", maintain_order=True)
    return found.select(labels.gather(found["|moment"]).alias("as_of"), pl.all().exclude("|moment"))


def states_of_rows(sight: Sight, engine: Engine, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the state of each row's entity at the row's own moment; null where the entity does not exist.

    Args:
        sight: the events.
        engine: what folds them.
        asked: ``entity`` (String) and ``at`` (instants); nulls match nothing.

    Returns:
        The fields, a row per asked row, in its order.
    """
    numbered = asked.with_row_index("|row")
    by_entity = numbered.sort("entity")

    def states(events: Events) -> pl.DataFrame:
        mine = _rows_of(events.clustered.entities, by_entity)
        return mine.select("|row").hstack(engine.states_at(events, mine)).filter(EXISTS).drop(EXISTS)

    found = concat_answers(sight.map(states, by_entity["entity"].unique()))
    return numbered.select("|row").join(found, on="|row", how="left", maintain_order="left").drop("|row")


def changes_of(
    sight: Sight,
    engine: Engine,
    fields: Sequence[str],
    *,
    entities: pl.Series | None,
) -> dict[str, pl.DataFrame]:
    """Return the changes of each field up to the moment of the question, by (``at``, ``version``, ``position``).

    Columns: those of `Engine.changes`, without ``version``.
    """
    parts = sight.map(lambda events: engine.changes(events.until(sight.until), fields), entities)
    return {name: _by_moment(concat_answers([part[name] for part in parts])) for name in fields}


def trend_slots(
    sight: Sight, engine: Engine, trend: Trend, plan: Plan, moments: Sequence[datetime | None]
) -> pl.DataFrame:
    """Return the intervals of all histories that cover any of some moments; see `Trend.slots`.

    Args:
        sight: the events.
        engine: what folds them.
        trend: what is measured.
        plan: the fields that are read.
        moments: the moments, ascending.
    """
    instants = pl.Series(moments, dtype=TIMESTAMP)
    return concat_answers(sight.map(lambda events: trend.slots(engine.history(events.only(plan)), instants)))


def _by_moment(changes: pl.DataFrame) -> pl.DataFrame:
    """Sort changes that are in fold order, by entity, so that moments come first."""
    ids = changes["entity"]
    is_of_one = not len(ids) or ids[0] == ids[-1]
    return (changes if is_of_one else changes.sort(FOLD_ORDER[1:])).drop("version")


def _rows_of(ids: pl.Series, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the asked rows, sorted by ``entity``, that lie between the first and the last of some ids."""
    low = asked["entity"].search_sorted(ids[0], side="left") if len(ids) else 0
    high = asked["entity"].search_sorted(ids[-1], side="right") if len(ids) else 0
    return asked.slice(low, high - low)
