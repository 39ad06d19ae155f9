"""Rows of a table in order, from a place on: by transaction and position, or by position with gaps.

A place is ``{"transaction": 1226, "position": 5}``, or ``{"position": 5, "gaps": […]}``. See
`eventsource.sources._gaps` for gaps, and `eventsource.store` for transactions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import polars as pl

from eventsource.errors import SourceError
from eventsource.event import SourceLag
from eventsource.messages import counted
from eventsource.sources._gaps import MOST_GAPS, Gap, holes, proves, without
from eventsource.sources._sql_database import PostgresqlReader, SqlReader
from eventsource.sources._table_plan import TablePlan

__all__ = ["TableReader"]

_RANGES: Final = 200
"""Gaps that one statement looks into."""

_LIMITS: Final = ("sqlite", "postgresql", "mysql", "mariadb")
"""Databases that know LIMIT."""

_FIRST: Final = -1
"""The position before the first: positions begin with 0 or 1."""

Step = tuple[Any, list[pl.DataFrame]]
"""A place, and the rows before it that were read in this step."""


class TableReader:
    """Reads what a plan says.

    Args:
        reader: the database.
        plan: what is read.
        name: the name of the source, for messages.
        batch: about how many rows a step has.
    """

    def __init__(self, reader: SqlReader, plan: TablePlan, name: str, batch: int) -> None:
        self._reader, self._plan, self._name, self._batch = reader, plan, name, batch

    def steps(self, place: Any) -> Iterator[Step]:
        """Yield places and the rows up to them, until where the table ended at the start."""
        return self._by_position(place) if self._plan.transaction is None else self._by_transaction(place)

    def lag(self, place: Any) -> SourceLag:
        """Return how many rows come after a place, and why some of them are held back."""
        plan, reader = self._plan, self._reader
        condition = self._after(place)
        is_postgresql = isinstance(reader, PostgresqlReader)
        time = f"min({plan.time}), clock_timestamp()" if plan.time is not None and is_postgresql else "NULL, NULL"
        ((count, oldest, now),) = reader.rows(plan.ask(f"count(*), {time}", condition))
        gaps = [Gap.read(each) for each in (place or {}).get("gaps", ())]
        seconds = (now - oldest).total_seconds() if oldest is not None else 0.0 if not count else None
        return SourceLag(count, seconds, tuple(self._held(condition, gaps)))

    def first(self, place: Any) -> list[pl.DataFrame]:
        """Return the first row after a place; nothing where SQL has no LIMIT."""
        if self._reader.dialect not in _LIMITS:
            return []
        return list(self._reader.frames(f"{self._plan.select(self._after(place))} LIMIT 1", 1))

    def _held(self, condition: str, gaps: Sequence[Gap]) -> Iterator[str]:
        reader, plan = self._reader, self._plan
        if not isinstance(reader, PostgresqlReader):
            return
        if plan.transaction is not None:
            horizon = f"{plan.transaction} >= pg_snapshot_xmin(pg_current_snapshot())"
            both = f"({condition}) AND {horizon}" if condition else horizon
            ((waiting,),) = reader.rows(plan.ask("count(*)", both))
            if waiting:
                yield f"{counted(waiting, 'event')} wait for {reader.oldest_transaction()}"
        elif gaps:
            missing = sum(gap.high - gap.low + 1 for gap in gaps)
            yield (
                f"{counted(missing, 'position')} may still be committed by {reader.oldest_transaction()}; later "
                "events are read, these will be when they are there"
            )

    def _after(self, place: Any) -> str:
        """Return the condition for rows after a place."""
        if place is None:
            return ""
        position = int(place["position"])
        if self._plan.transaction is not None:
            order = f"({self._plan.transaction}, {self._plan.position})"
            return f"{order} > ('{int(place['transaction'])}'::xid8, {position})"
        return f"{self._plan.position} > {position}"

    def _by_transaction(self, place: Any) -> Iterator[Step]:
        """Yield rows in the order of (transaction, position), below the horizon of one snapshot."""
        horizon = f"{self._plan.transaction} < pg_snapshot_xmin(pg_current_snapshot())"
        statement = self._plan.select(" AND ".join(each for each in (self._after(place), horizon) if each))
        for frame in self._reader.frames(statement, self._batch):
            last = frame.row(-1, named=True)
            yield {"transaction": int(last["@transaction"]), "position": last["@position"]}, [frame]

    def _by_position(self, place: Any) -> Iterator[Step]:
        """Yield rows in the order of positions; on PostgreSQL also those in earlier gaps, and note new gaps."""
        own = self._reader if isinstance(self._reader, PostgresqlReader) else None
        after = _FIRST if place is None else int(place["position"])
        gaps = [Gap.read(each) for each in (place or {}).get("gaps", ())]
        end = self._end(after)
        settled = end if own is not None and end is not None and _is_settled(own) else _FIRST - 1
        if own is not None and gaps:
            gaps, found = self._look_into(gaps, own)
            yield _at(after, gaps), found
        if end is None:
            return
        for frames in self._whole_positions(after, end):
            positions = pl.concat([frame["@position"] for frame in frames])
            if own is not None:
                gaps = [*gaps, *holes(positions, after, settled=settled, status=own.status())]
                self._check_gaps(gaps, own)
            after = int(positions[-1])
            yield _at(after, gaps if own is not None else None), frames
        if own is not None and gaps:
            left, found = self._look_into(gaps, own)
            if left != gaps:
                yield _at(after, left), found

    def _whole_positions(self, after: int, end: int) -> Iterator[list[pl.DataFrame]]:
        """Yield frames of rows such that those of one position are together."""
        position = self._plan.position
        statement = self._plan.select(f"{position} > {after} AND {position} <= {end}")
        kept: list[pl.DataFrame] = []
        for frame in self._reader.frames(statement, self._batch):
            is_last = frame["@position"] == frame["@position"][-1]
            last = frame.filter(is_last)
            if last.height < frame.height:
                yield [*kept, frame.filter(~is_last)]
                kept = [last]
            elif kept and kept[0]["@position"][0] != last["@position"][0]:
                yield kept
                kept = [last]
            else:
                kept.append(last)
        if kept:
            yield kept

    def _look_into(self, gaps: Sequence[Gap], reader: PostgresqlReader) -> tuple[list[Gap], list[pl.DataFrame]]:
        """Return the gaps that remain, and the rows that have appeared in them."""
        status = reader.status()  # before the read: what had ended by now, the read sees
        chunks = (gaps[start : start + _RANGES] for start in range(0, len(gaps), _RANGES))
        frames = [frame for some in chunks for frame in reader.frames(self._within(some), self._batch)]
        found = sorted({position for frame in frames for position in frame["@position"]})
        left: list[Gap] = []
        for gap in (gap for gap in gaps if not gap.is_over(status)):
            left += without(gap, [position for position in found if gap.low <= position <= gap.high])
        return left, frames

    def _within(self, gaps: Sequence[Gap]) -> str:
        position = self._plan.position
        return self._plan.select(" OR ".join(f"{position} BETWEEN {gap.low} AND {gap.high}" for gap in gaps))

    def _check_gaps(self, gaps: Sequence[Gap], reader: PostgresqlReader) -> None:
        if len(gaps) > MOST_GAPS:
            raise SourceError(
                f"{self._name}: more than {MOST_GAPS:,} gaps wait for {reader.oldest_transaction()}; what was "
                "read so far is committed",
                hint="end that transaction, then pull again",
            )

    def _end(self, after: int) -> int | None:
        """Return the last position that is visible, or None if there is none."""
        ((end,),) = self._reader.rows(self._plan.ask(f"max({self._plan.position})"))
        if end is not None and not isinstance(end, int):
            raise SourceError(
                f"{self._name}: expected a column of integers as position, got {end!r}",
                hint="position: a column that grows with each row, such as a key",
            )
        never = self._unreachable()
        if never:
            raise SourceError(
                f"{self._name}: expected a position of 0 or more in every row, "
                f"got {counted(never, 'row')} without one or below 0; nothing was read",
                hint="position: another column, or query= that leaves such rows out or numbers them",
            )
        if after > _FIRST and (end is None or end < after):
            raise SourceError(
                f"{self._name}: the log has read up to position {after:,}, the last one now is {end}: the table "
                "was emptied, restored or replaced; nothing was read",
                hint="to read it from its start: eventsource pull --again, log.pull(source, again=True)",
            )
        return end

    def _unreachable(self) -> int:
        """Return how many rows have no position, or one before the first; by an index, if the position has one."""
        position = self._plan.position
        conditions = [f"{position} IS NULL", f"{position} <= {_FIRST}"]
        if self._reader.dialect != "sqlite":  # SQLite reads all rows for an OR, if one side cannot be true
            conditions = [" OR ".join(conditions)]
        asked = (self._reader.rows(self._plan.ask("count(*)", each)) for each in conditions)
        return sum(count for ((count,),) in asked)


def _is_settled(reader: PostgresqlReader) -> bool:
    """Return whether all transactions have ended that have drawn a position by now."""
    now = reader.status()
    return proves(reader.status(), now.xmax, now.now)


def _at(position: int, gaps: Sequence[Gap] | None) -> dict[str, Any]:
    own = {} if gaps is None else {"gaps": [gap.written() for gap in gaps]}
    return {"position": position, **own}
