"""Rows of an SQL database as events: our own store, the tables of known libraries, any table or query.

On PostgreSQL, rows that commit after a row with a later position are not skipped: see
`eventsource.sources._table_reader`. On SQLite one writer at a time allots positions, so that nothing commits out
of order. For other databases, a note says that such rows may be missed.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from msgspec.structs import replace as replace_lag

from eventsource.errors import SourceError
from eventsource.event import Batch, SourceLag, no_events, rejected_lines
from eventsource.messages import suggestion
from eventsource.sources._row_frames import events_of_columns, members_of_rows
from eventsource.sources._sql_database import PLAIN_OIDS, SqlReader, reader_at
from eventsource.sources._store_source import RecordMapping, StoreSource, Taken, address
from eventsource.sources._table_plan import Column, Found, Kind, TablePlan
from eventsource.sources._table_presets import table_preset
from eventsource.sources._table_reader import TableReader

__all__ = ["open_source"]

_BATCH: Final = 100_000
_JSON: Final = frozenset({114, 3802})
_NUMERIC: Final = 1700


def open_source(  # noqa: PLR0913 - one argument for each thing that tables differ in
    url: str,
    mapping: RecordMapping,
    *,
    table: str | None = None,
    query: str | None = None,
    position: str | None = None,
    preset: str | None = None,
    written_in: str | None = None,
    batch: int = _BATCH,
) -> "Relational":
    """Return the rows of a table or query as a source.

    Args:
        url: ``sqlite:///shop.db``, ``postgresql://user@host/database``, or any URL of SQLAlchemy.
        mapping: how rows become events.
        table: the table, perhaps with its schema.
        query: a SELECT that reads all rows, instead of a table.
        position: the column of the position, an integer that grows; default: that of the preset.
        preset: the library that writes the table; default: our own store.
        written_in: for Marten's Quick append, the zone of the server that wrote timestamps: they are corrected.
        batch: about how many events are committed at once.

    Raises:
        SourceError: arguments contradict each other, or the driver cannot be imported.
    """
    if table is not None and query is not None:
        raise SourceError("expected a table or a query, got both", hint="leave one of them out")
    if written_in is not None and preset != "marten":
        raise SourceError("written_in is for Marten's tables", hint='preset="marten"')
    if batch < 1:
        raise SourceError(f"expected a batch of at least 1 event, got {batch}", hint="leave batch out")
    if table is None and query is None and preset is None:
        preset = "eventsource"
    if query is not None and preset is not None:
        raise SourceError("a preset reads a table, got a query", hint="map the columns of the query instead")
    if preset is not None:
        table = table or table_preset(preset).table
    return Relational(url, mapping, (table, query, position, preset, written_in), batch)


class Relational(StoreSource):
    """Rows of a table or query; see `open_source`.

    Args:
        url: the database.
        mapping: how rows become events.
        what: table, query, position, preset and zone, as the user gave them.
        batch: about how many events are committed at once.
    """

    def __init__(
        self,
        url: str,
        mapping: RecordMapping,
        what: tuple[str | None, str | None, str | None, str | None, str | None],
        batch: int,
    ) -> None:
        self._table, self._query, self._position, self._preset, self._written_in = what
        super().__init__(_name(url, table=self._table, query=self._query), mapping)
        self._url, self._batch = url, batch
        self._reader: SqlReader | None = None
        self._planned: TablePlan | None = None

    @property
    def reader(self) -> SqlReader:
        """The database, opened when it is first needed."""
        if self._reader is None:
            self._reader = reader_at(self._url)
        return self._reader

    @property
    def plan(self) -> TablePlan:
        """What is read; the table is looked at once."""
        if self._planned is None:
            self._planned = self._make_plan()
            fields = self._mapping.lines.fields
            paths = {name: path for name, path in self._planned.paths.items() if name not in fields.constants}
            if "event_id" not in {each.name for each in self._planned.columns}:
                paths = {"event_id": "{@place}:{@position}", **paths}
            self._fields = replace(fields, paths={**paths, **fields.paths})
            lines = replace(self._mapping.lines, fields=self._fields)
            self._decoder = replace(self._mapping, lines=lines).decoder(self.name, {})
        return self._planned

    def store(self) -> str:
        """Return which table this is."""
        if self._preset == "eventsource":
            about = self.reader.quoted(f"{self.plan.place}_store")
            ((identity, cluster),) = self.reader.rows(f"SELECT id, cluster FROM {about}")  # noqa: S608 - quoted
            here = self.reader.identity(self.plan.source).partition("/")[0]
            if cluster != here:
                raise SourceError(
                    f"the table {self.plan.place} was restored from another server",
                    hint=f"while no program writes to it: eventsource store init {self.name.partition('?')[0]}",
                )
            return f"{identity}@{cluster}"
        return self.reader.identity(self.plan.source) or f"{self.reader.dialect}:{self.plan.place}"

    def read(self, place: Any) -> Iterator[Taken]:
        """Yield what comes after a place.

        A place by position also says which event is there: a table that was replaced by another one may be longer
        than before. A transaction is not drawn twice by one server.
        """
        notes, position, last = self.plan.notes, *self._check_there(place)
        for at, frames in self._table_reader.steps(place):
            events, rejected = self._decoded(frames)
            if self.plan.transaction is None:
                last = self._event_at(at["position"], events) or (last if at["position"] == position else None)
                position = at["position"]
            yield Taken(at if last is None else {**at, "event": last}, events, rejected, notes)
            notes = ()

    def _check_there(self, place: Any) -> tuple[int | None, dict[str, Any] | None]:
        """Return the position of a place and its event; one that was deleted, or read otherwise, is not checked.

        Raises:
            SourceError: there is another event.
        """
        if place is None:
            return None, None
        position, last = int(place["position"]), place.get("event")
        if last is not None and last["mapping"] == self._mapping.digest:
            counted = self._mapping.times.without_zone
            row = self.plan.select(f"{self.plan.position} = {position}")
            found = self._event_at(position, self._decoded(list(self.reader.frames(row, self._batch)))[0])
            self._mapping.times.without_zone = counted  # the pull of this row has counted it
            if found not in (None, last):
                raise SourceError(
                    f"{self.name} has another event at position {position:,} than the last pull read there: the "
                    "table was restored or replaced; nothing was read",
                    hint="to read it from its start: eventsource pull --again, log.pull(source, again=True)",
                )
        return position, last

    def _event_at(self, position: int, events: pl.DataFrame) -> dict[str, Any] | None:
        """Return a digest of what does not change of the first event at a position; None: there is none."""
        first = events.filter(pl.col("line") == position).head(1)
        if first.is_empty():
            return None
        text = first.select("event_id", "stream", "type", "occurred_at").write_json()
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        return {"mapping": self._mapping.digest, "digest": digest}

    def lag_after(self, place: Any) -> SourceLag:
        """Return how many rows come after a place, the age of the first one, and why some are held back."""
        lag, first = self._table_reader.lag(place), None
        if lag.events and lag.seconds is None:
            counted = self._mapping.times.without_zone
            events, _ = self._decoded(self._table_reader.first(place))
            self._mapping.times.without_zone = counted  # the pull of this row counts it
            first = events["recorded_at"].first()
        if not isinstance(first, datetime):
            return lag
        return replace_lag(lag, seconds=max(0.0, (datetime.now(UTC) - first).total_seconds()))

    @property
    def _table_reader(self) -> TableReader:
        return TableReader(self.reader, self.plan, self.name, self._batch)

    def decode(self, rejected: pl.DataFrame) -> Batch:
        """Decode rejected rows again, with the mapping of the preset."""
        _ = self.plan
        return super().decode(rejected)

    def _decoded(self, frames: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of rows, and the rejected ones."""
        both = [self._decoded_frame(frame) for frame in frames]
        events, rejected = [events for events, _ in both], [rejected for _, rejected in both]
        return pl.concat([no_events(), *events]), pl.concat([rejected_lines([]), *rejected])

    def _decoded_frame(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events of rows: whole columns at once if that is possible."""
        plan, lines = self.plan, self._mapping.lines
        if lines.explode is None and not lines.events and plan.prepare is None:
            events = events_of_columns(frame, plan.columns, self._fields, self._mapping.times, plan.place)
            if events is not None:
                positions = frame["@position"].cast(pl.Int64).alias("line")
                return events.with_columns(pl.lit(plan.place).alias("file"), positions), rejected_lines([])
        rows = zip(frame["@position"].to_list(), members_of_rows(frame, plan.columns), strict=True)
        return self.rows(plan.place, rows, plan.prepare)

    def _make_plan(self) -> TablePlan:
        reader = self.reader
        query = None if self._query is None else self._query.strip().removesuffix(";")
        # A query may end in a comment, so the bracket closes on another line.
        source = reader.quoted(str(self._table)) if query is None else f"({query}\n) AS q"
        columns = reader.columns(source)
        if self._preset is not None:
            preset = table_preset(self._preset)
            known = [name for name in preset.needed if name not in columns]
            if known:
                raise SourceError(
                    f"{self._table}: expected a table of {preset.title}, got one without {', '.join(known)}",
                    hint="name the table: table=…; or another preset",
                )
            found = Found(str(self._table), source, columns, reader.dialect, self._written_in)
            name = self._position or next(
                (each for each in preset.position if each in columns), preset.position[-1]
            )
            return preset.plan(found, reader.quoted(name) if name in columns else name)
        return self._plain_plan(source, columns)

    def _plain_plan(self, source: str, columns: Mapping[str, int | None]) -> TablePlan:
        reader, place = self.reader, self._table or "query"
        if self._position is None:
            raise SourceError(
                f"{place}: expected the name of the column with the position",
                hint=f'position="{next(iter(columns), "id")}"; columns: {", ".join(columns)}',
            )
        if self._position not in columns:
            raise SourceError(
                f"{place} has no column {self._position!r}", hint=suggestion(self._position, columns)
            )
        notes = () if reader.dialect in ("sqlite", "postgresql") else (_UNKNOWN_ORDER.format(reader.dialect),)
        found = tuple(_column(reader, name, oid) for name, oid in columns.items())
        return TablePlan(place, source, found, reader.quoted(self._position), notes=notes)


_UNKNOWN_ORDER: Final = (
    "rows of {} that commit after a row with a later position are not read: write from one process, or pull when "
    "nothing is written"
)


def _name(url: str, **more: str | None) -> str:
    """Return the name of a source; the path of a file is absolute."""
    scheme, separator, path = url.partition(":///")
    if separator and scheme.startswith("sqlite"):
        url = f"sqlite:///{Path(path.partition('?')[0]).absolute()}"
    return address(url, **more)


def _column(reader: SqlReader, name: str, oid: int | None) -> Column:
    sql = reader.quoted(name)
    if oid is None or oid in PLAIN_OIDS:
        return Column(name, sql)
    kind: Kind = "json" if oid in _JSON else "number" if oid == _NUMERIC else "plain"
    return Column(name, f"{sql}::text", kind)
