"""What an index consists of: runs, parts and a few facts, as frozen data. The files themselves: see `_files`."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from eventsource.decode import ColumnFacts

__all__ = ["LeftOut", "Manifest", "Part", "Run"]


class Run(Struct, frozen=True):
    """A file of events with neighbouring positions, sorted by (``at``, ``position``).

    Args:
        file: its name.
        start: the first position that it may hold.
        stop: the position after the last that it may hold.
        rows: the number of its events.
        earliest: the earliest ``at`` in it, in microseconds since 1970; None: it is empty.
        latest: the latest ``at`` in it.
    """

    file: str
    start: int
    stop: int
    rows: int
    earliest: int | None
    latest: int | None


class Part(Struct, frozen=True):
    """A file of the events of neighbouring entities, in fold order.

    Args:
        file: its name.
        entities: the name of the file with its entities, and the first row of each.
        first: the lowest entity id that belongs here. The first part's is "", the next part's is the upper bound.
        rows: the number of its events.
        head: it holds its entities' events of all runs before this position, and none from there on.
        corrected: it holds them as they are read with all corrections before this position.
    """

    file: str
    entities: str
    first: str
    rows: int
    head: int
    corrected: int


class LeftOut(Struct, frozen=True):
    """Events of a type that a plan does not name.

    Args:
        events: how many there are.
        stream: the stream of the first one.
    """

    events: int
    stream: str


class Manifest(Struct, frozen=True):
    """What an index consists of. The default is an empty index.

    Args:
        head: it holds all events before this position.
        last: the id of the event before that position.
        mark: `EventLog.mark` when they were read.
        runs: in order of position, without gaps; together they hold all events.
        parts: in order of entities, without gaps. They may lack the newest events, which are then pending.
        columns: the columns of payload members that any file has, and what is known of their values.
        types: the event types that any file has.
        clocks: the file with the streams' clocks; None for plans that need none.
        corrections: the file with the table of corrections; None: there are none.
        readings: the file with the readings of corrected events.
        left_out: the event types that the plan does not name.
    """

    head: int = 0
    last: str = ""
    mark: str = ""
    runs: tuple[Run, ...] = ()
    parts: tuple[Part, ...] = ()
    columns: Mapping[str, ColumnFacts] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    clocks: str | None = None
    corrections: str | None = None
    readings: str | None = None
    left_out: dict[str, LeftOut] = field(default_factory=dict)

    @property
    def file_names(self) -> set[str]:
        """The names of all its files."""
        others = (self.clocks, self.corrections, self.readings)
        names = {run.file for run in self.runs} | {name for name in others if name}
        return names.union(*({part.file, part.entities} for part in self.parts))

    @property
    def parts_head(self) -> int:
        """All parts hold the events before this position; events from there on may be pending."""
        return min((part.head for part in self.parts), default=0)

    @property
    def pending_runs(self) -> list[Run]:
        """The runs that may hold pending events."""
        return [run for run in self.runs if run.stop > self.parts_head and run.rows]

    def entity_range(self, number: int) -> tuple[str, str | None]:
        """Return the lowest entity id of a part, and that of the next one; None: it is the last part."""
        below = self.parts[number + 1].first if number + 1 < len(self.parts) else None
        return self.parts[number].first, below

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Manifest":
        """Return the manifest that `to_dict` gave as plain data.

        Raises:
            msgspec.ValidationError: the data has another form.
        """
        return msgspec.convert(plain, cls)
