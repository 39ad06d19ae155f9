"""The contract of an engine: four questions over decoded events. All other questions are computed from these."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import polars as pl

from eventsource.decode import Clustered, Members
from eventsource.plan import Plan

__all__ = ["EXISTS", "Engine", "Events"]

EXISTS: Final = "|exists"
"""The column of an answer that holds whether an entity exists; no field can have this name."""


@dataclass(frozen=True)
class Events:
    """Decoded events in fold order, as engines take them: of all entities, or of some.

    Args:
        clustered: what `eventsource.decode.unify_kinds` returns, clustered.
        members: the members that it has columns for.
        plan: the plan to fold; it may have fewer fields than the one that the events were decoded for. Where
            ``created`` is empty, any of these events creates an entity.
    """

    clustered: Clustered
    members: Members
    plan: Plan

    def until(self, moment: datetime | None) -> "Events":
        """Return the events up to a moment, inclusive; None: all."""
        return replace(self, clustered=self.clustered.until(moment))

    def only(self, plan: Plan) -> "Events":
        """Return the same events for another plan."""
        return replace(self, plan=plan)


class Engine(Protocol):
    """Folds events. The reference engine defines the answers; every other gives the same."""

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """Return the entities that exist at ``moment`` (inclusive; None: after all events).

        Columns: ``entity``, then the fields; sorted by ``entity``.
        """

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Return the state of each asked entity at its own moment.

        Args:
            events: the events.
            asked: columns ``entity`` (String) and ``at`` (instants); nulls match nothing.

        Returns:
            One row per asked row, in its order: `EXISTS`, then the fields (null where the entity does not exist).
        """

    def history(self, events: Events) -> pl.DataFrame:
        """Return one row per interval in which nothing changed: a slowly changing dimension (SCD2).

        Columns: ``entity``, ``valid_from`` (inclusive), ``valid_to`` (exclusive, null while it lasts), the fields.
        """

    def changes(self, events: Events, fields: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Return per field one row per event that changed it, in fold order.

        Columns: ``at``, ``version`` (null if the event has none that counts), ``position``, ``entity``, ``field``,
        ``before``, ``after``, ``event_id``, ``type``.
        """
