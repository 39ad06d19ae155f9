"""Folders of models that are no longer used are removed."""

import os
import time
from pathlib import Path

import polars as pl
import pytest

import eventsource as es
from eventsource.plan import Plan, Rule
from tests.conformance.stored import index_of, snapshots_of, stored_timeline
from tests.index.indexkit import SMALL

EVENTS = [
    {
        "event_id": f"e{n}",
        "stream": f"s{n % 7}",
        "type": "Paid",
        "occurred_at": f"2024-01-{1 + n % 28:02}",
        "data": {"x": n},
    }
    for n in range(200)
]


def _plan(dtype: pl.DataType) -> Plan:
    return Plan("M", (Rule(name="x", op="latest", events=("Paid",), of="x", dtype=dtype),))


def _aged(folder: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(folder, (then, then))


@pytest.mark.parametrize(("days", "stays"), [(31.0, False), (29.0, True)])
def test_folders_unused_for_a_month_are_removed(tmp_path: Path, days: float, *, stays: bool) -> None:
    """When the index and snapshots of a new model are created, those that no question used are removed."""
    log = es.Log(tmp_path / "log")
    log.append(EVENTS)
    old, new = (stored_timeline(log, _plan(dtype), SMALL) for dtype in (pl.Int64(), pl.Int32()))
    old.as_of()
    old.snapshot()
    for folder in (index_of(old).folder, snapshots_of(old).folder):
        _aged(folder, days)
    new.as_of()
    new.snapshot()
    assert index_of(old).folder.exists() == snapshots_of(old).folder.exists() == stays
    assert index_of(new).folder.exists()
    assert snapshots_of(new).folder.exists()


def test_a_question_marks_its_folder_as_used(tmp_path: Path) -> None:
    """The index of a model that is asked again is not removed."""
    log = es.Log(tmp_path / "log")
    log.append(EVENTS)
    timeline = stored_timeline(log, _plan(pl.Int64()), SMALL)
    before = timeline.as_of()
    _aged(index_of(timeline).folder, 40)
    assert timeline.as_of().equals(before)
    stored_timeline(log, _plan(pl.Int32()), SMALL).as_of()
    assert index_of(timeline).folder.exists()
