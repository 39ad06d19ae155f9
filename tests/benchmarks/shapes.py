"""The shapes of logs: what most logs look like, and the shapes that break assumptions."""

from dataclasses import dataclass
from typing import Final

__all__ = ["SHAPES", "Shape"]

_SHOP: Final = (0.1, 0.5, 0.12, 0.08, 0.05, 0.15)
_MOSTLY_OTHERS: Final = (0.1, 0.2, 0.06, 0.04, 0.05, 0.55)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a log of the shop looks.

    Args:
        about: in words, for the table.
        per_entity: events of each entity, on average.
        entities: how many entities, whatever the number of events; None: as ``per_entity`` says.
        shares: of addresses, purchases, plans bought, plans cancelled, names and all others; after the creations.
        late: which share of the events arrives late.
        days: how many days late, from and below.
        uuids: entities are called by UUIDs.
        instant: all events happen at one moment.
        notes: the others are of so many event types, which the model counts.
        members: the others carry 20 of so many members each, which the model keeps the latest of.
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
        """Return how many entities a log of so many events has."""
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
    "uuid": Shape("entities called by UUIDs", uuids=True),
    "types300": Shape("300 event types, all of which the model reads", shares=_MOSTLY_OTHERS, notes=294),
    "members200": Shape("200 members, all of which the model reads", members=200),
    "instant": Shape("all events at one moment", instant=True),
    "late": Shape("half of the events one to six months late", late=0.5, days=(30, 180)),
    "empty": Shape("no events"),
}
