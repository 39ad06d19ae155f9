"""A server of KurrentDB as a source: ``$all``, the streams of a category, or one stream.

A place is the position of the last event that was read, and its id::

    $all        {"position": 834, "id": "…"}      the commit position
    a stream    {"position": 5, "id": "…"}        the revision in the stream

The next pull first looks whether that event is still there. Another id at its position means another database:
one that was restored from a backup, or replaced.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kurrentdbclient import KurrentDBClient, RecordedEvent
from kurrentdbclient.exceptions import GrpcDeadlineExceededError, InvalidCommitPositionError, NotFoundError

from eventsource.errors import SourceError
from eventsource.event import SourceLag
from eventsource.messages import counted
from eventsource.sources._store_source import RecordMapping, StoreSource, Taken
from eventsource.sources.kurrentdb._client import connected
from eventsource.sources.kurrentdb._records import is_wanted, record_of

__all__ = ["KurrentSource", "Options"]

_EXCLUDED: Final = (r"\$(?!streamDeleted$).+", r"PersistentConfig\d+")
"""Types that the server leaves out: those of the system, but not tombstones."""

_COUNTED: Final = 1_000
"""Events of ``$all`` that are counted: of more than these, the number is not known."""

_AGAIN: Final = "to read everything from the start: eventsource pull --again, log.pull(source, again=True)"
_ALLOW: Final = "to read what is there: allow_gaps=True, or ?allow_gaps=true in the URL"


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of a source beside its mapping; see `eventsource.sources.kurrentdb.open_source`."""

    stream: str | None
    category: str | None
    allow_gaps: bool
    batch: int
    timeout: float


class KurrentSource(StoreSource):
    """A server of KurrentDB.

    Args:
        name: the name of the source.
        uri: where the server is.
        mapping: how events become those of the log.
        options: what is read.
    """

    def __init__(self, name: str, uri: str, mapping: RecordMapping, options: Options) -> None:
        super().__init__(name, mapping)
        self._uri, self._options = uri, options
        self._last: int | None = None

    def store(self) -> str:
        """Return the address: a database has no id of its own, so each place has that of its last event."""
        return self.name

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place; see `StoreSource.read`."""
        with connected(self._uri, self._what) as client:
            yield from (self._read_all if self._options.stream is None else self._read_stream)(client, place)

    def lag_after(self, place: Any) -> SourceLag:
        """Return how many events come after a place, and the age of the first; of ``$all`` up to `_COUNTED`."""
        with connected(self._uri, self._what) as client:
            stream = self._options.stream
            begin = -1 if place is None else int(place["position"])
            if stream is None:
                return self._lag_of_all(client, place)
            last = client.get_stream(stream, backwards=True, limit=1, timeout=self._options.timeout)[0]
            count = last.stream_position - begin
            if count <= 0:
                return SourceLag(0, 0.0)
            (first,) = client.get_stream(stream, stream_position=begin + 1, limit=1, timeout=self._options.timeout)
            return SourceLag(count, _age(first))

    def wait(self, seconds: float) -> None:
        """Wait until there is an event after those that were read last, by a subscription."""
        with connected(self._uri, self._what) as client, suppress(GrpcDeadlineExceededError):
            stream = self._options.stream
            if stream is None:
                with client.subscribe_to_all(
                    commit_position=self._last, timeout=seconds, **self._filter()
                ) as events:
                    next(events)
            else:
                with client.subscribe_to_stream(stream, stream_position=self._last, timeout=seconds) as events:
                    next(events)

    @property
    def _what(self) -> str:
        if self._options.stream is None:
            return self.name
        return f"stream {self._options.stream!r} at {self.name.rpartition('/')[0]}"

    @property
    def _is_of_links(self) -> bool:
        """Whether the stream is one of the system, such as ``$ce-order``: its events are links to others."""
        return (self._options.stream or "").startswith("$")

    def _filter(self) -> dict[str, Any]:
        if self._options.category is None:
            return {"filter_exclude": _EXCLUDED}
        return {
            "filter_include": (f"{self._options.category}-",),
            "filter_by_stream_name": True,
            "filter_by_prefix": True,
        }

    def _read_all(self, client: KurrentDBClient, place: Any) -> Iterator[Taken]:
        timeout = self._options.timeout
        newest = client.read_all(backwards=True, limit=1, filter_exclude=(), timeout=timeout)
        last = next(iter(newest), None)
        if last is None:
            self._check_there(place, None)
            return
        begin, after, notes = self._begin(client, place)
        read = client.read_all(commit_position=begin, **self._filter())
        events = (event for event in read if event.commit_position > after)
        upto = _until(events, lambda event: event.commit_position > last.commit_position)
        yield from self._take(upto, lambda event: event.commit_position, notes)
        # Later records of the system are behind the place too: the next pull does not filter them again.
        self._last = last.commit_position
        yield Taken({"position": last.commit_position, "id": str(last.id)})

    def _begin(self, client: KurrentDBClient, place: Any) -> tuple[int | None, int, tuple[str, ...]]:
        """Return the commit position to read from, the one after which events are new, and notes."""
        if place is None:
            return None, -1, ()
        at = int(place["position"])
        try:
            with client.read_all(
                commit_position=at, limit=1, filter_exclude=(), timeout=self._options.timeout
            ) as one:
                self._check_there(place, next(iter(one), None))
        except InvalidCommitPositionError as error:
            if not self._options.allow_gaps:
                raise self._gone(at) from error
            # A subscription begins after any position, a read only at one that is there.
            with client.subscribe_to_all(commit_position=at, filter_exclude=(), include_caught_up=True) as events:
                first = next(events)
            note = (
                f"the event at position {at:,} was scavenged: what came between it and the next one is not known"
            )
            return (None, at, (note,)) if first.is_caught_up else (first.commit_position, at, (note,))
        return at, at, ()

    def _gone(self, at: int) -> SourceError:
        return SourceError(
            f"{self._what} has no event at position {at:,}, where the last pull ended: it was scavenged, or this "
            "is another database",
            hint=f"{_ALLOW}; {_AGAIN}",
        )

    def _check_there(self, place: Any, event: RecordedEvent | None) -> None:
        """Raise a `SourceError` if the event of a place is not the one that is there."""
        if place is None:
            return
        if event is None:
            raise self._gone(int(place["position"]))
        if str(event.id if event.link is None else event.link.id) != place["id"]:
            raise SourceError(
                f"{self._what} has another event at position {place['position']:,} than the last pull read there: "
                "it belongs to another store, such as one that was restored or replaced; nothing was read",
                hint=_AGAIN,
            )

    def _read_stream(self, client: KurrentDBClient, place: Any) -> Iterator[Taken]:
        stream, begin = str(self._options.stream), -1 if place is None else int(place["position"])
        read = client.read_stream(stream, stream_position=max(begin, 0), resolve_links=True)
        try:
            first = next(iter(read), None)
        except NotFoundError:
            if place is None:
                raise
            first = None
        if first is None:
            self._check_there(place, None)
            return
        expected, found = begin + 1, _number(first)
        notes: tuple[str, ...] = ()
        if found > expected and not self._is_of_links:
            lost = f"{self._what} begins at event {found:,}: {counted(found - expected, 'event')} before it"
            reason = f"{lost} were deleted before they were read ($maxAge, $maxCount, or on request)"
            if not self._options.allow_gaps:
                raise SourceError(reason, hint=_ALLOW)
            notes = (reason,)
        if found == begin:
            self._check_there(place, first)
        yield from self._take(_chain(first, read, begin), _number, notes, begin)

    def _take(
        self,
        events: Iterator[RecordedEvent],
        number: Callable[[RecordedEvent], int],
        notes: tuple[str, ...],
        begin: int = -1,
    ) -> Iterator[Taken]:
        """Yield events in batches.

        Args:
            events: the events.
            number: returns the number of an event among those that are read.
            notes: sentences for the user.
            begin: the number of the last event that was read before; of links, some may be missing after it.
        """
        for some in _batches(events, self._options.batch, number):
            if self._is_of_links and (gone := number(some[-1]) - begin - len(some)):
                note = f"{counted(gone, 'link')} of {self._what} lead to events that are gone"
                notes = (*notes, note)
            begin = number(some[-1])
            rows = [(number(event), record_of(event)) for event in some if is_wanted(event)]
            found, rejected = self.rows(self._options.stream or "$all", rows)
            last, self._last = some[-1], begin
            place = {"position": begin, "id": str(last.id if last.link is None else last.link.id)}
            yield Taken(place, found, rejected, notes)
            notes = ()

    def _lag_of_all(self, client: KurrentDBClient, place: Any) -> SourceLag:
        begin, after, _ = self._begin(client, place)
        read = client.read_all(
            commit_position=begin, limit=_COUNTED, timeout=self._options.timeout, **self._filter()
        )
        events = list(read)
        later = [event for event in events if event.commit_position > after and is_wanted(event)]
        count = len(later) if len(events) < _COUNTED else None
        return SourceLag(count, _age(later[0])) if later else SourceLag(0, 0.0)


def _number(event: RecordedEvent) -> int:
    """Return the number of an event in the stream that is read: of its link, if that is a stream of links."""
    return event.stream_position if event.link is None else event.link.stream_position


def _chain(first: RecordedEvent, rest: Iterator[RecordedEvent], begin: int) -> Iterator[RecordedEvent]:
    if _number(first) > begin:
        yield first
    yield from rest


def _batches(
    events: Iterator[RecordedEvent], size: int, number: Callable[[RecordedEvent], int]
) -> Iterator[list[RecordedEvent]]:
    """Yield events, so many at a time; those of one position stay together, as a pull resumes after a position."""
    some: list[RecordedEvent] = []
    for event in events:
        if len(some) >= size and number(event) != number(some[-1]):
            yield some
            some = []
        some.append(event)
    if some:
        yield some


def _until(events: Iterator[RecordedEvent], is_after: Callable[[RecordedEvent], bool]) -> Iterator[RecordedEvent]:
    """Yield events that were there when the pull began."""
    for event in events:
        if is_after(event):
            return
        yield event


def _age(event: RecordedEvent) -> float | None:
    return None if event.recorded_at is None else max(0.0, (datetime.now(UTC) - event.recorded_at).total_seconds())
