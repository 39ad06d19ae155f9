"""The rows that a model has: of all entities or of some, for the table of states and the table of history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from eventsource.readmodel._columns import dtype_with
from eventsource.readmodel._preflight import INTERVAL, Target
from eventsource.timeline import Timeline

__all__ = ["OutgrownError", "Rows", "Slice", "dtypes_of_fields", "dtypes_with"]

_ENTITIES_PER_SLICE: Final = 50_000
"""Entities whose histories are in memory at once."""


class OutgrownError(Exception):
    """New values do not fit into the columns that exist."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of some entities.

    Args:
        entities: their ids; None: all.
        count: how many entities these are.
        total: how many there are in all slices together.
        frames: table → rows.
    """

    entities: pl.Series | None
    count: int
    total: int
    frames: Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a model at a position of its log.

    Args:
        timeline: the log and the model.
        target: which tables there are.
        position: the position.
    """

    timeline: Timeline
    target: Target
    position: int

    def everything(self) -> Iterator[Slice]:
        """Yield the rows of all entities: states at once, histories slice by slice."""
        if self.target.history:
            yield from self.of(self.timeline.entities(upto=self.position))
        else:
            yield self.in_one_slice()

    def in_one_slice(self) -> Slice:
        """Return the rows of all entities, folded without snapshots."""
        frames = self._frames(None, snapshots=False)
        count = frames[self.target.table].height
        return Slice(None, count, count, frames)

    def of(self, entities: pl.Series) -> Iterator[Slice]:
        """Yield the rows of some entities in slices; at least one slice, even if there are no entities."""
        size = self._entities_per_slice(len(entities))
        for begin in range(0, max(len(entities), 1), size):
            part = entities.slice(begin, size)
            yield Slice(part, len(part), len(entities), self._frames(part))

    def _entities_per_slice(self, count: int) -> int:
        """Return the size of slices.

        The dtype of a ``reduce`` without ``dtype=`` follows from its values, so all of them are folded at once.
        """
        untyped = any(rule.is_untyped for rule in self.timeline.plan.rules)
        return _ENTITIES_PER_SLICE if self.target.history and not untyped else max(count, 1)

    def _frames(self, entities: pl.Series | None, *, snapshots: bool = True) -> dict[str, pl.DataFrame]:
        if not self.target.history:
            states = self.timeline.as_of(entity=entities, upto=self.position, snapshots=snapshots)
            return {self.target.table: states.rename(self.target.columns)}
        history = self.timeline.history(entities, upto=self.position).rename(self.target.columns)
        states = history.filter(pl.col("valid_to").is_null()).drop(INTERVAL)
        return dict(zip(self.target.tables, (states, history), strict=True))


def dtypes_of_fields(frame: pl.DataFrame) -> dict[str, str]:
    """Return the dtypes of a frame's fields, as text."""
    return {name: str(dtype) for name, dtype in frame.schema.items() if name not in ("entity", *INTERVAL)}


def dtypes_with(frame: pl.DataFrame, stored: Mapping[str, str]) -> dict[str, str]:
    """Return the dtypes of columns after they took the values of a frame.

    Raises:
        OutgrownError: some values do not fit.
    """
    found = {}
    for name, dtype in stored.items():
        new = dtype_with(frame.schema[name], dtype)
        if new is None:
            raise OutgrownError(f"{name} is {frame.schema[name]} now, it was {dtype}")
        found[name] = new
    return found
