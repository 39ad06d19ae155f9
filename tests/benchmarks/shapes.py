"""The shapes of logs: a usual one, and those that break assumptions."""

from dataclasses import dataclass
from typing import Final

__all__ = ["SHAPES", "Shape"]

_SHOP: Final = (0.1, 0.5, 0.12, 0.08, 0.05, 0.15)
_MOSTLY_OTHERS: Final = (0.1, 0.2, 0.06, 0.04, 0.05, 0.55)


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a generated log.

    Args:
        about: the shape in words, for the table.
        per_entity: average number of events of an entity.
        entities: number of entities for any number of events; None: it follows from ``per_entity``.
        shares: shares of addresses, purchases, plans bought, plans cancelled, names and all other events, without
            the creations.
        late: the share of late events.
        days: how many days late they are, from (inclusive) and to (exclusive).
        uuids: whether the ids of entities are UUIDs.
        instant: whether all events occur at one moment.
        notes: number of event types among the other events; the model counts them.
        members: number of members among the other events, 20 in each; the model has the latest value of each.
    """

    about: str
    per_entity: int = 20
    entities: int | None = None
    shares: tuple[float, ...] = _SHOP
    late: float = 0.02
    days: tuple[int, int] = (0, 20)
    uuids: bool = False
    instant: bool = False
    notes: int = 0
    members: int = 0

    def count(self, events: int) -> int:
        """Return the number of entities of a log with ``events`` events."""
        return min(self.entities or max(events // self.per_entity, 1), events)

    @property
    def note_types(self) -> list[str]:
        """The names of the further event types."""
        return [f"Note{number:03}" for number in range(self.notes)]

    @property
    def member_names(self) -> list[str]:
        """The names of the further members."""
        return [f"m{number:03}" for number in range(self.members)]


SHAPES: Final = {
    "shop": Shape("20 events per entity, 2 % of them late"),
    "huge": Shape("10 huge entities", entities=10),
    "tiny": Shape("2 events per entity", per_entity=2),
    "uuid": Shape("entities with UUIDs as ids", uuids=True),
    "types300": Shape("300 event types, all of which the model reads", shares=_MOSTLY_OTHERS, notes=294),
    "members200": Shape("200 members, all of which the model reads", members=200),
    "instant": Shape("all events at one moment", instant=True),
    "late": Shape("half of the events one to six months late", late=0.5, days=(30, 180)),
    "empty": Shape("no events"),
}
