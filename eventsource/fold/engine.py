"""The contract of an engine: five questions over decoded events. All other questions are computed from these."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import polars as pl
from msgspec import Struct, field
from msgspec.structs import replace

from eventsource.decode import BAD_KEY, Clustered, Members
from eventsource.fold._bounds import Bounds
from eventsource.plan import Plan

__all__ = ["EXISTS", "FAULTS", "Engine", "Events"]

EXISTS: Final = "|exists"
"""The column of an answer that holds whether an entity exists; no field can have this name."""

FAULTS: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "position": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "entity": pl.String(),
        "field": pl.String(),
        "value": pl.String(),
        "reason": pl.String(),
    }
)
"""The columns of faults: what `eventsource.timeline.Timeline.faults` shows, and the moment of the event."""


class Events(Struct, frozen=True):
    """Decoded events in fold order, as engines take them: of all entities, or of some.

    Args:
        clustered: what `eventsource.decode.decode_events` returns, clustered.
        members: the members that it has columns for.
        plan: the plan to fold; it may have fewer fields than the one that the events were decoded for. Where
            ``created`` is empty, any of these events creates an entity.
        columns: the columns of kinds that *any* event of the question has, with their dtypes.
        dtypes: field → the dtype in which its values are shown, for the fields that read a member; see
            `eventsource.fold.value_dtypes`.
        undecided: the fields whose values decided their dtype, not the names of columns alone.
        bounds: what sums of the members cannot exceed.
        moment: the last moment of the question: faults after it are not its own; None: it has none.
        found: the faults that an engine meets, a frame for each answer: see `Engine`.
    """

    clustered: Clustered
    members: Members
    plan: Plan
    columns: Mapping[str, pl.DataType]
    dtypes: Mapping[str, pl.DataType]
    undecided: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    moment: datetime | None = None
    found: list[pl.DataFrame] = field(default_factory=list)

    def until(self, moment: datetime | None) -> "Events":
        """Return the events up to a moment, inclusive; None: all."""
        return replace(self, clustered=self.clustered.until(moment))

    def only(self, plan: Plan) -> "Events":
        """Return the same events for another plan."""
        return replace(self, plan=plan)

    @property
    def with_key(self) -> Clustered:
        """The events that belong to an entity: those whose key is an array or object belong to none."""
        if BAD_KEY not in self.columns:
            return self.clustered
        return self.clustered.where(pl.col(BAD_KEY).is_null())

    def report(self, faults: pl.DataFrame) -> None:
        """Add faults that an engine met, up to the moment of the question."""
        if self.moment is not None and faults.height:
            faults = faults.filter(pl.col("at") <= self.moment)
        if faults.height:
            self.found.append(faults)


class Engine(Protocol):
    """Folds events. The reference engine defines the answers; every other gives the same.

    An event that a field cannot fold is a fault. For that field, an engine passes over it as over one without the
    member, and reports it with `Events.report`, whichever fields were asked for. The caller decides what follows.
    """

    def as_of(self, events: Events, moment: datetime | None) -> pl.DataFrame:
        """Return the entities that exist at ``moment`` (inclusive; None: after all events).

        Columns: ``entity``, then the fields; sorted by ``entity``. It reports the faults up to the moment.
        """

    def states_at(self, events: Events, asked: pl.DataFrame) -> pl.DataFrame:
        """Return the state of each asked entity at its own moment.

        Args:
            events: the events. Ids may repeat and an entity may have no events, so ``owner`` names it.
            asked: columns ``entity``, ``owner`` (its number among ``events.clustered.entities``) and ``at``
                (instants); nulls match nothing.

        Returns:
            One row per asked row, in its order: `EXISTS`, then the fields (null where the entity does not exist).
            It reports the faults of each asked entity up to the last of its moments.
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

    def faults(self, events: Events) -> pl.DataFrame:
        """Return all faults, with the columns `FAULTS`; by entity, in fold order, then by field as declared.

        An event whose key names no entity comes first of its event, with a null as ``field``.
        """
