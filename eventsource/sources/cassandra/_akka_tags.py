"""The events of Akka's journal that have a tag: pulls read the time buckets of its view, so only what is new.

```text
tag_name  timebucket      timestamp  persistence_id  tag_pid_sequence_nr
premium   1704067200000   10:00:01   order-7         1                      taken
premium   1704067200000   10:00:05   order-7         3                      held back, as 2 is not there
premium   1704067200000   10:00:06   order-9         1                      taken
```

Akka counts the events of a tag for each persistence id. The place remembers the last number of each. A pull reads
again what is up to `_LOOK_BACK` seconds older than the place: a row which became visible late is taken, and none
is taken twice. Numbers are remembered for the `_REMEMBERED` persistence ids with the newest events. The first new
event of another one is taken without a check.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cassandra.util import max_uuid_from_time, min_uuid_from_time

from eventsource.event import SourceLag
from eventsource.messages import counted
from eventsource.sources._store_source import RecordMapping, Taken
from eventsource.sources.cassandra._akka import AkkaJournal
from eventsource.sources.cassandra._akka_rows import COLUMNS
from eventsource.sources.cassandra._options import Options
from eventsource.sources.cassandra._uuid_times import age_of, seconds_of, ticks_before
from eventsource.store.cassandra import Place

__all__ = ["AkkaTagSource"]

_LOOK_BACK: Final = 60.0
_REMEMBERED: Final = 20_000
_VIEW: Final = "tag_views"
_COLUMNS: Final = COLUMNS.removesuffix(", tags")


class AkkaTagSource(AkkaJournal):
    """The events that have a tag.

    Args:
        name: the name of the source.
        place: where the tables are.
        mapping: how rows become events.
        options: how they are read.
        tag: the tag.
    """

    def __init__(self, name: str, place: Place, mapping: RecordMapping, options: Options, tag: str) -> None:
        super().__init__(name, place, mapping, options)
        self._tag = tag

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place; see `StoreSource.read`."""
        numbers = _Numbers(place, allow_gaps=self._options.allow_gaps)
        upto = ticks_before(self._options.delay)
        some: list[Mapping[str, Any]] = []
        with self._session() as session:
            for row in self._rows(session, _COLUMNS, numbers.since, upto):
                if len(some) >= self._options.batch and row["timestamp"] != some[-1]["timestamp"]:
                    yield self._taken(some, numbers.place(some[-1]["timestamp"].time), numbers.noted())
                    some = []
                if numbers.takes(row):
                    some.append({**row, "tags": [self._tag]})
        yield self._taken(some, numbers.place(upto), (*numbers.noted(), *numbers.reasons()))

    def lag_after(self, place: Any) -> SourceLag:
        """Return how many rows come after a place, and which are held back."""
        numbers = _Numbers(place, allow_gaps=False)
        columns = "persistence_id, timestamp"
        with self._session() as session:
            rows = self._rows(session, columns, numbers.since, ticks_before(0.0))
            later = [row["timestamp"].time for row in rows if numbers.is_new(row)]
        held = tuple(
            f"number {each} of the tag and {name!r} is not there"
            for name, each in (place or {}).get("missing", {}).items()
        )
        return SourceLag(len(later), age_of(min(later, default=None)), held[:10])

    def _rows(self, session: Any, columns: str, since: int, upto: int) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of the tag between two times, in order of time."""
        found = session.execute(f"SELECT DISTINCT tag_name, timebucket FROM {_VIEW}")  # noqa: S608 - fixed names
        buckets = sorted(row.timebucket for row in found if row.tag_name == self._tag)
        low, high = max(0.0, seconds_of(since)), seconds_of(upto)
        begun = [bucket for bucket in buckets if bucket / 1000 <= low]
        statement = session.prepare(
            f"SELECT tag_pid_sequence_nr, {columns} FROM {_VIEW} "  # noqa: S608 - likewise
            "WHERE tag_name = ? AND timebucket = ? AND timestamp > ? AND timestamp <= ?"
        )
        bounds = min_uuid_from_time(low), max_uuid_from_time(high)
        for bucket in buckets[max(0, len(begun) - 1) :]:
            for row in session.execute(statement, (self._tag, bucket, *bounds)):
                yield row._asdict()


class _Numbers:
    """Which number each persistence id has reached.

    Args:
        place: that of the last pull.
        allow_gaps: whether a number may be missing.
    """

    def __init__(self, place: Any, *, allow_gaps: bool) -> None:
        at = place or {}
        self._after: int = at.get("after", 0)
        self._allows_gaps = allow_gaps
        self._last: dict[str, int] = dict(at.get("last", {}))
        self._forgets: bool = at.get("forgets", False)
        self._missing: dict[str, int] = {}
        self._oldest: int | None = None
        self._notes: list[str] = []
        look_back = int(_LOOK_BACK * 1e7)
        self.since = max(0, min(self._after, at.get("oldest", self._after)) - look_back)

    def is_new(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row was not taken yet."""
        name, number = row["persistence_id"], row["tag_pid_sequence_nr"]
        if name not in self._last and self._forgets:
            return bool(row["timestamp"].time > self._after)
        return bool(number > self._last.get(name, 0))

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is new, and follows the last one; if so, it is the last one now."""
        name, number = row["persistence_id"], row["tag_pid_sequence_nr"]
        if not self.is_new(row):
            return False
        is_known = name in self._last or not self._forgets
        missing = number - self._last.get(name, 0) - 1 if is_known else 0
        if missing and not self._allows_gaps:
            self._missing.setdefault(name, number - missing)
            self._oldest = min(self._oldest or row["timestamp"].time, row["timestamp"].time)
            return False
        if missing:
            self._notes.append(f"{counted(missing, 'event')} before {number} of {name!r} are missing")
        self._last.pop(name, None)  # the newest is the last one of the dict
        self._last[name] = number
        if self._missing.get(name) == number:
            del self._missing[name]
        return True

    def place(self, after: int) -> dict[str, Any]:
        """Return the place after the rows up to a time: a copy, as the numbers change while it is committed."""
        self._forgets = self._forgets or len(self._last) > _REMEMBERED
        self._last = dict(list(self._last.items())[-_REMEMBERED:])
        held = {} if self._oldest is None else {"oldest": self._oldest, "missing": dict(self._missing)}
        return {"after": after, "last": dict(self._last), "forgets": self._forgets, **held}

    def noted(self) -> tuple[str, ...]:
        """Return the notes since the last time."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def reasons(self) -> Iterator[str]:
        """Yield why persistence ids are held back."""
        if self._missing:
            name, number = next(iter(self._missing.items()))
            count = counted(len(self._missing), "persistence id")
            yield f"{count} held back: number {number} of the tag and {name!r} cannot be read yet"
