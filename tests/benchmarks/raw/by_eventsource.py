"""This project: pull the raw file, ask the first question; the index is built by one of the two."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import eventsource as es
import eventsource.timeline  # the package imports it with the first timeline, which the clock must not see
from tests.benchmarks.raw.inputs import many_files
from tests.benchmarks.raw.models import MOMENT, Exact, Plain
from tests.benchmarks.raw.stopwatch import stopwatch
from tests.benchmarks.workload import Input

__all__ = ["first", "first_exact", "load", "load_on_one_core", "load_one", "nothing_new", "whole"]


def load(found: Input) -> Any:
    """Pull the file into a new log."""
    shutil.rmtree(found.log, ignore_errors=True)
    with stopwatch() as watch:
        _pull(found)
    return watch.measured(_count(found))


def load_one(found: Input) -> Any:
    """Pull the file by this process alone, without workers."""
    shutil.rmtree(found.log, ignore_errors=True)
    with stopwatch() as watch:
        es.Log(found.log).pull(es.source(found.about["path"], workers=1))
    return watch.measured(_count(found))


def load_on_one_core(found: Input) -> Any:
    """Pull the file by this process alone, on one core: threads of Polars and of the writer share it."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return load_one(found)


def first(found: Input) -> Any:
    """Ask the first question of a model: payloads are decoded."""
    return _first(found, _model(found))


def first_exact(found: Input) -> Any:
    """Ask it with Decimal fields."""
    return _first(found, Exact)


def whole(found: Input) -> Any:
    """Pull the file and ask the first question."""
    shutil.rmtree(found.log, ignore_errors=True)
    with stopwatch() as watch:
        _pull(found)
        answer = _new_timeline(found, _model(found)).as_of(MOMENT)
    return watch.measured(answer)


def nothing_new(found: Input) -> Any:
    """Pull 1,000 files that were read already: the best of three."""
    folder = many_files(found.folder / "many", found.about["megabytes"])
    log = str(found.folder / "log-of-many")
    es.Log(log).pull(es.source(folder))
    seconds = [_seconds(lambda: es.Log(log).pull(es.source(folder))) for _ in range(3)]
    return {"seconds": min(seconds), "answer": pl.DataFrame({"events": [es.Log(log).head]})}


def _first(found: Input, model: type[es.Model]) -> Any:
    shutil.rmtree(Path(found.log, "index"), ignore_errors=True)
    with stopwatch() as watch:
        answer = _new_timeline(found, model).as_of(MOMENT)
    return watch.measured(answer)


def _pull(found: Input) -> None:
    es.Log(found.log).pull(es.source(found.about["path"]))


def _count(found: Input) -> pl.DataFrame:
    events = es.Log(found.log).scan()
    return events.select(events=pl.len(), latest=pl.col("occurred_at").max()).collect()


def _model(found: Input) -> type[es.Model]:
    """Return the model: with CSV, where numbers are texts, only a dtype makes them numbers."""
    return Exact if Path(found.about["path"]).suffix == ".csv" else Plain


def _new_timeline(found: Input, model: type[es.Model]) -> es.Timeline:
    return es.Timeline(es.Log(found.log), model)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
