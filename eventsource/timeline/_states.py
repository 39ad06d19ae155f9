"""What questions read from a view: states at many moments, changes, and the intervals of a trend.

In a question for states at many moments each asked row has an entity and a moment of its own.

An engine finds the state of an asked row by bisection among the events of its entity (`Engine.states_at`). Two
questions use that. ``join`` asks for the rows of a frame; ``as_of`` with several moments asks for every entity at
every moment::

    moments      entities       asked: |moment  owner  at        found: |moment  entity  plan
    Jan, Feb  ×  a, b       ->         0        0      Jan   ->         0        a       basic
                                       0        1      Jan              1        a       premium
                                       1        0      Feb              1        b       basic
                                       1        1      Feb              (b did not exist in January)

Each row of a ``join`` may also see what was known at a moment of its own; see `eventsource.index.known_rows`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from eventsource.decode import FOLD_ORDER
from eventsource.event import TIMESTAMP
from eventsource.fold import EXISTS, Engine, Events, concat_answers
from eventsource.index import known_rows
from eventsource.moment import Moment, last_instant, parse_moment
from eventsource.plan import Plan
from eventsource.timeline._answers import moments_column
from eventsource.timeline._faults import Sight

if TYPE_CHECKING:
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
        asked = numbered.join(_numbered(events.clustered.entities), how="cross")
        found = asked.select("|moment", "entity").hstack(engine.states_at(events, asked))
        return found.filter(EXISTS).drop(EXISTS)

    found = concat_answers(sight.map(states, entities)).sort("|moment", maintain_order=True)
    return found.select(labels.gather(found["|moment"]).alias("as_of"), pl.all().exclude("|moment"))


def states_of_rows(sight: Sight, engine: Engine, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the state of each row's entity at the row's own moment; null where the entity does not exist.

    Args:
        sight: the events.
        engine: what folds them.
        asked: ``entity`` (String), ``at`` (instants), and perhaps ``known_at`` (instants): a row then sees only
            events that were recorded by then. Nulls match nothing.

    Returns:
        The fields, a row per asked row, in its order.
    """
    numbered = asked.with_row_index("|row")
    by_entity = numbered.sort("entity")

    def states(events: Events) -> pl.DataFrame:
        entities, settled = events.clustered.entities, sight.view.settled
        mine = _rows_of(entities, by_entity).join(_numbered(entities), on="entity", maintain_order="left")
        parts = known_rows(events, mine, settled) if "known_at" in mine.columns else [(events, mine)]
        found = [rows.select("|row").hstack(engine.states_at(seen, rows)).filter(EXISTS) for seen, rows in parts]
        return concat_answers(found).drop(EXISTS)

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
    sight: Sight, engine: Engine, trend: "Trend", plan: Plan, moments: Sequence[datetime | None]
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


def _numbered(entities: pl.Series) -> pl.DataFrame:
    """Return ``owner`` and ``entity``: the ids with their numbers."""
    return entities.alias("entity").to_frame().with_row_index("owner")


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
