"""Verifying snapshots: answers with and without each."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventsource import Log
from eventsource.timeline import Timeline
from tests.conformance.stored import BUSY, snapshots_of, stored_timeline
from tests.logs import log_of
from tests.snapshots.snapshotkit import BEFORE, EVENTS, LATE, falsify

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")


def test_verify_finds_wrong_states(timeline: Timeline) -> None:
    """A snapshot whose contents were changed gives other answers, and verify says which it is."""
    for moment in (BEFORE, LATE):
        timeline.snapshot(moment)
    assert timeline.verify()["same"].to_list() == [True, True]
    before = snapshots_of(timeline).all()
    falsify(timeline)
    assert [replace(each, file="") for each in snapshots_of(timeline).all()] == [
        replace(each, file="") for each in before
    ]
    assert timeline.verify()["same"].to_list() == [False, False]
    assert timeline.verify().columns == ["moment", "position", "same", "reason"]
    assert set(timeline.verify()["reason"]) == {"the states at its moment differ"}


def test_a_snapshot_that_is_used_needs_no_reason(timeline: Timeline) -> None:
    """Its answers are those of all events."""
    timeline.snapshot()
    assert timeline.verify().select("same", "reason").rows() == [(True, None)]


def test_verify_says_why_a_snapshot_is_not_used(timeline: Timeline) -> None:
    """A new kind of value changes the dtype of a field: older snapshots do not help, and do no harm."""
    timeline.snapshot()
    log_of(timeline).append([EVENTS[0] | {"event_id": "text", "type": "Changed", "data": {"n": "many"}}])
    [(same, reason)] = timeline.verify().select("same", "reason").rows()
    assert same
    assert "other kinds of values" in reason


def test_verify_says_which_file_cannot_be_read(timeline: Timeline) -> None:
    """Where only the metadata can be read, the snapshot is listed, but not the same."""
    timeline.snapshot()
    store = snapshots_of(timeline)
    path = store.folder / store.all()[0].file
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
    path.write_bytes(content)
    assert timeline.verify().select("same", "reason").rows() == [(False, "its file cannot be read")]


def test_verify_says_that_the_log_lost_events(tmp_path: Path) -> None:
    """After a restore from a backup, a snapshot of lost events can never be used again."""
    log = Log(tmp_path / "log")
    log.append(EVENTS[:500])
    shutil.copytree(log.path, tmp_path / "backup")
    log.append(EVENTS[500:])
    stored_timeline(log, BUSY).snapshot()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    restored = stored_timeline(Log(log.path), BUSY)
    [(same, reason)] = restored.verify().select("same", "reason").rows()
    assert not same
    assert "restored from a backup" in reason
    assert restored.as_of().equals(restored.as_of(snapshots=False))
