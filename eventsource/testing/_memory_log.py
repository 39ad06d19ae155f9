"""A log in memory, for tests: it takes events as a log on disk does, and has no files."""

from typing import Any

import polars as pl

from eventsource.event import STORED, check_events, events_from_dicts

__all__ = ["MemoryLog"]


class MemoryLog:
    """A log that is only in memory: an `EventLog` for a `Timeline`.

    Args:
        events: events in order of arrival, as `event` makes them, or a frame of them; of two events with the same
            ``event_id`` the second is dropped.

    Raises:
        SourceError: an event lacks a column, or has a wrong value.
    """

    path = ""
    identity = ""
    mark = ""
    erasures = 0

    def __init__(self, events: list[dict[str, Any]] | pl.DataFrame) -> None:
        frame = events if isinstance(events, pl.DataFrame) else events_from_dicts(events)
        first = check_events(frame).unique("event_id", keep="first", maintain_order=True)
        self._frame = first.with_row_index("position").cast({"position": pl.Int64}).select(STORED.names())

    def knows(self, _mark: str) -> None:
        """Return None: no cache outlives a log in memory, so nothing has a mark of it to ask about."""

    def is_from_before_erasure(self, _mark: str) -> bool:
        """Return False: no event of a log in memory is erased."""
        return False

    @property
    def head(self) -> int:
        """How many events it contains."""
        return self._frame.height

    def __len__(self) -> int:
        return self.head

    def __repr__(self) -> str:
        return f"<MemoryLog of {self.head:,} events>"

    def scan(
        self, *, types: tuple[str, ...] | None = None, upto: int | None = None, start: int = 0
    ) -> pl.LazyFrame:
        """Return events with ``start`` <= position < ``upto``, in order of position."""
        frame = self._frame.lazy().filter(pl.col("position") >= start)
        if upto is not None:
            frame = frame.filter(pl.col("position") < upto)
        return frame if types is None else frame.filter(pl.col("type").is_in(list(types)))
