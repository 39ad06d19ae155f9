"""The keeper: what has to be written so that tables equal a model, and in which transaction."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import polars as pl
import sqlalchemy as sa

from eventsource.errors import IndexFileError, ReadModelError
from eventsource.progress import Progress, no_progress
from eventsource.readmodel._answers import Lag, Refreshed
from eventsource.readmodel._columns import fitted
from eventsource.readmodel._database import Database
from eventsource.readmodel._open import database_at
from eventsource.readmodel._progress import Tally
from eventsource.readmodel._records import BOOK, Record, recorded, write, writing
from eventsource.readmodel._tables import (
    KEYS,
    beside,
    delete_gone,
    differing,
    drop,
    finish,
    staged,
    swap,
    table_there,
    upsert,
)
from eventsource.snapshots import SnapshotPolicy
from eventsource.timeline import Timeline

__all__ = ["Keeper"]

_INTERVAL: Final = ("valid_from", "valid_to")
_SLICE: Final = 50_000  # entities whose histories are held in memory at once
_TAKEN: Final = {BOOK: "the table of the bookkeeping", "excluded": "what SQL calls the rows to be inserted"}
_Ends = Mapping[int, tuple[str, datetime]]
"""Id and ``recorded_at`` of events, by position."""
_BITS: Final = 5  # a snapshot after each 16th to 32nd part of the log
_SMALL: Final = 100_000  # events that are folded as fast without a snapshot
_NEW: Final = "not made yet"
_AFRESH: Final = "rebuild() makes the tables anew, eventsource refresh --rebuild does so on the terminal"


class _OutgrownError(Exception):
    """New values do not fit into the columns that are there."""


@dataclass(frozen=True, slots=True)
class _Written:
    """How many rows a transaction wrote and deleted, and the dtypes of the fields."""

    written: int
    deleted: int
    columns: Mapping[str, str]


class Keeper:
    """Keeps tables equal to a model; see `eventsource.readmodel.ReadModel` for the arguments."""

    def __init__(
        self, timeline: Timeline, url: str, table: str, *, history: bool, progress: Progress | None = None
    ) -> None:
        self.timeline, self.table, self.history, self.told = timeline, table, history, progress or no_progress
        self.database: Database = database_at(url)
        self.names = [table, f"{table}_history"] if history else [table]
        columns = ["entity", *_INTERVAL, *timeline.plan.fields]
        self.database.check([*self.names, BOOK], columns)
        for name, is_for in _TAKEN.items():
            if name in (each.lower() for each in self.names):
                raise ReadModelError(f"{name} is {is_for}", hint="name another table")

    def refresh(self, why: str = "") -> Refreshed:
        """Bring the tables to the head of the log.

        Args:
            why: a reason to make them anew; empty: only if there is need to.
        """
        begin = time.monotonic()
        with writing(self.database, self.table) as connection:
            head, there = self.timeline.log.head, sa.inspect(connection)
            record = recorded(connection, self.table)
            self._refuse_foreign(there, record)
            ends = _events(self.timeline, {head - 1, record.position - 1 if record else -1})
            why = why or self._outdated(there, record, head, ends)
            if record is not None and not why and record.position == head:
                return Refreshed(head, 0, 0, 0, "", time.monotonic() - begin)
            done, why = self._written(connection, record, head, why)
            write(connection, self._record(head, done.columns, ends.get(head - 1)))
        self.told("finishing", 1, 1)
        before = record.position if record else 0
        self._leave_snapshot(before, head)
        went = head - before
        return Refreshed(head, went, done.written, done.deleted, why, time.monotonic() - begin)

    def _leave_snapshot(self, before: int, head: int) -> None:
        """Take a snapshot now and then, for later refreshes to go on from; histories cannot.

        The tables are up to date already: where it cannot be written, later refreshes only take longer.
        """
        step = max(1 << max(head.bit_length() - _BITS, 0), _SMALL)
        if not self.history and before // step < head // step:
            with contextlib.suppress(IndexFileError):
                self.timeline.take_due(SnapshotPolicy(events=step))

    def lag(self) -> Lag:
        """Return how far the tables are behind the log."""
        record, rebuild = self._kept()
        head = self.timeline.log.head
        if record is not None:
            self._check_log(record, head, _events(self.timeline, {record.position - 1}))
        position = record.position if record else 0
        first = _events(self.timeline, {position}).get(position)
        seconds = (datetime.now(UTC) - first[1]).total_seconds() if first else 0.0
        return Lag(head - position, max(seconds, 0.0), record.position if record else None, rebuild)

    def _kept(self) -> tuple[Record | None, str]:
        """Return what is known of the tables, and why the next refresh makes them anew; nothing is written."""
        if not self.database.is_there:
            return None, _NEW
        with self.database.reading() as connection:
            record = recorded(connection, self.table)
            return record, self._changed(sa.inspect(connection), record)

    def verify(self) -> pl.DataFrame:
        """Return what differs between the tables and the model at their position."""
        if not self.database.is_there:
            raise self._missing()
        with self.database.reading() as connection:
            record = recorded(connection, self.table)
            if record is None:
                raise self._missing()
            self._check_log(record, self.timeline.log.head, _events(self.timeline, {record.position - 1}))
            frames = self._frames(None, record.position, snapshots=False)
            tally = Tally(self.told, "comparing")
            tally.begin(frames[self.table].height, frames[self.table].height, frames)
            found = [
                self._differing(connection, record, name, frame, tally).select(
                    pl.lit(name).alias("table"), pl.all()
                )
                for name, frame in frames.items()
            ]
        return pl.concat(found)

    def _written(
        self, connection: sa.Connection, record: Record | None, head: int, why: str
    ) -> tuple[_Written, str]:
        """Merge what is new into the tables, or make them anew; return the reason for the latter."""
        if record is not None and not why:
            try:
                return self._merge(connection, record, head), ""
            except _OutgrownError as error:
                why = str(error)
        return self._rebuild(connection, record, head), why

    def _merge(self, connection: sa.Connection, record: Record, head: int) -> _Written:
        """Write the rows of the entities that new events touched, where they differ.

        Their states go on from the snapshot that an earlier refresh left, as any question does.
        """
        touched = self.timeline.touched(record.position, head)
        written = deleted = 0
        columns, tally = record.columns, Tally(self.told, "writing")
        for entities in self._slices(touched):
            frames = self._frames(entities, head)
            tally.begin(len(entities), len(touched), frames)
            for name, frame in frames.items():
                columns = _fitted(frame, columns)
                self.database.check_entities(frame["entity"])
                target = table_there(name, frame.columns)
                asked = _may_be_gone(entities, target, frame)
                compared = len(asked) > 0
                with staged(connection, frame, target, self.database, compared=compared, told=tally.add) as stage:
                    if len(asked):
                        with staged(connection, asked.to_frame(), target, self.database) as mine:
                            deleted += delete_gone(connection, target, stage, mine)
                    written += upsert(connection, target, stage, self.database)
        return _Written(written, deleted, columns)

    def _rebuild(self, connection: sa.Connection, record: Record | None, head: int) -> _Written:
        """Make the tables anew beside those that are there, and put them in their place."""
        tables: dict[str, sa.Table] = {}
        written, tally = 0, Tally(self.told, "writing")
        columns: dict[str, str] = {}
        for part, total, frames in self._everything(head):
            tally.begin(part, total, frames)
            for name, frame in frames.items():
                self.database.check_entities(frame["entity"])
                if name not in tables:
                    tables[name] = beside(connection, frame.schema, self.database)
                self.database.load(connection, tables[name], frame, tally.add)
                written += frame.height
                columns = _dtypes(frame)
        self.told("finishing", 0, 1)
        for name, table in tables.items():
            finish(connection, table, self.database)
            swap(connection, table, name, self.database)
        if record is not None and record.history and not self.history:
            drop(connection, f"{self.table}_history")
        return _Written(written, 0, columns)

    def _everything(self, head: int) -> Iterator[tuple[int, int, dict[str, pl.DataFrame]]]:
        """Yield all rows of all tables, histories slice by slice; before them, how many entities of how many."""
        if not self.history:
            frames = self._frames(None, head, snapshots=False)
            yield frames[self.table].height, frames[self.table].height, frames
            return
        everybody = self.timeline.entities(upto=head)
        for entities in self._slices(everybody):
            yield len(entities), len(everybody), self._frames(entities, head)

    def _slices(self, entities: pl.Series) -> Iterator[pl.Series]:
        """Yield entities in parts that may be folded on their own; at least one part, be it empty.

        An untyped ``reduce`` has the dtype that its values have, which only all of them together tell.
        """
        loose = any(rule.is_untyped for rule in self.timeline.plan.rules)
        size = _SLICE if self.history and not loose else max(len(entities), 1)
        for begin in range(0, max(len(entities), 1), size):
            yield entities.slice(begin, size)

    def _frames(self, entities: pl.Series | None, head: int, *, snapshots: bool = True) -> dict[str, pl.DataFrame]:
        """Return the rows of each table, of some entities or of all; ``snapshots`` as of `Timeline.as_of`."""
        if not self.history:
            return {self.table: self.timeline.as_of(entity=entities, upto=head, snapshots=snapshots)}
        history = self.timeline.history(entities, upto=head)
        states = history.filter(pl.col("valid_to").is_null()).drop(_INTERVAL)
        return dict(zip(self.names, (states, history), strict=True))

    def _differing(
        self, connection: sa.Connection, record: Record, name: str, frame: pl.DataFrame, tally: Tally
    ) -> pl.DataFrame:
        target = table_there(name, frame.columns)
        try:
            _fitted(frame, record.columns)
        except _OutgrownError as error:
            return pl.DataFrame(
                {"entity": [None], "problem": [str(error)]}, {"entity": pl.String, "problem": pl.String}
            )
        with staged(connection, frame, target, self.database, told=tally.add) as stage:
            return differing(connection, target, stage)

    def _outdated(self, there: sa.Inspector, record: Record | None, head: int, ends: _Ends) -> str:
        """Return why the tables must be made anew; empty if they need not."""
        if record is not None:
            self._check_log(record, head, ends)
            if record.history and not self.history and self._is_of_model(record):
                raise ReadModelError(
                    f"{self.table!r} has a table of history, which was not asked for",
                    hint="history=True or --history keeps it; rebuild() or --rebuild drops it",
                )
        return self._changed(there, record)

    def _changed(self, there: sa.Inspector, record: Record | None) -> str:
        """Return in what the tables are not those that are asked for; empty if they are."""
        if record is None:
            return _NEW
        if not self._is_of_model(record):
            return "the model changed"
        if self.history and not record.history:
            return "history is asked for"
        return "" if all(there.has_table(name) for name in self.names) else "a table was gone"

    def _is_of_model(self, record: Record) -> bool:
        return record.fingerprint == self.timeline.plan.fingerprint()

    def _check_log(self, record: Record, head: int, ends: _Ends) -> None:
        """See that the log is the one, with all the events, that the tables were made from."""
        log = self.timeline.log
        if record.position and not record.log.startswith(log.identity):  # one may be made after none was read
            raise ReadModelError(f"{self.table!r} was made from another log than {log.path}", hint=_AFRESH)
        if head < record.position:
            told = f"{self.table!r} is at position {record.position:,}, and {log.path} ends at {head:,}"
            raise ReadModelError(f"{told}: the log was put back", hint=_AFRESH)
        last, knows = ends.get(record.position - 1), log.knows(record.log)
        if knows is None:
            knows = last is None or self.database.text(last[0]) == record.last_event_id
        if not knows:
            told = f"the events before position {record.position:,} are not those that {self.table!r} took in"
            raise ReadModelError(f"{told}: the log was put back", hint=_AFRESH)

    def _missing(self) -> ReadModelError:
        told = f"{self.database.name}: there is no read model {self.table!r}"
        return ReadModelError(told, hint="refresh() makes it")

    def _refuse_foreign(self, there: sa.Inspector, record: Record | None) -> None:
        """See that tables of our names are as we made them."""
        for name in self.names:
            if not there.has_table(name):
                continue
            ours = record is not None and (record.history or name == self.table)
            found = [column["name"] for column in there.get_columns(name)]
            if record is None or not ours or found != _columns(record, interval=name != self.table):
                told = f"{self.database.name} has a table {name!r} that is not of this read model"
                raise ReadModelError(told, hint="name another table, or drop that one yourself")

    def _record(self, head: int, columns: Mapping[str, str], last: tuple[str, datetime] | None) -> Record:
        return Record(
            name=self.table,
            model=self.timeline.plan.name,
            fingerprint=self.timeline.plan.fingerprint(),
            log=self.timeline.log.mark,
            columns=columns,
            history=self.history,
            position=head,
            last_event_id=self.database.text(last[0]) if last else None,
            last_recorded_at=last[1] if last else None,
            refreshed_at=datetime.now(UTC),
        )


def _columns(record: Record, *, interval: bool) -> list[str]:
    return ["entity", *(_INTERVAL if interval else ()), *record.columns]


def _may_be_gone(entities: pl.Series, target: sa.Table, frame: pl.DataFrame) -> pl.Series:
    """Return of which entities a table may have rows that a frame has not; all, where they can have several."""
    return entities if len(target.primary_key) > 1 else entities.filter(~entities.is_in(frame["entity"].implode()))


def _dtypes(frame: pl.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.schema.items() if name not in (*KEYS, *_INTERVAL)}


def _fitted(frame: pl.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the dtypes of columns once the values of a frame went into them."""
    found = {}
    for name, stored in columns.items():
        dtype = fitted(frame.schema[name], stored)
        if dtype is None:
            raise _OutgrownError(f"{name} is {frame.schema[name]} now, it was {stored}")
        found[name] = dtype
    return found


def _events(timeline: Timeline, positions: set[int]) -> _Ends:
    """Return id and ``recorded_at`` of the events at some positions, those that there are."""
    wanted = sorted(position for position in positions if position >= 0)
    if not wanted:
        return {}
    scan = timeline.log.scan(start=wanted[0], upto=wanted[-1] + 1).filter(pl.col("position").is_in(wanted))
    rows = scan.select("position", "event_id", "recorded_at").collect().rows()
    return {position: (event_id, recorded_at) for position, event_id, recorded_at in rows}
