"""The one way into a log: drop what it holds already, number the rest, commit.

A commit holds the rows, their positions, the place where their source goes on, and the log's guard: all or none.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final, Never

import polars as pl

from eventsource.errors import FrameError
from eventsource.event import ENVELOPE, REQUIRED, STORED, Batch, check_events
from eventsource.log._conflicts import CONFLICTS, conflicts, kept_aside
from eventsource.log._files import compact, in_order
from eventsource.log._rejects import Rejects
from eventsource.log._resume import Place
from eventsource.log._seen import Seen
from eventsource.log._table import OvertakenError, Table, retried

__all__ = ["GUARD", "Appended", "Writer"]

GUARD: Final = "eventsource:log"
"""The application transaction that every commit carries; its version is the log's head."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did.

    Args:
        appended: events that are new.
        duplicates: events whose id came before; they were dropped.
        conflicts: those of the duplicates that differ from the first: ``event_id``, ``position`` of the first,
            ``differs`` (columns). They are kept aside, see `Log.rejected`.
        head: the position that the next event will get.
    """

    appended: int
    duplicates: int
    conflicts: pl.DataFrame
    head: int


class Writer:
    """Appends to a log.

    Args:
        table: the events, for this object alone: what a commit is based on must not move under it.
        rejects: where conflicts and rejected lines are kept.
    """

    def __init__(self, table: Table, rejects: Rejects) -> None:
        self._table, self._rejects = table, rejects
        self._seen = Seen()
        self._lock = Lock()

    def commit(self, batch: Batch, source: str, place: Place | None, *, strict: bool = False) -> Appended:
        """Append a batch; all of it or nothing.

        Args:
            batch: events, and the checkpoint after them.
            source: whose they are, for the lines kept aside.
            place: where the source was; None for events that have none.
            strict: fail where an event conflicts with the first of its id.

        Raises:
            FrameError: the events are no envelope.
            FrameError: strict, and there is a conflict.
            AppendConflictError: other writers were faster, or another pull of this source is running.
        """
        if not _is_envelope(batch.events):
            batch = replace(batch, events=check_events(batch.events))
        with self._lock:
            return retried(lambda: self._attempt(batch, source, place, strict), self._table.path)

    def tidy(self) -> None:
        """Put small files together, if there are many; whoever commits at this moment goes first."""
        with self._lock, suppress(OvertakenError):
            self._table.refresh()
            compact(self._table, {GUARD: self._table.number(GUARD) or 0})

    def _attempt(self, batch: Batch, source: str, place: Place | None, strict: bool) -> Appended:  # noqa: FBT001 - private
        self._table.refresh()
        moved = place.moved(batch.checkpoint, self._table) if place else {}
        head = self._table.number(GUARD) or 0
        new, differing = self._sifted(batch.events, head)
        if strict and differing.height:
            _refuse(differing)
        # Kept aside first: after a crash in between, the same lines come again and are found to be there. The
        # other way round they would be lost, for the checkpoint has moved on.
        self._rejects.keep(pl.concat([batch.rejected, kept_aside(differing, source)]), batch.reread_after)
        if new.height or moved:
            self._table.append(_numbered(new, head), {GUARD: head + new.height, **moved})
            self._seen.add(new["event_id"])
            if place:
                place.committed(batch.checkpoint, moved)
        reported = differing.select(CONFLICTS.names())
        return Appended(new.height, batch.events.height - new.height, reported, head + new.height)

    def _sifted(self, events: pl.DataFrame, head: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the events that are new, and those that differ from the first of their id."""
        if events.is_empty():
            return events, conflicts(events, pl.DataFrame(schema=STORED))
        self._catch_up(head)
        suspects = self._seen.suspects(events["event_id"])
        if suspects.is_empty():
            return events, conflicts(events.clear(), pl.DataFrame(schema=STORED))
        return self._compared(events, self._stored(suspects.unique()), head)

    def _compared(
        self, events: pl.DataFrame, stored: pl.DataFrame, head: int
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the same as `_sifted`, where the log holds ``stored`` of the ids."""
        fresh = ~pl.col("event_id").is_in(stored["event_id"].implode())
        taken = fresh & pl.col("event_id").is_first_distinct()
        new = events.filter(taken)
        standing = pl.concat([stored, _numbered(new, head)])
        return new, conflicts(events.filter(~taken), standing)

    def _stored(self, event_ids: pl.Series) -> pl.DataFrame:
        """Return the events of the log that have one of these ids.

        First their positions are found, for which only the ids are read; then only the files and row groups
        that hold them.
        """
        wanted = pl.LazyFrame([event_ids])
        ids = in_order(self._table).select("position", "event_id")
        places = ids.join(wanted, on="event_id", how="semi").select("position").collect(engine="streaming")
        positions = places["position"].sort()
        if positions.is_empty():
            return pl.DataFrame(schema=STORED)
        rows = in_order(self._table, start=positions[0], upto=positions[-1] + 1)
        return rows.join(pl.LazyFrame([positions]), on="position", how="semi").collect(engine="streaming")

    def _catch_up(self, head: int) -> None:
        """Take in the ids of what other writers appended, or what stood there before this one began."""
        if self._seen.upto < head:
            tail = in_order(self._table, start=self._seen.upto, upto=head).select("event_id")
            for chunk in tail.collect_batches(maintain_order=True, chunk_size=1_000_000):
                self._seen.add(chunk["event_id"])


def _numbered(events: pl.DataFrame, head: int) -> pl.DataFrame:
    """Return events under the positions from ``head`` on."""
    positions = pl.int_range(head, head + events.height, dtype=pl.Int64, eager=True).alias("position")
    return events.select(positions, *ENVELOPE)


def _is_envelope(events: pl.DataFrame) -> bool:
    return events.schema == ENVELOPE and not any(events[name].null_count() for name in REQUIRED)


def _refuse(differing: pl.DataFrame) -> Never:
    first = differing.row(0, named=True)
    raise FrameError(
        f"{differing.height:,} events differ from those that came before under the same event_id; nothing was "
        f"appended. The first: {first['event_id']!r} differs from position {first['position']} in "
        f"{first['differs']}",
        hint="give corrections an event_id of their own",
    )
