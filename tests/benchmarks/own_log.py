"""Time the questions about a log of the user, and check some answers against the reference engine."""

import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl

import eventsource as es
from eventsource.errors import EventsourceError, FoldError, UnknownNameWarning
from eventsource.fold import ReferenceEngine
from tests.benchmarks.measure import peak

__all__ = ["timed"]

_SAMPLE: Final = 50
_AFFORDABLE: Final = 50_000
"""Events that the reference engine may fold per question."""
_JOINED: Final = 200_000
_CHECKED: Final = 500
_MOMENTS: Final = 36
_TIMES: Final = 3


def timed(path: str, model: str, folder: Path) -> str:
    """Check the answers, and return a table of times.

    Args:
        path: a raw log, anything that `eventsource.source` reads.
        model: ``module:Class``; the module may be in the working directory.
        folder: the folder for the log.
    """
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - what `python -m` does
    warnings.simplefilter("once", UnknownNameWarning)
    module, _, name = model.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SystemExit(f"--model {model}: {error}; expected module:Class") from error
    try:
        return _Run(folder, found).table(path)
    except EventsourceError as error:
        raise SystemExit(str(error)) from error


class _Run:
    """The questions about one log, timed and checked."""

    def __init__(self, folder: Path, model: type[es.Model]) -> None:
        self.log, self.model = es.Log(folder / "log"), model
        self.rows: list[tuple[str, float]] = []
        self.checked = 0

    def table(self, path: str) -> str:
        """Pull the log, check the answers, time the questions; return the table."""
        self._once("pull", lambda: self.log.pull(es.source(path)))
        self._once("first question", lambda: self._new_timeline().as_of())
        entities = self._new_timeline().entities()
        ends = (
            self.log.scan().select(first=pl.col("occurred_at").min(), last=pl.col("occurred_at").max()).collect()
        )
        first, last = ends.row(0)
        if first is not None:
            self._ask(entities, first, last)
        lines = [f"| {name} | {seconds:.4f} |" for name, seconds in self.rows]
        about = (
            f"{self.log.head:,} events, {len(entities):,} entities. The answers about {self.checked:,} equal "
            f"those of the reference engine. Times are the best of {_TIMES}, except for pull and first question. "
            f"Peak memory, including the reference engine: {peak():,.0f} MB.\n"
        )
        return "\n".join([about, "| question | seconds |", "|---|--:|", *lines])

    def _ask(self, entities: pl.Series, first: datetime, last: datetime) -> None:
        middle = first + (last - first) / 2
        some = entities.sample(min(_share(self.log.head, len(entities)), len(entities)), seed=1).sort()
        self.checked = len(some)
        joined = _moments(entities, first, last)
        step = f"{max(int((last - first).total_seconds() * 1e6) // _MOMENTS, 1)}us"
        count = {"entities": pl.len()}
        self._check("as_of", lambda timeline, only: timeline.as_of(middle, entity=only), some)
        self._check("as_of now", lambda timeline, only: timeline.as_of(entity=only), some)
        self._check("history", lambda timeline, only: timeline.history(only), some)
        self._warm("trend", lambda: self._new_timeline().trend(count, every=step, since=first, until=last))
        self._warm("diff", lambda: self._new_timeline().diff(middle, last))
        mine = joined.filter(pl.col("entity").is_in(some.implode())).gather_every(_JOINED // _CHECKED)
        self._same("join", *(each.join(mine, on="entity", at="at") for each in self._both()))
        self._warm("join of 200 k rows", lambda: self._new_timeline().join(joined, on="entity", at="at"))
        one = some[0] if len(some) else ""
        self._same("explain", *(each.explain(one).select("field", "event_id", "at") for each in self._both()))
        timeline = self._new_timeline()
        self._warm("one entity's history", lambda: timeline.history(one))
        self._warm("one entity's explain", lambda: timeline.explain(one))
        self._ask_near_snapshot(timeline, middle)

    def _ask_near_snapshot(self, timeline: es.Timeline, moment: datetime) -> None:
        """Time `as_of` with a snapshot of the day before, if the model allows snapshots."""
        without = timeline.as_of(moment)
        try:
            timeline.snapshot(moment - timedelta(days=1))
        except FoldError as error:
            print(error, file=sys.stderr)
            return
        if not self._new_timeline().as_of(moment).equals(without):
            raise SystemExit("as_of: the answer with a snapshot differs from the one without")
        self._warm("as_of with a snapshot the day before", lambda: self._new_timeline().as_of(moment))

    def _check(self, name: str, ask: Callable[[es.Timeline, Any], pl.DataFrame], some: pl.Series) -> None:
        """Compare both engines on some entities, then time the question about all entities."""
        self._same(name, *(ask(each, some) for each in self._both()))
        self._warm(name, lambda: ask(self._new_timeline(), None))

    def _both(self) -> tuple[es.Timeline, es.Timeline]:
        return self._new_timeline(), es.Timeline(self.log, self.model, engine=ReferenceEngine())

    def _new_timeline(self) -> es.Timeline:
        return es.Timeline(es.Log(self.log.path), self.model)

    def _same(self, name: str, found: pl.DataFrame, expected: pl.DataFrame) -> None:
        if not found.equals(expected, null_equal=True):
            raise SystemExit(f"{name}: the answer differs from the reference engine's")

    def _warm(self, name: str, question: Callable[[], Any]) -> None:
        question()
        self.rows.append((name, min(_seconds(question) for _ in range(_TIMES))))

    def _once(self, name: str, question: Callable[[], Any]) -> None:
        self.rows.append((name, _seconds(question)))


def _seconds(question: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    question()
    return time.perf_counter() - begin


def _share(events: int, entities: int) -> int:
    """Return the number of entities that the reference engine can fold in reasonable time."""
    return max(min(_SAMPLE, _AFFORDABLE * entities // max(events, 1)), 1)


def _moments(entities: pl.Series, first: datetime, last: datetime) -> pl.DataFrame:
    """Return rows to join, at moments spread evenly."""
    count = _JOINED if len(entities) else 0
    ids = entities.sample(count, with_replacement=True, seed=2) if count else entities
    at = first + pl.int_range(count).cast(pl.Duration("us")) * max(
        int((last - first).total_seconds() * 1e6) // _JOINED, 0
    )
    return pl.DataFrame({"entity": ids}).select("entity", at.alias("at"))
