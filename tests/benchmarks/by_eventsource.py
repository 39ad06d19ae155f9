"""This project: the public API over a log, its index and its snapshots."""

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
    "join_known",
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
    return _new_timeline(found).as_of(MOMENT)


def history(found: Input) -> pl.DataFrame:
    """Return the history of every entity."""
    return _new_timeline(found).history()


def histories(found: Input) -> list[pl.DataFrame]:
    """Return the histories of some entities, one after the other, from one timeline."""
    return [_open_timeline(found.folder).history(entity) for entity in found.asked]


def explain(found: Input) -> list[pl.DataFrame]:
    """Explain some entities, one after the other, from one timeline."""
    return [_open_timeline(found.folder).explain(entity) for entity in found.asked]


def trend(found: Input) -> pl.DataFrame:
    """Return premium customers and all customers at 36 month-ends."""
    return _new_timeline(found).trend(MEASURES, every="1mo", since=MONTHS[0], until=MONTHS[1])


def trend_days(found: Input) -> pl.DataFrame:
    """Return them at the ends of 1,000 days."""
    return _new_timeline(found).trend(MEASURES, every="1d", since=DAYS[0], until=DAYS[1])


def join(found: Input) -> pl.DataFrame:
    """Return rows with the states of their entities at their own moments."""
    return _new_timeline(found).join(pl.read_parquet(found.rows), on="entity", at="at")


def join_known(found: Input) -> pl.DataFrame:
    """Return rows with the states of their entities at their own moments, as they were known then."""
    return _new_timeline(found).join(pl.read_parquet(found.rows), on="entity", at="at", known_at="at")


def diff(found: Input) -> pl.DataFrame:
    """Return what differs between two moments."""
    return _new_timeline(found).diff(*TWO)


def snapshot(found: Input) -> None:
    """Take a snapshot."""
    _new_timeline(found).snapshot(SNAPSHOT)


def snapshot_near(found: Input) -> None:
    """Take a snapshot the day before."""
    _new_timeline(found).snapshot(NEAR)


def from_snapshot(found: Input) -> pl.DataFrame:
    """Return the states at a moment soon after that of a snapshot."""
    return _new_timeline(found).as_of(MOMENT)


def without_snapshot(found: Input) -> pl.DataFrame:
    """Return the same states without using a snapshot."""
    return _new_timeline(found).as_of(MOMENT, snapshots=False)


def tail(found: Input) -> dict[str, Any]:
    """Append 1 % and ask twice; return the seconds of both by workload, and the answer."""
    _new_timeline(found).prune()
    _new_timeline(found).as_of()
    es.Log(found.log).append(pl.read_parquet(found.tail))
    first, at_first = _timed(found)
    following, then = _timed(found)
    if not at_first.equals(then):
        raise SystemExit("the first question after a tail and the next one have different answers")
    return {"seconds": {"tail": first, "tail_next": following}, "answer": then}


def _timed(found: Input) -> tuple[float, pl.DataFrame]:
    begin = time.perf_counter()
    answer = _new_timeline(found).as_of()
    return time.perf_counter() - begin, answer


def _new_timeline(found: Input) -> es.Timeline:
    """Open the log, as a new process does."""
    return es.Timeline(es.Log(found.log), model_of(found.shape))


@cache
def _open_timeline(folder: Path) -> es.Timeline:
    return _new_timeline(Input(folder))
