"""Using snapshots: where they help, and where a question must not see what they hold."""

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

from eventsource import Log
from eventsource.errors import DerivedFileWarning, FaultError, FoldError
from eventsource.index import Sizes
from eventsource.operations import Rule
from eventsource.plan import Plan
from eventsource.snapshots import Snapshot, SnapshotPolicy, Unusable
from eventsource.testing import MemoryLog
from eventsource.timeline import Timeline, Tuning
from tests.conformance.stored import (
    BUSY,
    assert_answers,
    busy_events,
    reference,
    snapshots_of,
    stored_timeline,
)
from tests.logs import log_of
from tests.snapshots.snapshotkit import BEFORE, EVENTS, LATE, falsify, is_used

pytestmark = pytest.mark.filterwarnings("ignore::eventsource.errors.UnknownNameWarning")


def test_as_of_starts_from_a_snapshot_at_or_before_its_moment(timeline: Timeline) -> None:
    """As_of starts from the snapshot at its moment, after it and now; before it, and on request, without."""
    timeline.snapshot(LATE)
    falsify(timeline)
    assert is_used(timeline, LATE)
    assert is_used(timeline, "2024-01-01T09:57:00")
    assert is_used(timeline)
    assert not is_used(timeline, BEFORE)
    assert not is_used(timeline, LATE, snapshots=False)


def test_the_snapshot_of_a_question_can_be_asked_for(timeline: Timeline) -> None:
    """Snapshot_for returns the one that as_of starts from, or the reason why it starts from none."""
    assert timeline.snapshot_for() == Unusable("no snapshot was taken yet")
    taken = timeline.snapshot(LATE)
    assert timeline.snapshot_for(LATE) == taken
    falsify(timeline)
    entities = timeline.entities()
    views: list[dict[str, Any]] = [
        {},
        {"when": LATE},
        {"when": BEFORE},
        {"upto": 599},
        {"known_at": BEFORE},
        {"entity": entities[0]},
        {"entity": pl.concat([entities] * 100)},
        {"tz": "Asia/Tokyo", "when": LATE},
    ]
    for view in views:
        assert isinstance(timeline.snapshot_for(**view), Snapshot) == is_used(timeline, **view), view


def test_the_reason_for_no_snapshot_is_that_of_the_question(timeline: Timeline) -> None:
    """Also where only the states of the snapshot show that it does not help."""
    taken = timeline.snapshot(LATE)
    reasons = {
        "its moment is later than the one asked for": timeline.snapshot_for(BEFORE),
        "fewer than 100 entities: the index is faster": timeline.snapshot_for(LATE, entity="a"),
        "a log in memory has no snapshots": Timeline(MemoryLog(EVENTS), BUSY).snapshot_for(),
    }
    log_of(timeline).append([event | {"occurred_at": BEFORE} for event in busy_events(4, 60, start=700)])
    reasons["22 of its 30 states would have to be folded again"] = timeline.snapshot_for()
    (snapshots_of(timeline).folder / taken.file).write_bytes(b"")
    with pytest.warns(DerivedFileWarning, match="is damaged"):
        reasons["the file of every snapshot is damaged"] = timeline.snapshot_for()
    for reason, found in reasons.items():
        assert found == Unusable(reason)


def test_a_small_log_starts_from_its_latest_snapshot(tmp_path: Path) -> None:
    """It estimates no cost, so that all of its snapshots seem equally good."""
    log = Log(tmp_path / "log")
    log.append(EVENTS)
    found = stored_timeline(log, BUSY)
    early, late = found.snapshot(BEFORE), found.snapshot(LATE)
    assert found.snapshot_for() == late
    assert found.snapshot_for(BEFORE) == early


def test_later_and_late_events_are_merged_into_a_snapshot(timeline: Timeline) -> None:
    """A snapshot helps after more events came, late ones among them. The answers are those of all events."""
    timeline.snapshot()
    more = busy_events(3, 30, start=600)
    late = [event | {"occurred_at": BEFORE} for event in busy_events(4, 3, start=700)]
    log_of(timeline).append([*more, *late])
    expected = reference([*EVENTS, *more, *late], BUSY)
    assert_answers(timeline, expected)
    falsify(timeline)
    assert is_used(timeline)
    shutil.rmtree(snapshots_of(timeline).folder)
    assert_answers(timeline, expected)


def test_a_question_uses_no_snapshot_with_events_that_it_does_not_see(timeline: Timeline) -> None:
    """A snapshot with positions from ``upto`` on, or with events recorded after ``known_at``, is not used."""
    timeline.snapshot(LATE)
    falsify(timeline)
    assert is_used(timeline, LATE, upto=600)
    assert not is_used(timeline, LATE, upto=599)
    assert is_used(timeline, LATE, known_at="2024-12-31")
    assert not is_used(timeline, LATE, known_at=BEFORE)


def test_with_known_at_no_snapshot_in_order_of_recordingis_used(tmp_path: Path) -> None:
    """Events recorded later may have moved the clocks of its streams."""
    plan = replace(BUSY, order="recorded_at")
    found = stored_timeline(Log(tmp_path / "log"), plan)
    log_of(found).append(EVENTS)
    found.snapshot()
    falsify(found)
    assert is_used(found)
    assert not is_used(found, known_at="2024-12-31")


def test_a_kind_of_value_recorded_after_known_at_decides_no_dtype(tmp_path: Path) -> None:
    """A snapshot of texts and numbers does not answer for a moment at which only numbers were recorded."""
    plan = Plan.from_dict(
        {"name": "Kinds", "fields": [{"name": "n", "op": "latest", "events": ["Changed"], "of": "n"}]}
    )
    changed = {"stream": "a", "type": "Changed"}
    events = [
        {**changed, "event_id": "1", "occurred_at": "2024-01-01", "data": {"n": 1}},
        {**changed, "event_id": "2", "occurred_at": "2024-01-03", "data": {"n": "one"}},
    ]
    found = stored_timeline(Log(tmp_path / "log"), plan)
    log_of(found).append(events)
    found.snapshot("2024-01-01")
    assert found.as_of("2024-01-01", known_at="2024-01-02").rows() == [("a", 1)]
    assert found.as_of("2024-01-01").rows() == [("a", 1)]
    assert found.as_of().rows() == [("a", "one")]


def test_a_sum_beyond_64_bits_is_refused_from_a_snapshot_too(tmp_path: Path) -> None:
    """Even that of an entity which no longer exists, as without a snapshot."""
    total = {"name": "n", "op": "total", "events": ["Added"], "of": "n"}
    plan = Plan.from_dict({"name": "Sums", "created": ["Added"], "deleted": ["Gone"], "fields": [total]})
    found = stored_timeline(Log(tmp_path / "log"), plan)
    kinds = [("a", "Added", 2**62), ("a", "Added", 2**62), ("b", "Added", 1), ("a", "Gone", 0)]
    log_of(found).append(
        [
            {
                "event_id": f"{n}",
                "stream": stream,
                "type": kind,
                "occurred_at": f"2024-01-0{n + 1}",
                "data": {"n": of},
            }
            for n, (stream, kind, of) in enumerate(kinds)
        ]
    )
    found.snapshot("2024-01-01")
    with pytest.raises(FoldError, match="event '1'"):
        found.snapshot()  # none holds a fault
    for used in (True, False):
        with pytest.raises(FaultError, match="64 bits"):
            found.as_of(snapshots=used)


def test_the_mean_of_numbers_that_no_dtype_holds_together_is_in_no_snapshot(tmp_path: Path) -> None:
    """Their exact sum has no dtype either: a snapshot is refused, and questions under a policy are answered."""
    log = Log(tmp_path / "log")
    numbers = ["2.5", "1e41", "9007199254740993"]
    log.append(
        [
            {
                "event_id": number,
                "stream": "a",
                "type": "Paid",
                "occurred_at": f"2024-01-0{day}T12:00:00Z",
                "data": f'{{"n": {number}}}',
            }
            for day, number in enumerate(numbers, 1)
        ]
    )
    plan = Plan("Numbers", (Rule(name="mean", op="mean", events=("Paid",), of="n"),))
    mean = sum(map(Fraction, numbers)) / 3
    for policy in (None, SnapshotPolicy(events=1)):
        found = Timeline(log, plan, snapshots=policy, tuning=Tuning(index=Sizes(in_memory=0)))
        assert found.as_of()["mean"].to_list() == [float(mean)]
        with pytest.raises(FoldError, match="the states cannot be stored: the sums of field 'mean'"):
            found.snapshot()
