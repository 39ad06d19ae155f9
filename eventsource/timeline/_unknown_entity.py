"""A warning where a question about one entity finds nothing, since no entity of the model has its id.

A question about several ids, such as a join, may well name some without events. So an id is looked up only where
it is the only one. An in-memory log is not checked: it holds what a test needs.
"""

from typing import TYPE_CHECKING, Final

import polars as pl

from eventsource.errors import UnknownEntityWarning
from eventsource.fold import Events
from eventsource.index import Attempt, View
from eventsource.messages import suggestion, warn

if TYPE_CHECKING:
    from eventsource.timeline import Timeline

__all__ = ["hint_for_unknown_entity", "warn_of_unknown_entity"]

_SEARCHED: Final = 100_000
"""Entities among which a similar id is searched; more take too long."""


def hint_for_unknown_entity(timeline: "Timeline", entity: str) -> str | None:
    """Return the advice about an id that no entity of the model has; None: one has it, at whatever moment."""
    return _hint(entity, timeline.entities())


def warn_of_unknown_entity(timeline: "Timeline", ids: pl.Series, view: View) -> None:
    """Warn if a question was about one id only, and no entity has it.

    Args:
        timeline: the timeline that was asked.
        ids: the ids that the question named.
        view: what the question saw. Its index is looked into, so that the log is not refreshed once more.
    """
    if len(ids) != 1 or ids[0] is None or not timeline.log.path:
        return
    hint = None
    attempt = Attempt(View(view.parts, view.parts.head, known_at=None))
    with attempt as all_events:  # if files were deleted since the question was answered, there is no warning
        if not any(map(len, all_events.map(_entities, ids))):  # looks into the part of this id only
            hint = _hint(ids[0], pl.concat(all_events.map(_entities)))
    if hint is not None:
        warn(f"{timeline.plan.name}: unknown entity {ids[0]!r}; {hint}", UnknownEntityWarning)


def _entities(events: Events) -> pl.Series:
    return events.with_key.entities


def _hint(entity: str, entities: pl.Series) -> str | None:
    if entity in entities:
        return None
    return suggestion(entity, entities) if entities.len() <= _SEARCHED else "list them with Timeline.entities()"
