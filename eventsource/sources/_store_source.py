"""What all sources by URL share: a checkpoint that knows its store, and records that become events.

A module of a store derives a class from `StoreSource`. It says which store it is (`StoreSource.store`), and yields
`Taken` objects (`StoreSource.read`)::

    read(None)               Taken(events 1 … 500, rejected, place={"position": 500})     each is one commit
                             Taken(events 501 … 900, rejected, place={"position": 900})   of the log
    read({"position": 900})                                                                the next pull

A *place* is whatever JSON value the module needs to read on: a number, the offsets of partitions, a list of gaps.
The checkpoint holds it together with the identity of the store. A checkpoint of another store is refused: its
positions mean something else there.

Records become events by the same mapping as lines of files. `rows` takes the columns of a table as members;
`messages` takes the members of a JSON value, and adds `RECORD_MEMBERS` such as ``@key``.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import polars as pl

from eventsource.errors import SourceError
from eventsource.event import Batch, Checkpoint, SourceLag, no_events, rejected_lines
from eventsource.messages import counted, noun
from eventsource.sources._decoder import Decoder, Line, json_bytes
from eventsource.sources._mapping import READ_AGAIN, PathOrParts
from eventsource.sources._records import LineMapping
from eventsource.sources._texts import RECORD_MEMBERS
from eventsource.sources._times import TimeReader
from eventsource.sources._values import LineError

__all__ = ["Message", "Prepare", "RecordMapping", "StoreSource", "Taken", "address"]

Prepare = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_CHECKPOINT: Final = "place"
"""The name of the only value of the checkpoint."""

_SAME: Final = {"postgres": "postgresql"}
"""Schemes that are other names of one."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class RecordMapping:
    """How records become events, as the arguments of `eventsource.source` say.

    Args:
        lines: which member is which column.
        times: how times are read.
        digest: a number that tells one mapping from another.
    """

    lines: LineMapping
    times: TimeReader
    digest: int

    def decoder(self, source: str, defaults: Mapping[str, PathOrParts]) -> Decoder:
        """Return a decoder of records.

        Args:
            source: the name of the source, for rejected lines.
            defaults: column → path, for columns that neither the mapping nor a preset names.
        """
        fields = replace(self.lines.fields, hidden=(*self.lines.fields.hidden, *RECORD_MEMBERS))
        return Decoder(source, replace(self.lines, fields=fields, defaults=defaults), self.times)


@dataclass(frozen=True, slots=True)
class Message:
    """A record that is not a row: a message of a broker, an event of an event store.

    Args:
        position: its number at its place, such as an offset.
        value: the bytes of a JSON object, or members that something else decoded; a text says why there are none,
            and rejects the message.
        key: see `RECORD_MEMBERS`, as the others.
        headers: name → text, or another value that JSON has.
        time: a datetime, or a text or number that the mapping reads as a time.
    """

    position: int
    value: bytes | Mapping[str, Any] | str
    key: str | None = None
    headers: Mapping[str, Any] | None = None
    time: Any = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What was read in one step: some events, and the place after them.

    Args:
        place: where to read on: a value that JSON has, see `StoreSource.read`.
        events: a frame of `ENVELOPE` or `PLACED`.
        rejected: a frame of `REJECTED`.
        notes: sentences for the user, such as that history is gone.
    """

    place: Any
    events: pl.DataFrame = field(default_factory=no_events)
    rejected: pl.DataFrame = field(default_factory=lambda: rejected_lines([]))
    notes: tuple[str, ...] = ()


class StoreSource(ABC):
    """A source that a URL names. It satisfies `eventsource.event.Source` and `eventsource.event.LagSource`.

    Args:
        name: a stable name, without a user and secrets; see `address`. Checkpoints are kept under it.
        mapping: how records become events.
        defaults: column → path, for columns that neither the mapping nor a preset names, such as
            ``{"stream": "@key", "event_id": "{@place}:{@position}", "occurred_at": "@time"}``.
    """

    def __init__(
        self, name: str, mapping: RecordMapping, defaults: Mapping[str, PathOrParts] | None = None
    ) -> None:
        self._name, self._mapping = name, mapping
        self._decoder = mapping.decoder(name, defaults or {})

    def __repr__(self) -> str:
        return f"<source {self.name!r}>"

    @property
    def name(self) -> str:
        """The URL without a user and secrets: the same source has the same name tomorrow."""
        return self._name

    @property
    def size(self) -> int | None:
        """How many events there are to read; None, as that is not known without asking the store."""
        return None

    @property
    def needs_record_members(self) -> bool:
        """Whether the mapping names one of `RECORD_MEMBERS`; the defaults do not count."""
        lines = self._mapping.lines
        given = [dict(lines.fields.paths), *map(dict, lines.events)]
        return any(member in json.dumps(given) for member in RECORD_MEMBERS)

    @abstractmethod
    def store(self) -> str:
        """Return the identity of the store: another store, also one that was created again, has another one.

        Raises:
            StoreError: the store is unavailable.
        """

    @abstractmethod
    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place, in order, in bounded memory; it ends where the store ended at the start.

        Args:
            place: that of the last `Taken` which the log committed; None: the start.

        Raises:
            StoreError: the store is unavailable.
            SourceError: what the place needs is gone, such as events that a retention has deleted.
        """

    @abstractmethod
    def lag_after(self, place: Any) -> SourceLag:
        """Return how far a reader at a place is behind."""

    def wait(self, seconds: float) -> None:  # noqa: B027 - a store may be unable to tell
        """Wait until there may be new events, at most so many seconds; a store that cannot tell returns at once.

        A service that follows the source calls this between two pulls, in a thread that may be abandoned.
        """

    def batches(self, checkpoint: Checkpoint) -> Iterator[Batch]:
        """Yield the events after a checkpoint.

        Raises:
            SourceError: the checkpoint is that of another store.
        """
        store = self.store()
        stored = checkpoint.get(_CHECKPOINT)
        self._check(stored, store)
        notes = self._notes_of(stored)
        for taken in self.read(None if stored is None else stored["at"]):
            value = {"store": store, "at": taken.place, "mapping": self._mapping.digest}
            yield Batch(
                events=taken.events,
                checkpoint={_CHECKPOINT: value},
                rejected=taken.rejected,
                read=taken.events.height + taken.rejected.height,
                notes=(*notes, *taken.notes),
            )
            notes = ()
        if count := self._mapping.times.without_zone:
            times = f"{counted(count, 'time')} {noun(count, 'names', 'name')} no zone"
            self._mapping.times.without_zone = 0
            yield Batch(no_events(), {}, notes=(f"{times}: taken as {self._mapping.times.tz}",))

    def lag(self, checkpoint: Checkpoint) -> SourceLag:
        """Return how far a reader at ``checkpoint`` is behind; for errors see `batches`."""
        stored = checkpoint.get(_CHECKPOINT)
        self._check(stored, self.store())
        return self.lag_after(None if stored is None else stored["at"])

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Decode rejected records again; their bytes are the JSON of their members."""
        rows = ((Line(row["file"], row["line"]), _members(row["raw"])) for row in rejected.iter_rows(named=True))
        events, left = self._decoder.rows(rows)
        return Batch(events, {}, left)

    def rows(
        self, place: str, rows: Iterable[tuple[int, Mapping[str, Any]]], prepare: Prepare | None = None
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of rows as `PLACED`, and the rejected ones.

        Args:
            place: the table; ``@place`` in the mapping, and the file of a rejected line.
            rows: position and members of each row.
            prepare: makes the record of a row's members, or raises a `LineError`; None: the members are it.
        """

        def record(at: int, row: Mapping[str, Any]) -> tuple[Line, Mapping[str, Any] | str]:
            try:
                members = row if prepare is None else prepare(row)
            except LineError as error:
                return Line(place, at, json_bytes(row)), str(error)
            return Line(place, at), {**members, "@place": place, "@position": at}

        return self._decoder.rows(record(at, row) for at, row in rows)

    def messages(self, place: str, messages: Iterable[Message]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of messages, and the rejected ones.

        Args:
            place: where they are, such as the topic and the partition; see `rows`.
            messages: the messages.
        """
        return self._decoder.rows((Line(place, each.position), _content(place, each)) for each in messages)

    def _check(self, stored: Any, store: str) -> None:
        if stored is not None and stored["store"] != store:
            raise SourceError(
                f"the checkpoint of {self.name} belongs to another store ({stored['store']}), not to this one "
                f"({store}): it was created again, restored or replaced; nothing was read",
                hint="to read this store from its start: eventsource pull --again, log.pull(source, again=True)",
            )

    def _notes_of(self, stored: Any) -> tuple[str, ...]:
        if stored is None or stored["mapping"] == self._mapping.digest:
            return ()
        note = f"{self.name} was read before with another mapping: only new events are read with this one"
        return (f"{note}. To read it {READ_AGAIN}",)


def address(url: str, **more: str | None) -> str:
    """Return the URL of a source as its name: without driver, user, password, query and fragment.

    Args:
        url: the URL.
        **more: what tells this source from others at the URL, such as the table; None is left out.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    path = f"{_SAME.get(scheme, scheme)}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    query = "&".join(f"{name}={text}" for name, text in more.items() if text is not None)
    return f"{path}?{query}" if query else path


def _content(place: str, message: Message) -> Mapping[str, Any] | str:
    """Return the members of a message with `RECORD_MEMBERS`, or the reason why it has none."""
    found = _members(message.value) if isinstance(message.value, bytes) else message.value
    if isinstance(found, str):
        return found
    return {
        **found,
        "@key": message.key,
        "@headers": message.headers or {},
        "@place": place,
        "@position": message.position,
        "@time": message.time,
    }


def _members(raw: bytes) -> Mapping[str, Any] | str:
    """Return the members of a JSON object, their values as raw JSON, or the reason why there are none."""
    try:
        return _MEMBERS.decode(raw)
    except msgspec.ValidationError:
        return "not a JSON object"
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return f"not JSON: {error}"
