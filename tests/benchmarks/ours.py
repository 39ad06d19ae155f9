"""Ours: the public API over a log, its index and its snapshots."""

import time
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

import eventsource as es
from tests.benchmarks.models import model_of
from tests.benchmarks.questions import DAYS, MOMENT, MONTHS, NEAR, SNAPSHOT, TWO
from tests.benchmarks.workload import Input

__all__ = [
    "as_of",
    "diff",
    "explain",
    "from_snapshot",
    "histories",
    "history",
    "join",
    "pull",
    "snapshot",
    "snapshot_near",
    "tail",
    "trend",
    "trend_days",
    "without_snapshot",
]

MEASURES = {"premium": pl.col("premium").sum(), "customers": pl.len()}


def pull(found: Input) -> pl.DataFrame:
    """Pull the raw log into a new log."""
    log = es.Log(found.log)
    log.pull(es.source(str(found.lines)))
    return log.scan().select(pl.len().alias("events"), pl.col("occurred_at").max().alias("latest")).collect()


def as_of(found: Input) -> pl.DataFrame:
    """Return the states at a moment; a model's first question builds its index."""
    return _opened(found).as_of(MOMENT)


def history(found: Input) -> pl.DataFrame:
    """Return the history of every entity."""
    return _opened(found).history()


def histories(found: Input) -> list[pl.DataFrame]:
    """Return the histories of some entities, one after the other, from one timeline."""
    return [_kept(found.folder).history(entity) for entity in found.asked]


def explain(found: Input) -> list[pl.DataFrame]:
    """Explain some entities, one after the other, from one timeline."""
    return [_kept(found.folder).explain(entity) for entity in found.asked]


def trend(found: Input) -> pl.DataFrame:
    """Return premium customers and all customers at 36 month-ends."""
    return _opened(found).trend(MEASURES, every="1mo", since=MONTHS[0], until=MONTHS[1])


def trend_days(found: Input) -> pl.DataFrame:
    """Return the same at the ends of 1,000 days."""
    return _opened(found).trend(MEASURES, every="1d", since=DAYS[0], until=DAYS[1])


def join(found: Input) -> pl.DataFrame:
    """Return rows with the states of their entities at their own moments."""
    return _opened(found).join(pl.read_parquet(found.rows), on="entity", at="at")


def diff(found: Input) -> pl.DataFrame:
    """Return what differs between two moments."""
    return _opened(found).diff(*TWO)


def snapshot(found: Input) -> None:
    """Take a snapshot."""
    _opened(found).snapshot(SNAPSHOT)


def snapshot_near(found: Input) -> None:
    """Take a snapshot the day before."""
    _opened(found).snapshot(NEAR)


def from_snapshot(found: Input) -> pl.DataFrame:
    """Return the states at a moment that a snapshot is near to."""
    return _opened(found).as_of(MOMENT)


def without_snapshot(found: Input) -> pl.DataFrame:
    """Return the same without."""
    return _opened(found).as_of(MOMENT, snapshots=False)


def tail(found: Input) -> dict[str, Any]:
    """Append 1 % and ask twice; return the seconds of both by workload, and the answer."""
    _opened(found).prune()
    _opened(found).as_of()
    es.Log(found.log).append(pl.read_parquet(found.tail))
    first, at_first = _timed(found)
    following, then = _timed(found)
    if not at_first.equals(then):
        raise SystemExit("the first question after a tail and the next one have different answers")
    return {"seconds": {"tail": first, "tail_next": following}, "answer": then}


def _timed(found: Input) -> tuple[float, pl.DataFrame]:
    begin = time.perf_counter()
    answer = _opened(found).as_of()
    return time.perf_counter() - begin, answer


def _opened(found: Input) -> es.Timeline:
    """Open the log, as a new process would."""
    return es.Timeline(es.Log(found.log), model_of(found.shape))


@cache
def _kept(folder: Path) -> es.Timeline:
    return _opened(Input(folder))
