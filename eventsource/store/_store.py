"""`EventStore`: append with optimistic concurrency, read, and subscribe."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from eventsource.errors import ConcurrencyError, FrameError, StoreError
from eventsource.retry import pause_before_retry
from eventsource.store._database import (
    Database,
    DisconnectedError,
    Expected,
    Position,
    Presence,
    TakenError,
    check_expected,
    database_at,
)
from eventsource.store._events import StoredEvent, new_events
from eventsource.store._repeats import rows_with_ids, versions_of_repeated
from eventsource.texts import is_text

__all__ = ["Append", "EventStore", "Stream"]

T = TypeVar("T")

_PAGE: Final = 1000
_ATTEMPTS: Final = 50
_LOST: Final = 3
"""Attempts after a connection that was lost."""
_START: Final[Position] = (0, 0)


@dataclass(frozen=True)
class Append:
    """Events for one stream, for `EventStore.append_all`; see `EventStore.append` for the arguments."""

    stream: str
    events: Sequence[Any]
    expected_version: Expected = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its name, and the version of its last event, which is the number of its events."""

    name: str
    version: int


class EventStore:
    """Streams of events in a table of SQLite or PostgreSQL; see `eventsource.store` for an example.

    The table is created by the first append, or by `init`. One object may be used by several threads.

    Args:
        url: ``sqlite:///shop.db`` or ``postgresql://user@host/database``.
        table: the name of the table, in lower case; a second one, ``<table>_store``, says which store it is.

    Raises:
        StoreError: the URL or the name cannot be used. A server that is away is noticed when it is asked.
    """

    def __init__(self, url: str, *, table: str = "events") -> None:
        self._database: Database = database_at(url, table)
        self._is_there = False

    def init(self) -> None:
        """Create the table, its indexes and its triggers, where they do not exist.

        After a dump was restored on another server of PostgreSQL, this also makes the events readable there.

        Raises:
            StoreError: the database is unavailable, or the user may not create tables.
        """
        with self._database.writing(is_single=False) as connection:
            self._database.create(connection)
        self._is_there = True

    def append(self, stream: str, events: Iterable[Any], expected_version: Expected = None) -> int:
        """Append events to a stream, all or nothing.

        An append that is repeated with the same event ids is the same append: nothing happens, and the version is
        returned that the first one returned. So after an answer that was lost, append the same events again.

        Args:
            stream: the stream.
            events: dicts with a ``type`` (and perhaps ``event_id``, ``occurred_at``, ``metadata``; the payload is
                ``data``, or all other members), dataclasses, msgspec Structs or pydantic models (their type is the
                name of the class, or the tag; they may have fields of these names too).
            expected_version: the version that the stream must have: the one of the last event that was read;
                `NO_STREAM`: it has no event; `EXISTS`: it has one; None: any.

        Returns:
            The version of the stream's last event.

        Raises:
            ConcurrencyError: the stream has another version; nothing was appended.
            FrameError: something cannot be an event, or an event_id belongs to another one; nothing was appended.
            StoreError: the database is unavailable. It is safe to append the same events again.
        """
        return self.append_all([Append(stream, new_events(events), expected_version)])[stream]

    def append_all(self, appends: Sequence[Append]) -> dict[str, int]:
        """Append events to several streams in one transaction, all or nothing.

        Returns:
            Stream → the version of its last event.

        Raises:
            ConcurrencyError, FrameError, StoreError: see `append`.
        """
        found = [
            Append(_stream_name(each.stream), new_events(each.events), each.expected_version) for each in appends
        ]
        for each in found:
            check_expected(each.expected_version)
        (stream, times), *_ = Counter(each.stream for each in found).most_common(1) or [("", 1)]
        if times > 1:
            message = f"expected each stream once, got {stream!r} {times} times"
            raise FrameError(message, hint="append all events of a stream together")
        self._ensure()
        for failures in range(1, _ATTEMPTS + 1):
            try:
                return self._insert(found)
            except TakenError:
                pass
            except DisconnectedError:  # perhaps after the commit: the ids say so
                if failures >= _LOST:
                    raise
            if (versions := self._repeated(found)) is not None:
                return versions
            for each in found:
                if isinstance(each.expected_version, int) or each.expected_version is Presence.NO_STREAM:
                    self._check(each)
            time.sleep(pause_before_retry(failures, first=0.005, longest=0.1))
        raise ConcurrencyError(
            f"other writers appended first, {_ATTEMPTS} times in a row; nothing was appended", hint="append again"
        )

    def read(self, stream: str, from_version: int = 1, to_version: int | None = None) -> list[StoredEvent]:
        """Return the events of a stream, in order; an empty list if it has none.

        Args:
            stream: the stream.
            from_version: the first version.
            to_version: the last version, included; None: all.

        Raises:
            StoreError: the database is unavailable.
        """
        database = self._database
        query = (
            f"SELECT {database.columns} FROM {database.table} WHERE stream = :stream AND version >= :begin "  # noqa: S608 - an identifier
            "AND version <= :end ORDER BY version"
        )
        given = {"stream": stream, "begin": from_version, "end": 2**63 - 1 if to_version is None else to_version}
        return self._ask(lambda connection: [database.event(row) for row in _rows(connection, query, given)], [])

    def version(self, stream: str) -> int:
        """Return the version of a stream's last event; 0 if it has none."""
        query = f"SELECT coalesce(max(version), 0) FROM {self._database.table} WHERE stream = :stream"  # noqa: S608 - likewise
        return self._ask(lambda connection: int(_rows(connection, query, {"stream": stream})[0][0]), 0)

    def streams(self) -> list[Stream]:
        """Return all streams, sorted by name."""
        query = f"SELECT stream, max(version) FROM {self._database.table} GROUP BY stream ORDER BY stream"  # noqa: S608 - likewise
        return self._ask(lambda connection: [Stream(*row) for row in _rows(connection, query, {})], [])

    def read_all(self, after: str | None = None, *, page: int = _PAGE) -> Iterator[StoredEvent]:
        """Yield the events of all streams, in an order in which none is ever added before one that was yielded.

        On PostgreSQL this is the order of (transaction, position). Events wait while an earlier transaction of the
        server is open, of whatever program; see `eventsource.event.SourceLag`.

        Args:
            after: the ``checkpoint`` of the last event that was read; None: from the start.
            page: how many events are read at once.

        Raises:
            StoreError: the database is unavailable, or the checkpoint is that of another store.
        """
        identity = self.identity()
        place = _START if after is None else _place(after, identity, self._database.name)
        while identity:
            with self._database.reading() as connection:
                horizon = self._database.horizon(connection)
                rows = self._database.page(connection, place, horizon, page)
            for row in rows:
                place = int(row[-1]), int(row[6])
                yield self._database.event(row, f"{identity}:{place[0]}:{place[1]}")
            if len(rows) < page:
                return

    def subscribe(self, after: str | None = None, *, every: float = 0.2) -> Iterator[StoredEvent]:
        """Yield events as `read_all` does, and wait for new ones; it never ends.

        The table is asked at intervals. A notification would make every commit of PostgreSQL wait for the others.

        Args:
            after: see `read_all`.
            every: seconds between two questions while there is nothing new.
        """
        while True:
            for event in self.read_all(after):
                after = event.checkpoint
                yield event
            time.sleep(every)

    def identity(self) -> str:
        """Return which store this is; an empty text if the table does not exist yet."""
        return self._ask(self._database.identity, "")

    def close(self) -> None:
        """Close the connections that are kept open for later calls; the object stays usable."""
        self._database.engine.dispose()

    def __repr__(self) -> str:
        return f"<EventStore {self._database.name!r}, table {self._database.table!r}>"

    def _insert(self, appends: Sequence[Append]) -> dict[str, int]:
        versions, most = {}, self._database.appends_at_once
        is_single = len(appends) == 1 and (most is None or len(appends[0].events) <= most)
        with self._database.writing(is_single=is_single) as connection:
            for each in appends:
                version = self._database.insert(connection, each.stream, each.events, each.expected_version)
                if version is None:
                    raise TakenError
                versions[each.stream] = version
        return versions

    def _check(self, append: Append) -> None:
        """Raise a `ConcurrencyError` if a stream does not have the expected version."""
        version, expected = self.version(append.stream), append.expected_version
        if expected is Presence.NO_STREAM:
            expected = 0
        if version != expected:
            raise ConcurrencyError(
                f"expected version {expected} of stream {append.stream!r}, got {version}; nothing was appended",
                hint="read the stream again, decide again, and append with the version that you have read",
            )

    def _repeated(self, appends: Sequence[Append]) -> dict[str, int] | None:
        """Return the versions of an append that was done before; None if none of the events is there."""
        none: list[Any] = []
        ids = [event.event_id for each in appends for event in each.events]
        rows = self._ask(lambda connection: rows_with_ids(connection, self._database, ids), none)
        if rows:
            return versions_of_repeated(rows, [(each.stream, each.events) for each in appends])
        for each in appends:
            if each.expected_version is Presence.EXISTS and not self.version(each.stream):
                raise ConcurrencyError(
                    f"expected stream {each.stream!r} to have events, it has none; nothing was appended",
                    hint="append with NO_STREAM, or check the name",
                )
        return None

    def _ensure(self) -> None:
        """Create the table before the first append of this object, if it does not exist."""
        if not self._is_there and not self.identity():
            self.init()
        self._is_there = True

    def _ask(self, question: Callable[[sa.Connection], T], without: T) -> T:
        """Return the answer of a question, or ``without`` if the table does not exist."""
        try:
            with self._database.reading() as connection:
                return question(connection) if self._is_there or self._database.exists(connection) else without
        except FileNotFoundError:
            return without


def _rows(connection: sa.Connection, query: str, given: dict[str, Any]) -> Sequence[Any]:
    return connection.execute(sa.text(query.replace("::text", "\\:\\:text")), given).all()


def _stream_name(stream: str) -> str:
    if not is_text(stream) or not stream or "\0" in stream:
        raise FrameError(f"expected the name of a stream, got {stream!r}", hint='append("order-17", [event])')
    return stream


def _place(checkpoint: str, identity: str, name: str) -> Position:
    store, *place = checkpoint.rsplit(":", 2)
    if store != identity or not all(part.isdecimal() for part in place):
        raise StoreError(
            f"the checkpoint {checkpoint!r} belongs to another store than {name}",
            hint="read from the start: after=None",
        )
    return int(place[0]), int(place[1])
