"""Snapshots of other models, other logs, and events that the log lost."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from eventsource import Log
from eventsource.plan import Plan, Rule
from eventsource.snapshots import SnapshotPolicy, Unusable
from eventsource.testing import event
from eventsource.timeline import Timeline
from tests.conformance.stored import BUSY, assert_answers, reference, snapshots_of, stored_timeline
from tests.logs import log_of
from tests.snapshots.snapshotkit import EVENTS, falsify, is_used

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")


def test_a_changed_model_finds_no_old_snapshot(timeline: Timeline) -> None:
    """Snapshots belong to one plan: another rule, order or key is another plan."""
    timeline.snapshot()
    falsify(timeline)
    for plan in (
        replace(BUSY, rules=BUSY.rules[:-1]),
        replace(BUSY, deleted=()),
        replace(BUSY, order="recorded_at"),
        replace(BUSY, key={"Paid": "v"}),
    ):
        other = stored_timeline(log_of(timeline), plan)
        assert other.snapshots().is_empty()
        assert not is_used(other)
    assert stored_timeline(log_of(timeline), BUSY).snapshots().height == 1


def test_another_log_at_the_same_path_finds_no_old_snapshot(timeline: Timeline) -> None:
    """A log that replaces another one, with the old caches beside it, answers from its own events."""
    timeline.snapshot()
    shutil.rmtree(Path(timeline.log.path) / "events")
    replaced = Log(timeline.log.path)
    replaced.append(EVENTS[:500])
    assert stored_timeline(replaced, BUSY).snapshots().is_empty()
    assert_answers(stored_timeline(replaced, BUSY), reference(EVENTS[:500], BUSY))


def test_a_log_restored_from_a_backup_uses_no_snapshot_of_lost_events(tmp_path: Path) -> None:
    """The log has the same identity, and later as many events, but not the same ones."""
    log = Log(tmp_path / "log")
    log.append([event("Paid", f"e{n}", at="2024-01-01", x=1) for n in range(50)])
    shutil.copytree(log.path, tmp_path / "backup")
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))
    log.append([event("Paid", f"e{n}", at="2024-01-02", x=1) for n in range(50)])
    Timeline(log, plan).snapshot()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    again = Timeline(Log(log.path), plan)
    log_of(again).append([event("Paid", f"e{n}", at="2024-01-02", x=100) for n in range(60)])
    assert again.as_of()["sum"].sum() == again.as_of(snapshots=False)["sum"].sum() == 50 + 6000


def test_snapshots_of_lost_events_do_not_hide_the_others(tmp_path: Path) -> None:
    """After a restore a question starts from the best snapshot among those whose events the log still contains."""
    log = Log(tmp_path / "log")
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))
    log.append([event("Paid", f"e{n}", at="2024-01-01", x=1) for n in range(50)])
    contained = Timeline(log, plan).snapshot()
    shutil.copytree(log.path, tmp_path / "backup")
    for day in ("2024-01-02", "2024-01-03"):
        log.append([event("Paid", f"{day}.{n}", at=day, x=1) for n in range(5)])
        lost = Timeline(log, plan).snapshot()
    assert Timeline(log, plan).snapshot_for() == lost
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    again = Timeline(Log(log.path), plan)
    log_of(again).append([event("Paid", f"e{n}", at="2024-01-04", x=100) for n in range(50, 70)])
    assert again.snapshot_for() == contained
    assert again.as_of()["sum"].sum() == 50 + 2000
    (snapshots_of(again).folder / contained.file).unlink()
    assert again.snapshot_for() == Unusable(
        "the log was restored from a backup, and no longer contains its events"
    )


def test_a_restored_log_answers_from_the_events_that_it_pulled_again(tmp_path: Path) -> None:
    """The log was restored, and then pulled a corrected export: the same ids, and as many; 24,000 are in files."""
    log = Log(tmp_path / "log")
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))

    def export(start: int, amount: int) -> list[dict[str, Any]]:
        return [event("Paid", f"e{n}", at="2024-01-02", x=amount) for n in range(start, start + 12_000)]

    log.append(export(0, 1))
    shutil.copytree(log.path, tmp_path / "backup")
    log.append(export(12_000, 999))
    Timeline(log, plan).snapshot()
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    Log(log.path).append(export(12_000, 2))
    again = Timeline(Log(log.path), plan)
    assert again.as_of()["sum"].sum() == again.as_of(snapshots=False)["sum"].sum() == 36_000
    assert again.history()["sum"].sum() == 36_000


def test_a_policy_does_not_count_snapshots_of_lost_events(tmp_path: Path) -> None:
    """After a restore it takes its snapshots again, and removes those of lost events."""
    log = Log(tmp_path / "log")
    plan = Plan("M", (Rule(name="sum", op="total", events=("Paid",), of="x"),))
    log.append([event("Paid", f"e{n}", at="2024-01-01", x=1) for n in range(50)])
    shutil.copytree(log.path, tmp_path / "backup")
    policy = SnapshotPolicy(every="1mo", keep=2)
    log.append([event("Paid", f"lost{n}", at=f"2024-0{n}-02", x=1) for n in range(1, 6)])
    lost = Timeline(log, plan).take_due(policy)
    assert len(lost) == 2
    shutil.rmtree(tmp_path / "log" / "events")
    shutil.copytree(tmp_path / "backup" / "events", tmp_path / "log" / "events")
    again = Timeline(Log(log.path), plan)
    log_of(again).append([event("Paid", f"new{n}", at=f"2024-0{n}-02", x=100) for n in range(1, 6)])
    taken = again.take_due(policy)
    assert [each.moment for each in taken] == [each.moment for each in lost]
    assert snapshots_of(again).all() == sorted(taken, key=lambda each: each.moment)
    assert again.take_due(policy) == []
    assert again.verify()["same"].all()
