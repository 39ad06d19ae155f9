"""The index: a plan's events decoded once, clustered by (entity, at, position).

The order of the data is the speed: on clustered columns a fold is one sequential pass. An index is derived from
the log and disposable; deleting it changes no answer, only the time it takes. Small logs are decoded in memory.
"""

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from eventsource import garbage
from eventsource.event import TIMESTAMP
from eventsource.fold.engine import Events
from eventsource.fold.payload import Member, Members, present, resolve, shred
from eventsource.plan import Plan

__all__ = ["EventLog", "Index"]

_IN_MEMORY: Final = 200_000
_CHUNK: Final = 250_000
_ROW_GROUP: Final = 100_000
_KEPT: Final = 2  # the newest, and the one that a question asked just before may still read


class EventLog(Protocol):
    """What a timeline reads: a `Log`, or the test kit's log in memory."""

    @property
    def path(self) -> str:
        """Where the log is; empty for one in memory."""

    @property
    def identity(self) -> str:
        """What tells it from any other log that ever stood at its path."""

    @property
    def head(self) -> int:
        """How many events it holds: the position that the next one will get."""

    def scan(
        self,
        *,
        types: tuple[str, ...] | None = None,
        upto: int | None = None,
        start: int = 0,
    ) -> pl.LazyFrame:
        """Return events with ``start`` <= position < ``upto``, in order of position."""


class Index:
    """The decoded, clustered events of one plan on one log, following the log by itself.

    Args:
        log: the log.
        plan: what to decode.
        in_memory: logs up to this many events are decoded in memory, without a file.
    """

    def __init__(self, log: EventLog, plan: Plan, *, in_memory: int = _IN_MEMORY) -> None:
        self._log, self.members, self._small = log, Members(plan), in_memory
        self._memory: tuple[int, pl.DataFrame] | None = None

    @property
    def folder(self) -> Path:
        """Where the files of this index are: in the log's folder, or in the user's cache for a remote log."""
        layout = json.dumps([self._log.identity, self.members.layout], sort_keys=True)
        name = hashlib.sha256(layout.encode()).hexdigest()[:20]
        if "://" not in self._log.path:
            return Path(self._log.path) / "index" / name
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "eventsource" / hashlib.sha256(self._log.path.encode()).hexdigest()[:20] / name

    def events(
        self, plan: Plan, *, upto: int | None, known_at: datetime | None, entities: pl.Series | None = None
    ) -> Events:
        """Return the events that a question may see, in fold order.

        Args:
            plan: the index's plan, or one with fewer of its fields.
            upto: only events with position < ``upto``; None: all there are now.
            known_at: only events with ``recorded_at`` <= ``known_at``.
            entities: only theirs.
        """
        frame, head = self._clustered(self._log.head if upto is None else upto)
        if upto is not None and upto < head:
            frame = frame.filter(pl.col("position") < upto)
        if known_at is not None:
            frame = self._known(frame, known_at, head)
        if known_at is not None or (upto is not None and upto < head):
            frame = present(frame)
        if entities is not None:
            frame = frame.filter(pl.col("entity").is_in(entities.implode()))
        return Events(resolve(frame, self.members), self.members, plan)

    def has(self, member: Member) -> bool:
        """Say whether any event has the member, be it an explicit null."""
        frame, _ = self._clustered(self._log.head)
        columns = [name for name in frame.collect_schema() if name.startswith(f"{member.column}|")]
        return bool(columns)

    def _known(self, frame: pl.LazyFrame, known_at: datetime, head: int) -> pl.LazyFrame:
        """Return what was recorded by ``known_at``, in its fold order.

        What was recorded later must not count, not even by the stream's clock that it put forward.
        """
        frame = frame.filter(pl.col("known") <= known_at)
        if self.members.plan.order == "occurred_at":
            return frame
        if not frame.select((pl.col("at") > known_at).any()).collect().item():
            return frame
        settled = self._settled(head, known_at)
        return frame.drop("at").join(settled.lazy(), on="position", how="left").sort("entity", "at", "position")

    def _clustered(self, upto: int) -> tuple[pl.LazyFrame, int]:
        """Return shredded events in fold order that hold at least all up to ``upto``, and their head."""
        if self._log.head <= self._small or not self._log.path:
            return self._in_memory(upto)
        path = self._newest()
        if path is None or int(path.stem) < min(upto, self._log.head):
            path = self._build(path)
        return pl.scan_parquet(path).set_sorted("entity"), int(path.stem)

    def _in_memory(self, upto: int) -> tuple[pl.LazyFrame, int]:
        head = self._log.head
        if self._memory is None or self._memory[0] < min(upto, head):
            self._memory = head, _sorted([self._decoded(0, head)])
        return self._memory[1].lazy().set_sorted("entity"), self._memory[0]

    def _newest(self) -> Path | None:
        paths = (self.folder / f"{head}.parquet" for head in sorted(self._files(), reverse=True))
        return next((path for path in paths if int(path.stem) <= self._log.head and _is_whole(path)), None)

    def _files(self) -> list[int]:
        """Return the heads of the files that are there."""
        return [int(path.stem) for path in self.folder.glob("*.parquet") if path.stem.isdigit()]

    def _build(self, base: Path | None) -> Path:
        """Write the index up to the log's head: what ``base`` holds, and the tail that it lacks."""
        head, start = self._log.head, int(base.stem) if base else 0
        tail = self._decoded(start, head)
        whole = _sorted([tail] if base is None else [pl.read_parquet(base), tail])
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{head}.parquet"
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            whole.write_parquet(partial, row_group_size=_ROW_GROUP, compression="lz4")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        for older in sorted(self._files())[:-_KEPT]:
            self.folder.joinpath(f"{older}.parquet").unlink(missing_ok=True)
        return path

    def _decoded(self, start: int, head: int) -> pl.DataFrame:
        """Decode events ``start`` <= position < ``head``, a chunk at a time."""
        readers = self.members.readers()
        moments = self._settled(head) if self.members.plan.order == "recorded_at" else None
        chunks = self._log.scan(types=self.members.plan.types, start=start, upto=head)
        with garbage.paused():
            parts = [
                shred(_with_moment(chunk, moments), self.members, readers)
                for chunk in chunks.collect_batches(chunk_size=_CHUNK, maintain_order=True)
            ]
        nothing = shred(
            self._log.scan(upto=0).collect().with_columns(at=pl.lit(None, TIMESTAMP)), self.members, {}
        )
        return pl.concat([nothing, *parts], how="diagonal")

    def _settled(self, head: int, known_at: datetime | None = None) -> pl.DataFrame:
        """Return ``settled_at`` by position: the running maximum of ``recorded_at`` in the event's stream.

        It is taken over *all* events of a stream (recorded by ``known_at``), relevant or not.
        """
        events = self._log.scan(upto=head).select("position", "stream", "recorded_at")
        if known_at is not None:
            events = events.filter(pl.col("recorded_at") <= known_at)
        settled = pl.col("recorded_at").cum_max().over("stream")
        return events.collect().select(pl.col("position").set_sorted(), settled.alias("at"))


def _with_moment(chunk: pl.DataFrame, settled: pl.DataFrame | None) -> pl.DataFrame:
    if settled is None:
        return chunk.with_columns(pl.col("occurred_at").alias("at"))
    return chunk.join(settled, on="position", how="left", maintain_order="left")


def _sorted(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts, how="diagonal").sort("entity", "at", "position")


def _is_whole(path: Path) -> bool:
    """Say whether a file can be read; one that cannot is thrown away."""
    try:
        pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError):
        path.unlink(missing_ok=True)
        return False
    return True
