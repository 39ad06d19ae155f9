"""A log in memory, for tests: the same rules of arrival, no files."""

from typing import Any

import polars as pl

from eventsource.event import STORED, check_events, events_from_dicts

__all__ = ["MemoryLog"]


class MemoryLog:
    """A log that lives as long as the test does.

    Args:
        events: events in order of arrival, as `event` makes them, or a frame; the second arrival of an
            ``event_id`` is dropped.
    """

    path = ""
    identity = ""
    mark = ""

    def __init__(self, events: list[dict[str, Any]] | pl.DataFrame) -> None:
        frame = events if isinstance(events, pl.DataFrame) else events_from_dicts(events)
        first = check_events(frame).unique("event_id", keep="first", maintain_order=True)
        self._frame = first.with_row_index("position").cast({"position": pl.Int64}).select(STORED.names())

    def knows(self, _: str) -> None:
        """Say nothing: it is asked by nothing that outlives it."""

    @property
    def head(self) -> int:
        """How many events it holds."""
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
