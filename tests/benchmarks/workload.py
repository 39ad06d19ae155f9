"""The input of the benchmarks: a log of a shop as JSON Lines, the same as typed Parquet, a tail, rows to join.

The typed Parquet is in order of arrival and has members as columns. The other contenders read it.
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
        folder: the folder of the files.
    """

    folder: Path

    @property
    def lines(self) -> Path:
        """The raw log."""
        return self.folder / "events.jsonl"

    @property
    def typed(self) -> Path:
        """The events in order of arrival, with members as typed columns; times are UTC, without a zone."""
        return self.folder / "typed.parquet"

    @property
    def tail(self) -> Path:
        """Events to append: 1 % more."""
        return self.folder / "tail.parquet"

    @property
    def typed_tail(self) -> Path:
        """The events to append as typed columns."""
        return self.folder / "tail-typed.parquet"

    @property
    def rows(self) -> Path:
        """Rows to join: ``row``, ``entity``, ``at`` (UTC, without a zone)."""
        return self.folder / "rows.parquet"

    @property
    def log(self) -> str:
        """The log that the raw log is pulled into."""
        return str(self.folder / "log")

    @cached_property
    def about(self) -> dict[str, Any]:
        """The arguments of the input: ``shape``, ``events``, ``entities``, ``asked`` (some entities)."""
        found: dict[str, Any] = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        return found

    @property
    def shape(self) -> Shape:
        """The shape of the log."""
        return SHAPES[self.about["shape"]]

    @property
    def asked(self) -> list[str]:
        """The entities of questions about one entity."""
        asked: list[str] = self.about["asked"]
        return asked


def make(folder: Path, shape: str, events: int, entities: int | None = None) -> Input:
    """Write an input into a folder.

    Args:
        folder: an empty folder, or one that does not exist yet.
        shape: a name in `SHAPES`.
        events: number of events; the shape ``empty`` has none.
        entities: number of entities; default: that of the shape.
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
