"""Policies: snapshots that are taken automatically, as questions are asked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventsource import Log
from eventsource.errors import EventsourceError
from eventsource.plan import Plan, Rule
from eventsource.snapshots import SnapshotPolicy
from eventsource.testing import MemoryLog, event
from eventsource.timeline import Timeline
from tests.conformance.stored import (
    BUSY,
    assert_answers,
    busy_events,
    reference,
    snapshots_of,
    stored_timeline,
)
from tests.logs import log_of
from tests.snapshots.snapshotkit import EVENTS, LATE

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")


@pytest.mark.parametrize("wrong", [{"snapshots": "1mo"}, {"snapshots": True}, {"tz": "Nowhere"}])
def test_a_timeline_refuses_wrong_arguments_at_once(wrong: dict[str, Any]) -> None:
    """Where it is made, not at the first question."""
    with pytest.raises(EventsourceError):
        Timeline(MemoryLog([]), BUSY, **wrong)


def test_a_policy_that_keeps_fewer_snapshots_removes_some_at_once(tmp_path: Path) -> None:
    """Also where none is due."""
    timeline = stored_timeline(Log(tmp_path / "log"), BUSY)
    log_of(timeline).append(EVENTS)
    for moment in ("2024-01-01", "2024-01-02", "2024-01-03"):
        timeline.snapshot(moment)
    assert timeline.take_due(SnapshotPolicy(events=10**9, keep=2)) == []
    assert timeline.snapshots().height == 2


def test_a_new_snapshot_is_not_removed_at_once(tmp_path: Path) -> None:
    """An older snapshot of a later moment does not push it out: the next question would take it again."""
    log = Log(tmp_path / "log")
    log.append([event("Paid", "a", at="2024-01-01", x=1)])
    timeline = Timeline(log, Plan("M", (Rule(name="n", op="count", events=("Paid",)),)))
    timeline.snapshot("2099-01-01")
    log.append([event("Paid", "a", at="2024-01-02", x=1) for _ in range(20)])
    policy = SnapshotPolicy(events=10, keep=1)
    assert [len(timeline.take_due(policy)) for _ in range(3)] == [1, 0, 0]


def test_a_policy_by_events_takes_a_snapshot_per_so_many_events(tmp_path: Path) -> None:
    """Asked after every arrival, it takes a snapshot per so many events and keeps the newest."""
    found = stored_timeline(Log(tmp_path / "log"), BUSY, policy=SnapshotPolicy(events=100, keep=2))
    taken = set()
    for start in range(0, 600, 50):
        log_of(found).append(EVENTS[start : start + 50])
        found.as_of()
        taken |= set(found.snapshots()["position"])
        assert found.snapshots().height <= 2
    assert taken == {100, 200, 300, 400, 500, 600}
    assert_answers(found, reference(EVENTS, BUSY))


def test_a_snapshot_of_an_early_moment_does_not_count_as_one_of_all_events(tmp_path: Path) -> None:
    """Though it was taken at the head: a question for the states of now would fold nearly all events again."""
    found = stored_timeline(Log(tmp_path / "log"), BUSY)
    log_of(found).append(EVENTS[:100])
    found.snapshot("2000-01-01")
    policy = SnapshotPolicy(events=100)
    assert [snapshot.is_complete for snapshot in found.take_due(policy)] == [True]
    assert found.take_due(policy) == []


def test_a_policy_by_time_takes_a_snapshot_at_each_step_end(tmp_path: Path) -> None:
    """At the last instants of the newest steps that are over, in the zone of the timeline, and each only once."""
    found = Timeline(
        Log(tmp_path / "log"), BUSY, tz="Europe/Warsaw", snapshots=SnapshotPolicy(every="1mo", keep=3)
    )
    log_of(found).append(
        [event | {"occurred_at": f"2024-{month:02}-15"} for month, event in enumerate(busy_events(8, 7), start=1)]
    )
    for _ in range(2):
        found.as_of()
    ends = [datetime(2024, month, day, 21, 59, 59, 999999, UTC) for month, day in ((4, 30), (5, 31), (6, 30))]
    assert found.snapshots()["moment"].to_list() == ends
    files = {snapshot.file for snapshot in snapshots_of(found).all()}
    found.as_of("2024-05-31")
    assert {snapshot.file for snapshot in snapshots_of(found).all()} == files


def test_a_policy_of_both_kinds_takes_each_snapshot_once(tmp_path: Path) -> None:
    """Without new events no question takes a snapshot that the next one takes again."""
    policy = SnapshotPolicy(events=3, every="1mo", keep=2)
    found = stored_timeline(Log(tmp_path / "log"), BUSY, policy=policy)
    log_of(found).append(
        [event | {"occurred_at": f"2024-{month:02}-15"} for month, event in enumerate(busy_events(8, 7), start=1)]
    )
    assert found.take_due(policy)
    assert found.take_due(policy) == []
    assert found.snapshots().height == 2


def test_a_member_that_appears_later_makes_no_earlier_snapshot_due_again(tmp_path: Path) -> None:
    """The events up to a step's end have the columns that its snapshot has, though later ones have more."""
    policy = SnapshotPolicy(events=1, every="1d", keep=4)
    members: list[dict[str, Any]] = [{"n": 1}, {"n": 2}, {"n": 3, "v": "x"}, {"n": 4}]
    found = stored_timeline(Log(tmp_path / "log"), BUSY, policy=policy)
    log_of(found).append(
        [event("Changed", "a", at=f"2024-01-0{day}", **data) for day, data in enumerate(members, start=1)]
    )
    assert len(found.take_due(policy)) == 4
    assert found.take_due(policy) == []
    log_of(found).append([event("Paid", "a", at="2024-01-05", w=1)])
    assert [snapshot.moment.day for snapshot in found.take_due(policy)] == [5, 4]
    assert found.take_due(policy) == []
    found = stored_timeline(log_of(found), BUSY, policy=policy)
    assert found.as_of("2024-01-03").equals(found.as_of("2024-01-03", snapshots=False))


@pytest.mark.parametrize("tz", ["UTC", "Europe/Warsaw", "America/New_York"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_policy_takes_steps_at_the_ends_of_the_calendar(tmp_path: Path, at: str, tz: str) -> None:
    """An event at the first or last moment of the calendar changes and prevents no answer."""
    log = Log(tmp_path / "log")
    log.append([*EVENTS, EVENTS[0] | {"event_id": "end", "occurred_at": at}])
    plain = Timeline(log, BUSY, tz=tz)
    for every in ("1mo", "700d"):
        with_policy = Timeline(log, BUSY, tz=tz, snapshots=SnapshotPolicy(every=every, keep=2))
        for when in (LATE, "2024-06-30", "9999-12-31", "0001-01-01", None):
            assert with_policy.as_of(when).equals(plain.as_of(when, snapshots=False))
    alone = Log(tmp_path / "alone")
    alone.append([EVENTS[0] | {"occurred_at": at}])
    assert (
        Timeline(alone, BUSY, tz=tz, snapshots=SnapshotPolicy(every="1w"))
        .as_of()
        .equals(Timeline(alone, BUSY).as_of())
    )
