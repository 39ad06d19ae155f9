"""Snapshot files: written, listed, pruned, damaged, and what cannot be written."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from eventsource import Log
from eventsource.errors import DerivedFileWarning, FoldError, LogError, ModelError
from eventsource.plan import Plan
from eventsource.snapshots import Thresholds, Unusable
from eventsource.testing import MemoryLog
from eventsource.timeline import Timeline
from tests.conformance.stored import BUSY, assert_answers, reference, snapshots_of, stored_timeline
from tests.logs import log_of
from tests.snapshots.snapshotkit import EVENTS, LATE

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")

FULL = """
import resource, sys
from tests.conformance.stored import BUSY, stored_timeline
from eventsource import Log
from eventsource.errors import IndexFileError
timeline = stored_timeline(Log(sys.argv[1]), BUSY)
timeline.as_of()
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
try:
    timeline.snapshot()
except IndexFileError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print(timeline.snapshots().height, timeline.snapshot().entities)
"""


def test_a_snapshot_taken_again_replaces_the_first(tmp_path: Path) -> None:
    """There is one snapshot of a moment and a position, so that copies do not push out others."""
    timeline = stored_timeline(Log(tmp_path / "log"), BUSY)
    log_of(timeline).append(EVENTS)
    for moment in ("2024-01-03", "2024-01-02", "2024-01-03", None, None):
        timeline.snapshot(moment)
    assert timeline.snapshots().height == 3
    assert timeline.prune(keep=3) == 0
    keeps: tuple[Any, ...] = (-1, "x")
    for keep in keeps:
        with pytest.raises(ModelError):
            timeline.prune(keep)
    assert timeline.snapshots().height == 3


@pytest.mark.parametrize("moment", [None, "2024-01-01"])
def test_a_log_without_events_has_no_snapshot(tmp_path: Path, moment: str | None) -> None:
    """It would help no question."""
    with pytest.raises(FoldError, match="no events"):
        Timeline(Log(tmp_path / "log"), BUSY).snapshot(moment)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PAR1", b"PAR1" + bytes(500) + b"PAR1"])
def test_a_damaged_snapshot_counts_as_absent(timeline: Timeline, content: bytes) -> None:
    """Garbage in its file, or a file without its end, changes no answer and is removed by the next pruning."""
    timeline.snapshot(LATE)
    timeline.snapshot()
    store = snapshots_of(timeline)
    paths = [store.folder / snapshot.file for snapshot in store.all()]
    paths[0].write_bytes(content)
    os.truncate(paths[1], paths[1].stat().st_size - 7)
    with pytest.warns(DerivedFileWarning, match="is damaged") as said:
        assert timeline.snapshots().is_empty()
    assert len(said) == 2
    assert timeline.snapshot_for() == Unusable("the file of every snapshot is damaged")
    assert_answers(timeline, reference(EVENTS, BUSY))
    timeline.prune(keep=5)
    assert list(snapshots_of(timeline).folder.iterdir()) == []


def test_a_snapshot_with_damaged_contents_is_not_used(timeline: Timeline) -> None:
    """Only its metadata can be read: it does not help."""
    timeline.snapshot(LATE)
    path = snapshots_of(timeline).folder / snapshots_of(timeline).all()[0].file
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
    path.write_bytes(content)
    with pytest.warns(DerivedFileWarning, match="is damaged"):
        found = timeline.as_of(LATE)
    assert found.equals(timeline.as_of(LATE, snapshots=False))
    assert timeline.as_of(LATE).equals(found)  # it is said once


def test_pruning_keeps_the_latest(timeline: Timeline) -> None:
    """The newest moments stay, or none on request. A draft that a dead writer left is removed when it is old."""
    for hour in (5, 1, 3, 2, 4):
        timeline.snapshot(f"2024-01-01T0{hour}:00:00")
    abandoned, written = (snapshots_of(timeline).folder / f"{name}.snapshot.tmp" for name in "ab")
    for path in (abandoned, written):
        path.write_bytes(b"half")
    os.utime(abandoned, (time.time() - 7200,) * 2)
    assert timeline.prune(keep=2) == 3
    assert [moment.hour for moment in timeline.snapshots()["moment"]] == [4, 5]
    assert not abandoned.exists()
    assert written.exists()
    assert timeline.prune() == 2
    assert timeline.snapshots().is_empty()


def test_a_snapshot_that_cannot_be_taken_is_an_error(tmp_path: Path) -> None:
    """Of a log without events, and of one in memory."""
    found = stored_timeline(Log(tmp_path / "log"), BUSY)
    with pytest.raises(FoldError, match="no events"):
        found.snapshot()
    untyped = Plan.from_dict({"name": "Empty", "fields": []})
    with pytest.raises(LogError, match="in memory"):
        Timeline(MemoryLog([]), untyped).snapshot()


def test_a_full_disk_leaves_no_half_snapshot(tmp_path: Path) -> None:
    """The error says that it cannot be written, no file stays, and later it works."""
    Log(tmp_path / "log").append(EVENTS)
    root = Path(__file__).parents[2]
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    message, counts = output.rsplit("\n", 2)[:2]
    assert "the snapshot cannot be written" in message
    assert "File too large" in message
    assert counts == f"0 {reference(EVENTS, BUSY).entities().len()}"
    assert [path.suffix for path in (tmp_path / "log" / "snapshots").glob("*/*")] == [".snapshot"]


@pytest.mark.parametrize(("cached_bytes", "is_cached"), [(10**9, True), (0, False)])
def test_the_states_read_last_stay_in_memory_unless_they_are_large(
    tmp_path: Path, cached_bytes: int, *, is_cached: bool
) -> None:
    """They are read again where the file changes, also where its time of modification does not."""
    log = Log(tmp_path / "log")
    log.append(EVENTS)
    timeline = stored_timeline(log, BUSY, thresholds=Thresholds(cached_bytes=cached_bytes))
    expected = reference(EVENTS, BUSY)
    for moment in (LATE, "2024-01-01T05:00:00", LATE):
        timeline.snapshot(moment)
        assert timeline.as_of(moment).equals(expected.as_of(moment))
    store = timeline._snapshots.store
    assert (store._last_read is not None) == is_cached
    for path in store.folder.glob("*.snapshot"):
        before, content = path.stat(), bytearray(path.read_bytes())
        content[len(content) // 4] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.warns(DerivedFileWarning, match="is damaged"):
        assert timeline.as_of(LATE).equals(expected.as_of(LATE))
    timeline.prune()
    assert timeline.as_of(LATE).equals(expected.as_of(LATE))
