"""The input of the benchmarks: a log of a shop as JSON Lines, the same as typed Parquet, a tail, rows to join.

The typed Parquet is in order of arrival, members as columns: what the other contenders start from.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.maker import Maker, names_of
from tests.benchmarks.shapes import SHAPES, Shape

__all__ = ["Input", "make"]

JOINED: Final = 200_000
ASKED: Final = 10


@dataclass(frozen=True)
class Input:
    """The files of one input.

    Args:
        folder: where they are.
    """

    folder: Path

    @property
    def lines(self) -> Path:
        """The raw log."""
        return self.folder / "events.jsonl"

    @property
    def typed(self) -> Path:
        """The events in order of arrival, members as typed columns; times are UTC, without a zone."""
        return self.folder / "typed.parquet"

    @property
    def tail(self) -> Path:
        """Events to append: 1 % more."""
        return self.folder / "tail.parquet"

    @property
    def typed_tail(self) -> Path:
        """The same as typed columns."""
        return self.folder / "tail-typed.parquet"

    @property
    def rows(self) -> Path:
        """Rows to join: ``row``, ``entity``, ``at`` (UTC, without a zone)."""
        return self.folder / "rows.parquet"

    @property
    def log(self) -> str:
        """The log that is pulled from the raw one."""
        return str(self.folder / "log")

    @cached_property
    def about(self) -> dict[str, Any]:
        """What it was made of: ``shape``, ``events``, ``entities``, ``asked`` (some entities)."""
        found: dict[str, Any] = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        return found

    @property
    def shape(self) -> Shape:
        """The shape of the log."""
        return SHAPES[self.about["shape"]]

    @property
    def asked(self) -> list[str]:
        """The entities that questions about one entity ask for, one after the other."""
        asked: list[str] = self.about["asked"]
        return asked


def make(folder: Path, shape: str, events: int, entities: int | None = None) -> Input:
    """Write an input into a folder.

    Args:
        folder: an empty one, or one that is yet to be made.
        shape: a name in `SHAPES`.
        events: how many; the shape ``empty`` has none.
        entities: how many; default: as the shape has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found, looks = Input(folder), SHAPES[shape]
    events = 0 if shape == "empty" else events
    count = min(entities, events) if entities else looks.count(events)
    maker = Maker(looks, names_of(looks, count), np.random.default_rng(1))
    maker.write(maker.envelopes(events), found.lines, found.typed)
    maker.write_tail(maker.later(events, events // 100), found.tail, found.typed_tail)
    maker.rows(JOINED).write_parquet(found.rows)
    asked = maker.names.gather_every(max(count // ASKED, 1)).head(ASKED).to_list() or ["customer-0"]
    about = {"shape": shape, "events": events, "entities": count, "asked": asked}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    return found
